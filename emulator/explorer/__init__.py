"""A local page that puts the emulator's answer beside the exact one while parameters are dragged.

`state` is what the page shows, and the link that restores it; `answers` computes it; `app` serves
it. `data` is a second page, of responses from a user's own file. Only `app` and `data` need dash
(the extra `explorer`).
"""
