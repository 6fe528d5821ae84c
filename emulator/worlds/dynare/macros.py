"""The macro processor: `@#` lines carried out, `@{...}` replaced.

Nothing is opened but what a file includes, and that only below the folder of the file first named;
nothing at all where there is only a file's content.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

from emulator.worlds.dynare.macro_values import MAX_ITEMS, Macros, Value, bind, truth
from emulator.worlds.dynare.places import Place, Refusal, shorten
from emulator.worlds.dynare.text import Line, decoded, read_lines

_DIRECTIVE = re.compile(r"\s*@#\s*(\w+)\s*(.*)$", re.ASCII)
_OPENS = {"if": "endif", "ifdef": "endif", "ifndef": "endif", "for": "endfor"}
_MIDDLES = ("else", "elseif")
MAX_INCLUDES = 20  # files within files
MAX_LINES = 500_000


def expand(path: Path, defines: dict[str, Value] | None = None) -> list[Line]:
    """The lines of the file at `path` after macros; `defines` are macro variables set beforehand.

    Raises Refusal.
    """
    return _Processor(path.parent.resolve(), dict(defines or {})).file(path, path.name)


def expand_content(data: bytes, shown: str) -> list[Line]:
    """The lines of a file of this content, called `shown`, after macros. It has no folder: what it
    would include is refused. Raises Refusal."""
    processor = _Processor(None, {})
    processor.run(_joined(decoded(data, shown)))
    return processor.out


class _Processor:
    """Carries out directives; one for a file and all that it includes, below `root`."""

    def __init__(self, root: Path | None, defines: dict[str, Value]) -> None:
        self.root = root
        self.paths = [] if root is None else [root]
        self.macros = Macros(defines)
        self.out: list[Line] = []
        self.depth = 0
        self.turns = 0

    def file(self, path: Path, shown: str) -> list[Line]:
        self.depth += 1
        if self.depth > MAX_INCLUDES:
            raise Refusal(Place(shown, 1), "files include each other without end")
        self.run(_joined(read_lines(path, shown)))
        self.depth -= 1
        return self.out

    def run(self, lines: list[Line]) -> None:
        at = 0
        while at < len(lines):
            line = lines[at]
            found = _DIRECTIVE.match(line.text)
            if found is None:
                self.plain(line)
                at += 1
                continue
            word, rest = found.group(1), found.group(2).strip()
            if word in _OPENS:
                marks = _branches(lines, at)
                if word == "for":
                    self.loop(rest, line.place, lines[at + 1 : marks[-1]])
                else:
                    self.choose(lines, [at, *marks])
                at = marks[-1] + 1
            else:
                self.single(word, rest, line.place)
                at += 1

    def plain(self, line: Line) -> None:
        text = line.text
        if "@{" in text:
            text = self.macros.interpolate(text, line.place)
        self.out.append(Line(text, line.place))
        if len(self.out) > MAX_LINES:
            raise Refusal(line.place, f"macros make more than {MAX_LINES:,} lines")

    def single(self, word: str, rest: str, place: Place) -> None:
        """A directive that stands alone."""
        if word == "define":
            self.define(rest.rstrip(";").strip(), place)
        elif word == "include":
            root = self.folder(rest, place)
            target = self.find(self.name(rest, place), root, place)
            self.file(target, target.relative_to(root).as_posix())
        elif word == "includepath":
            root = self.folder(rest, place)
            self.paths.append(self.below(root / self.name(rest, place), root, place))
        elif word == "error":
            raise Refusal(place, f"the file stops here itself: {shorten(rest)}")
        elif word not in ("echo", "echomacrovars", "line"):
            raise Refusal(place, f"@#{word} is not a macro directive")

    def define(self, rest: str, place: Place) -> None:
        function = re.match(r"(\w+)\s*\(([\w\s,]*)\)\s*=(?!=)\s*(.*)$", rest, re.ASCII)
        if function:
            parameters = [p.strip() for p in function.group(2).split(",")]
            self.macros.functions[function.group(1)] = (parameters, function.group(3))
            return
        variable = re.match(r"([A-Za-z_]\w*)\s*(?:=\s*(.+))?$", rest, re.ASCII)
        if variable is None:
            raise Refusal(place, f"@#define {shorten(rest)}: expected `name = value`")
        text = variable.group(2)
        self.macros.values[variable.group(1)] = (
            True if text is None else self.macros.value(text, place)
        )

    def choose(self, lines: list[Line], marks: list[int]) -> None:
        """The first branch whose condition holds; `marks` are its directives, `endif` last."""
        for start, end in pairwise(marks):
            found = _DIRECTIVE.match(lines[start].text)
            assert found is not None
            word, rest, place = found.group(1), found.group(2).strip(), lines[start].place
            if word in ("ifdef", "ifndef"):
                holds = (rest in self.macros.values) == (word == "ifdef")
            elif word == "else":
                holds = True
            else:
                holds = self.holds(rest, place)
            if holds:
                self.run(lines[start + 1 : end])
                return

    def loop(self, rest: str, place: Place, body: list[Line]) -> None:
        found = re.match(r"\(?([\w\s,]+?)\)?\s+in\s+(.*?)(?:\s+when\s+(.*))?$", rest, re.ASCII)
        if found is None:
            raise Refusal(place, f"@#for {shorten(rest)}: expected `name in array`")
        names = [n.strip() for n in found.group(1).split(",")]
        items = self.macros.value(found.group(2), place)
        if not isinstance(items, list):
            raise Refusal(place, f"@#for {shorten(rest)}: expected an array")
        for item in items:
            self.turns += 1
            if self.turns > MAX_ITEMS:
                raise Refusal(place, f"macro loops take more than {MAX_ITEMS:,} turns")
            try:
                bind(self.macros.values, names, item)
            except (TypeError, ValueError):
                raise Refusal(place, f"@#for {shorten(rest)}: names and items differ") from None
            if found.group(3) is None or self.holds(found.group(3), place):
                self.run(body)

    def holds(self, text: str, place: Place) -> bool:
        try:
            return truth(self.macros.value(text, place))
        except TypeError:
            raise Refusal(place, f"condition {shorten(text)!r} is neither true nor false") from None

    def name(self, text: str, place: Place) -> str:
        value = self.macros.value(text, place)
        if not isinstance(value, str):
            raise Refusal(place, f"expected a file name in quotes, got {shorten(text)}")
        return value

    def folder(self, rest: str, place: Place) -> Path:
        """Below which files are included."""
        if self.root is None:
            raise Refusal(
                place,
                f"{shorten(rest)}: of a file sent alone, what it includes is not read; use "
                "`emulator import` where the files lie",
            )
        return self.root

    def find(self, name: str, root: Path, place: Place) -> Path:
        """The file `name` below the root, `.mod` added where that helps."""
        for folder in self.paths:
            for candidate in (folder / name, folder / f"{name}.mod"):
                target = self.below(candidate, root, place)
                if target.is_file():
                    return target
        raise Refusal(place, f"@#include {shorten(name)!r}: no such file below {root.name}/")

    def below(self, path: Path, root: Path, place: Place) -> Path:
        try:
            target = path.resolve()
        except (OSError, ValueError, RuntimeError):
            raise Refusal(place, f"{shorten(str(path))!r} is no file name") from None
        if not target.is_relative_to(root):
            raise Refusal(
                place,
                f"{shorten(str(path))!r} lies outside the folder of the model, and nothing there "
                "is opened; copy it beside the model",
            )
        return target


def _joined(lines: list[Line]) -> list[Line]:
    """Directives that end in a backslash go on in the next line; others are left as they are."""
    out: list[Line] = []
    at = 0
    while at < len(lines):
        text, place = lines[at]
        if text.lstrip().startswith("@#"):
            while text.rstrip().endswith("\\") and at + 1 < len(lines):
                at += 1
                text = text.rstrip()[:-1] + lines[at].text
        out.append(Line(text, place))
        at += 1
    return out


def _branches(lines: list[Line], at: int) -> list[int]:
    """Where the block that opens at `at` has its middle directives and its closing one."""
    found = _DIRECTIVE.match(lines[at].text)
    assert found is not None
    closes = [_OPENS[found.group(1)]]
    marks: list[int] = []
    for position in range(at + 1, len(lines)):
        inner = _DIRECTIVE.match(lines[position].text)
        if inner is None:
            continue
        word = inner.group(1)
        if word in _OPENS:
            closes.append(_OPENS[word])
        elif word in ("endif", "endfor"):
            if word != closes.pop():
                raise Refusal(lines[position].place, f"@#{word} closes another block")
            if not closes:
                return [*marks, position]
        elif word in _MIDDLES and len(closes) == 1 and closes[0] == "endif":
            marks.append(position)
    raise Refusal(lines[at].place, f"@#{found.group(1)} is not closed; add @#{closes[0]}")
