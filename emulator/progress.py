"""How long work tells how far it is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called now and then with the steps done, the steps in all, and a word or rate to show."""

    def __call__(self, done: int, total: int, note: str, /) -> None: ...


def silent(done: int, total: int, note: str, /) -> None:
    """The progress of whoever asks for none."""
