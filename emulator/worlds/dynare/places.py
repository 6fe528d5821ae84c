"""Where something stands in a file, and the refusal that says so."""

from __future__ import annotations

from typing import NamedTuple

from emulator.errors import InputError


class Place(NamedTuple):
    """A line of a file; prints as `file:line`."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Note(NamedTuple):
    """Something the reader left out or took for granted, and where it stands."""

    place: Place
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


class Refusal(InputError):
    """A file that cannot be a world: one line with the place, the reason and the remedy."""

    def __init__(self, place: Place, reason: str) -> None:
        super().__init__(" ".join(f"{place}: {reason}".split()))
        self.place = place
        self.reason = reason


def shorten(text: str, limit: int = 60) -> str:
    """`text` on one line, cut to `limit` characters, for use within a message."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 3] + "..."
