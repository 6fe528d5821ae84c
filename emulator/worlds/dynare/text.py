"""A file's text as lines with their places, comments taken out.

Comments run from `//` or `%` to the end of the line, or from `/*` to `*/`. Neither begins within
quotes or a TeX name. Line breaks within comments stay, so that every line keeps its number.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from emulator.worlds.dynare.places import Place, Refusal

# The largest public file has 0.4 MB.
MAX_BYTES = 4_000_000


class Line(NamedTuple):
    """One line without its break, and where it stands."""

    text: str
    place: Place


def read_lines(path: Path, shown: str) -> list[Line]:
    """The lines of the file at `path`, called `shown` in messages; UTF-8, or else Latin-1.

    Raises Refusal for a file that cannot be read, is too large, or is no text.
    """
    top = Place(shown, 1)
    try:
        if path.is_dir():
            raise Refusal(top, "is a folder; name a .mod file")
        if not path.is_file():
            raise Refusal(top, "no such file")
        if path.stat().st_size > MAX_BYTES:
            limit = f"{MAX_BYTES // 1_000_000} MB"
            raise Refusal(top, f"is larger than {limit}; a model file is not, so check the name")
        data = path.read_bytes()
    except OSError as error:
        raise Refusal(top, f"cannot be read ({error.strerror})") from None
    return decoded(data, shown)


def decoded(data: bytes, shown: str) -> list[Line]:
    """The lines of a file's content, as `read_lines`. Raises Refusal for what is no text."""
    if b"\x00" in data:
        raise Refusal(Place(shown, 1), "is no text file; name a .mod file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return split_lines(text, shown)


def split_lines(text: str, shown: str) -> list[Line]:
    """`text` as lines, comments blanked."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = without_comments(text).split("\n")
    return [Line(line, Place(shown, number)) for number, line in enumerate(lines, 1)]


def without_comments(text: str) -> str:
    """`text` with comments replaced by a blank each, line breaks kept."""
    out: list[str] = []
    i, size = 0, len(text)
    while i < size:
        c = text[i]
        if c == '"' or (c == "'" and opens_string(text, i)) or c == "$":
            end = _closing_quote(text, i)
            out.append(text[i:end])
            i = end
        elif text.startswith("/*", i):
            end = text.find("*/", i + 2)
            end = size if end < 0 else end + 2
            out.append(" " + "\n" * text.count("\n", i, end))
            i = end
        elif c == "%" or text.startswith("//", i):
            end = text.find("\n", i)
            i = size if end < 0 else end
        else:
            out.append(c)
            i += 1
    return "".join(out)


def opens_string(text: str, i: int) -> bool:
    """Whether the apostrophe at `i` opens a string, rather than transposing what stands before."""
    return i == 0 or not (text[i - 1].isalnum() or text[i - 1] in ")]}'_.")


def _closing_quote(text: str, i: int) -> int:
    """The position after the string or TeX name that opens at `i`; one that does not close on its
    line is a lone character."""
    end = text.find(text[i], i + 1)
    line_end = text.find("\n", i)
    if end < 0 or (0 <= line_end < end):
        return i + 1
    return end + 1
