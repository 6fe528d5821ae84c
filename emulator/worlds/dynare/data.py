"""Numbers that a script keeps in vectors, or beside the model in a file of data."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Container, Sequence
from pathlib import Path

import numpy as np
from scipy.io import loadmat, whosmat

from emulator.worlds.base import FloatArray
from emulator.worlds.dynare.tokens import Token

_LARGEST_FILE = 20_000_000
# Numbers of one variable; parameters are few, and data series are not wanted.
_LARGEST = 10_000


class Numbers(dict[str, FloatArray]):
    """Matrices by name, which take the place of their names and elements in a script.

    number: what an index is, None where it is not known.
    """

    def __init__(self, number: Callable[[tuple[Token, ...]], float | None]) -> None:
        super().__init__()
        self._number = number

    def fill(self, tokens: tuple[Token, ...], declared: Container[str]) -> tuple[Token, ...]:
        """The tokens with numbers for data, names that are `declared` aside."""
        out: list[Token] = []
        at = 0
        while at < len(tokens):
            token = tokens[at]
            known = token.kind == "name" and token.text in self and token.text not in declared
            following = tokens[at + 1].text if at + 1 < len(tokens) else ""
            number, taken = None, 1
            if known and following == "(":
                number, taken = self._element(tokens, at)
            elif known and following != "=" and self[token.text].size == 1:
                number = float(self[token.text].flat[0])
            if number is None:
                out.append(token)
                at += 1
            else:
                out += self.spelled(number, token)
                at += taken
        return tuple(out)

    @staticmethod
    def spelled(number: float, where: Token) -> list[Token]:
        """A number as tokens; a negative one in parentheses, for what stands beside it."""
        finite = np.isfinite(number)
        text = repr(abs(number)) if finite else "NaN" if np.isnan(number) else "Inf"
        whole = where._replace(kind="number" if finite else "name", text=text)
        if not number < 0.0:
            return [whole]
        opens, minus, shuts = (where._replace(kind="sign", text=mark) for mark in "(-)")
        return [opens, minus, whole, shuts]

    def _element(self, tokens: tuple[Token, ...], at: int) -> tuple[float | None, int]:
        """The number that `name(3)` or `name(2, 1)` at `at` is, and how many tokens it has."""
        close = next((i for i in range(at, len(tokens)) if tokens[i].text == ")"), at)
        inner = self.fill(tokens[at + 2 : close], ())
        commas = level_zero(inner, (",",))
        parts = [inner] if not commas else [inner[: commas[0]], inner[commas[0] + 1 :]]
        places = [int(p) - 1 for p in map(self._number, parts) if p is not None and p == int(p)]
        if len(places) != len(parts) or min(places) < 0:
            return None, 1
        numbers = self[tokens[at].text]
        try:
            value = numbers.T.flat[places[0]] if len(places) == 1 else numbers[places[0], places[1]]
        except IndexError:
            return None, 1
        return float(value), close - at + 1


def level_zero(tokens: Sequence[Token], marks: Container[str]) -> list[int]:
    """Where `marks` stand outside parentheses and brackets."""
    out: list[int] = []
    level = 0
    for i, token in enumerate(tokens):
        level += (token.text in ("(", "[")) - (token.text in (")", "]"))
        if level <= 0 and token.text in marks:
            out.append(i)
    return out


def elements(tokens: Sequence[Token]) -> FloatArray | None:
    """The numbers of `[1 2.5, -3]` as (1, n); None for what is no such vector."""
    if len(tokens) < 2 or tokens[0].text != "[" or tokens[-1].text != "]":
        return None
    out: list[float] = []
    sign, fresh = 1.0, True
    for token in tokens[1:-1]:
        if token.kind == "number":
            out.append(sign * float(token.text.lower().replace("d", "e")))
            sign, fresh = 1.0, False
        elif token.text == "-" and fresh and sign > 0.0:
            sign = -1.0  # of a number that comes first, or after a comma
        elif token.text == "," and not fresh:
            fresh = True
        else:
            return None
    return np.array([out]) if sign > 0.0 else None


def load(tokens: Sequence[Token], folder: Path | None) -> dict[str, FloatArray] | None:
    """What `load NAME` brings, as matrices by name; None where the file cannot be had.

    tokens: after the word `load`. Only a file below `folder` is opened: .mat as MATLAB 5 to 7
    writes it, of which real matrices are taken, or text of numbers, called after its file.
    """
    path = _beside(tokens, folder)
    if path is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _matrices(path) if path.suffix.lower() == ".mat" else _text(path)
    except Exception:  # whatever is wrong with data: SciPy's reader raises many kinds of error
        return None


def load_named(tokens: Sequence[Token], folder: Path | None) -> dict[str, float] | None:
    """The numbers in a file of Dynare's save_params_and_steady_state, by name; None as in `load`.

    tokens: `('file')`.
    """
    path = _beside(tokens, folder)
    if path is None:
        return None
    try:
        lines = [line.split() for line in path.read_text("latin-1").splitlines()]
        return {line[0]: float(line[1]) for line in lines if len(line) == 2}
    except (OSError, ValueError):
        return None


def _beside(tokens: Sequence[Token], folder: Path | None) -> Path | None:
    """The file that is named, below `folder`."""
    name = _name(tokens)
    if folder is None or not name:
        return None
    try:
        root = folder.resolve()
        for candidate in (name, f"{name}.mat"):
            path = (root / candidate).resolve()
            if path.is_relative_to(root) and path.is_file():
                return path if path.stat().st_size <= _LARGEST_FILE else None
    except (OSError, ValueError, RuntimeError):
        return None
    return None


def _name(tokens: Sequence[Token]) -> str:
    """The file's name in `load name`, `load name;`, `load('name')` and `load 'name'`."""
    kept = [t for t in tokens if t.text not in ("(", ")", ";")]
    if kept and kept[0].kind == "string":
        return kept[0].text[1:-1] if len(kept) == 1 else ""
    return "".join(token.text for token in kept)


def _matrices(path: Path) -> dict[str, FloatArray]:
    wanted = [
        name
        for name, shape, kind in whosmat(path)
        if kind in ("double", "single") and len(shape) == 2 and 0 < np.prod(shape) <= _LARGEST
    ]
    found = loadmat(path, variable_names=wanted)
    numbers = {name: np.asarray(found[name]) for name in wanted}
    # whole numbers come in the small type that they are stored in
    return {n: v.astype(np.float64) for n, v in numbers.items() if v.dtype.kind in "fiu"}


def _text(path: Path) -> dict[str, FloatArray]:
    numbers = np.loadtxt(path, dtype=np.float64, comments="%", ndmin=2)
    return {path.stem: numbers} if 0 < numbers.size <= _LARGEST else {}
