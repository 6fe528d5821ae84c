"""Lines to tokens."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

from emulator.worlds.dynare.places import Place, Refusal, shorten
from emulator.worlds.dynare.text import Line

Kind = Literal["number", "name", "string", "tex", "sign", "other", "end"]

# Everything a file may hold, native lines included: what no expression can use is `other`.
_TOKEN = re.compile(
    r"""(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?)
    | (?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)
    | (?P<string>"[^"]*"|(?<![\w)\]}'.])'[^']*')
    | (?P<tex>\$[^$]*\$)
    | (?P<sign>\.\.\.|\.\^|\.\*|\./|\*\*|<=|>=|==|!=|~=|&&|\|\||\+=|[-+*/^()<>=,!\[\]:{};@&|~?\#])
    | (?P<other>\S)""",
    re.VERBOSE | re.ASCII,
)
# Many times the largest public file; a macro loop that passes it has lost its way.
MAX_TOKENS = 2_000_000


class Token(NamedTuple):
    """One token. row: the line it came from, counted after macros."""

    kind: Kind
    text: str
    place: Place
    row: int


def tokenize(lines: Iterable[Line], start: int = 0) -> list[Token]:
    """The tokens of `lines`; rows count from `start`. Strings and TeX names keep their marks."""
    out: list[Token] = []
    for row, line in enumerate(lines, start):
        for match in _TOKEN.finditer(line.text):
            kind: Kind = match.lastgroup  # type: ignore[assignment]
            out.append(Token(kind, match.group(), line.place, row))
        if len(out) > MAX_TOKENS:
            raise Refusal(line.place, f"more than {MAX_TOKENS:,} words: a macro loop runs too long")
    return out


def spell(tokens: Iterable[Token], limit: int | None = None) -> str:
    """The tokens as text that reads back as the same tokens, or cut for a message."""
    text = " ".join(t.text for t in tokens)
    return text if limit is None else shorten(text, limit)
