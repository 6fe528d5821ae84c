"""A local page that puts the emulator's answer beside the exact one while parameters are dragged.

`state` is what the page shows, and the link that restores it; `answers` computes it; `app` serves
it; `models` takes models dropped on it. `files` has the pages of a user's data and of an estimate.
All but `state` and `answers` need dash (the extra `explorer`).
"""
