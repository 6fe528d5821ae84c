"""Native `if` and `for` that are open where a script stands, and whether what they hold runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from emulator.worlds.base import FloatArray
from emulator.worlds.dynare.data import level_zero
from emulator.worlds.dynare.places import Place, Refusal
from emulator.worlds.dynare.statements import CLOSES
from emulator.worlds.dynare.tokens import Token

Tokens = tuple[Token, ...]
State = Literal["run", "skipped", "unknown"]


@dataclass
class Frame:
    """One that is open.

    state: of the branch at hand; decided: whether an earlier branch runs. variable: a loop's, where
    its first round is followed; names: what was set since, and where.
    """

    word: str
    place: Place
    state: State
    decided: bool = False
    variable: str = ""
    names: dict[str, Place] = field(default_factory=dict)


class Control:
    """The frames that are open.

    number, vector: what tokens are at the calibration, None where it is not known.
    """

    def __init__(
        self,
        number: Callable[[Tokens], float | None],
        vector: Callable[[Tokens], FloatArray | None],
    ) -> None:
        self._number, self._vector = number, vector
        self.frames: list[Frame] = []

    @property
    def state(self) -> State:
        """Whether statements here run, as far as it is known."""
        return self.frames[-1].state if self.frames else "run"

    def mark(self, name: str, place: Place) -> None:
        """`name` is set here."""
        for frame in self.frames:
            frame.names.setdefault(name, place)

    def not_run(self, name: str, place: Place, begins: Place | None = None) -> Refusal:
        """The refusal of a parameter that is set where it is not known whether it is."""
        begins = begins or self.frames[-1].place
        return Refusal(
            place,
            f"{name} is set within native code that begins in line {begins.line}, which is not "
            "run; use @#if, or give the value in a values file",
        )

    def open(self, head: Tokens) -> tuple[str, float] | None:
        """`if`, `for` and their like. Returns a loop's variable and its first value."""
        word, outer = head[0].text, self.state
        frame = Frame(word, head[0].place, outer, decided=outer == "skipped")
        first: tuple[str, float] | None = None
        if outer == "run" and word == "if":
            frame.state = self._truth(head[1:])
            frame.decided = frame.state == "run"
        elif outer == "run":
            first = self._first(head) if word == "for" else None
            if first is None:
                frame.state = "unknown"
            else:
                frame.variable = first[0]
        self.frames.append(frame)
        return first

    def other(self, head: Tokens) -> None:
        """`else` and `elseif`; other words leave things as they are."""
        if not self.frames or self.frames[-1].state == "unknown":
            return
        frame = self.frames[-1]
        if head[0].text not in ("else", "elseif"):
            return
        if frame.decided:
            frame.state = "skipped"
        else:
            frame.state = "run" if head[0].text == "else" else self._truth(head[1:])
            frame.decided = frame.state == "run"

    def close(self) -> Frame | None:
        """`end`. Returns the frame where it is a loop's that was followed."""
        frame = self.frames.pop() if self.frames else None
        return frame if frame is not None and frame.variable else None

    def _truth(self, tokens: Tokens) -> State:
        value = self._number(tokens)
        return "unknown" if value is None else "run" if value else "skipped"

    def _first(self, head: Tokens) -> tuple[str, float] | None:
        """Name and first value of `for name = first:last`."""
        if len(head) < 4 or head[1].kind != "name" or head[2].text != "=":
            return None
        right = head[3:]
        vector = self._vector(right)
        if vector is not None:
            return (head[1].text, float(vector.flat[0])) if vector.size else None
        colons = level_zero(right, (":",))
        value = self._number(right[: colons[0]]) if colons else None
        return None if value is None else (head[1].text, value)


def header(tokens: Tokens) -> tuple[Tokens, Tokens]:
    """A control line's head, without a mark that ends it, and what else stands in the line."""
    marks = level_zero(tokens, (";", ","))
    return (tokens[: marks[0]], tokens[marks[0] + 1 :]) if marks else (tokens, ())


def closes(tokens: Tokens) -> bool:
    """Whether an `end` stands among the tokens."""
    return any(token.text in CLOSES for token in tokens)
