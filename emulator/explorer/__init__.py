"""A local page that puts the emulator's answer beside the exact one while parameters are dragged.

`state` is what the page shows, and the link that restores it; `answers` computes it; `app` serves
it. Only `app` needs dash (the extra `explorer`).
"""
