"""What a script has set so far: parameters, helper numbers, and native code that is followed.

Of MATLAB's language only this is: numbers and vectors, set_param_value, `load` of data beside the
model, `if` with a condition that is known, and the first round of a `for` loop in which the first
command stands. Everything else is skipped; where it would set a parameter, the file is refused.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from emulator.worlds.base import FloatArray
from emulator.worlds.dynare.control import Control, State, Tokens, closes, header
from emulator.worlds.dynare.data import Numbers, elements, level_zero, load, load_named
from emulator.worlds.dynare.graph import Symbol
from emulator.worlds.dynare.model import Model
from emulator.worlds.dynare.places import Place, Refusal
from emulator.worlds.dynare.program import Program
from emulator.worlds.dynare.scopes import ScriptScope
from emulator.worlds.dynare.statements import CLOSES, Statement
from emulator.worlds.dynare.syntax import parse, split_equation
from emulator.worlds.dynare.tokens import Token, spell

# Native lines without consequence, by their first word: not worth a note.
_QUIET = {
    "close", "clear", "clc", "clearvars", "tic", "toc", "warning", "format", "more", "addpath",
    "disp",
}  # fmt: skip


class Script:
    """A script's numbers, statement by statement.

    given: values for parameters, which the file's own do not replace. folder: where the model lies,
    and data to load; None where a file has none.
    """

    def __init__(self, model: Model, given: Mapping[str, float], folder: Path | None) -> None:
        self.model, self.given, self.folder = model, given, folder
        self.graph = model.graph
        self._helpers: dict[str, int] = {}
        self._data = Numbers(self._number)
        self._control = Control(self._number, self._vector)

    @property
    def state(self) -> State:
        """Whether statements here run, as far as it is known."""
        return self._control.state

    @property
    def values(self) -> Mapping[str, int]:
        """Nodes by name: parameters as they stand, and helper numbers."""
        return ChainMap(self.model.values, self._helpers)

    def fill(self, statement: Statement) -> Statement:
        """The statement with data replaced by the numbers they are."""
        if not self._data or statement.keyword in ("model", "steady_state_model"):
            return statement
        m = self.model
        # a declared name means the parameter or variable, not its copy in the workspace
        own = statement.keyword in ("native", "control")
        declared = {} if own else {**m.parameters, **m.endogenous, **m.exogenous}
        return replace(
            statement,
            tokens=self._data.fill(statement.tokens, declared),
            body=tuple(self._data.fill(part, declared) for part in statement.body),
        )

    # ------------------------------------------------------------------ parameters

    def assign(self, statement: Statement) -> bool:
        """`name = value;` of a declared name. Returns whether it counts."""
        name, place = statement.tokens[0].text, statement.place
        left, right = split_equation(statement.tokens)
        if right is None or len(left) != 1:
            raise Refusal(place, f"expected `{name} = value`, got {spell(statement.tokens, 60)!r}")
        if name not in self.model.parameters:
            self.model.note(place, f"{name} is set outside initval, which changes nothing here")
            return False
        if self.state == "unknown":
            raise self._control.not_run(name, place)
        if name in self.given:
            return False
        self._control.mark(name, place)
        try:
            node = parse(right, self._scope(), place)
        except Refusal as refusal:
            self.model.note(refusal.place, f"{name}: {refusal.reason}")
            reason = Refusal(place, refusal.reason)
            self.model.unread[name] = reason
            for token, following in pairwise(right):  # assignments that it has run into
                if following.text == "=" and token.text in self.model.parameters:
                    self.model.unread.setdefault(token.text, reason)
            self.model.values.pop(name, None)
            self._forget(name)
            return False
        self.set(name, node)
        return True

    def set(self, name: str, node: int) -> None:
        """Give a parameter its value: a number becomes a leaf that draws may set."""
        if node in self.graph.value:
            version = sum(s.name == name for s in self.model.defaults)
            symbol = Symbol("free", name, version)
            self.model.defaults[symbol] = self.graph.value[node]
            node = self.graph.leaf(symbol)
        self.model.values[name] = node
        self._forget(name)
        self.model.unread.pop(name, None)

    def saved(self, statement: Statement) -> Iterator[Statement]:
        """What load_params_and_steady_state brings, as statements; none where it cannot be had."""
        found = load_named(statement.tokens, self.folder)
        if found is None:
            self.model.note(statement.place, f"not read: {spell(statement.tokens, 60)}")
            return
        m, place = self.model, statement.place
        mark = Token("sign", "=", place, 0)
        starts = []
        for name, number in found.items():
            tokens = (Token("name", name, place, 0), mark, *Numbers.spelled(number, mark))
            if name in m.parameters:
                yield Statement("=", tokens, place)
            elif name in m.endogenous or name in m.exogenous:
                starts.append(tokens)
        if starts:
            yield Statement("initval", (), place, tuple(starts))

    def _scope(self) -> ScriptScope:
        return ScriptScope(self.model, self.values, parameters=False)

    def _forget(self, name: str) -> None:
        self._helpers.pop(name, None)
        self._data.pop(name, None)

    # ------------------------------------------------------------------ native code

    def native(self, statement: Statement) -> bool:
        """A line of MATLAB or Octave. Returns whether it counts."""
        tokens = statement.tokens
        if tokens[0].text == "load":
            self._load(statement)
            return False
        understood = False
        for part in _pieces(tokens):
            target, right = _assignment(part)
            if target is None or right is None:
                continue
            if part[0].text == "set_param_value" and target in self.model.parameters:
                understood |= self._set_param_value(target, right, statement)
            else:
                understood |= self._helper(target, right, statement.place)
        if not understood and tokens[0].text not in _QUIET:
            self.model.note(statement.place, f"native line skipped: {spell(tokens, 60)}")
        return understood

    def _set_param_value(self, name: str, right: Tokens, statement: Statement) -> bool:
        if self.state == "unknown":
            raise self._control.not_run(name, statement.place)
        try:
            node = parse(right, self._scope(), statement.place)
        except Refusal:
            return False
        self._control.mark(name, statement.place)
        if name not in self.given:
            self.set(name, node)
        return True

    def _helper(self, name: str, right: Tokens, place: Place) -> bool:
        """A number or a vector under a name of its own. Returns whether it is a number."""
        vector = self._vector(right)
        self._forget(name)
        if self.state == "unknown":
            return False
        self._control.mark(name, place)
        if vector is not None:
            self._data[name] = vector
            return False
        try:
            node = parse(right, self._scope(), place)
        except Refusal:
            return False
        if name in self.model.parameters:  # its copy in the workspace, not the parameter
            if node in self.graph.value:
                self._data[name] = np.array([[self.graph.value[node]]])
            return False
        self._helpers[name] = node
        return True

    def _load(self, statement: Statement) -> None:
        found = load(statement.tokens[1:], self.folder) if self.state == "run" else None
        if found is None:
            shown = spell(statement.tokens, 60)
            self.model.note(statement.place, f"native line skipped: {shown}")
        for name, numbers in (found or {}).items():
            self._forget(name)
            self._data[name] = numbers

    def control(self, statement: Statement) -> None:
        """A line that begins with `if`, `for`, `else`, `end` or one of their like."""
        head, rest = header(statement.tokens)
        if closes(rest):  # all of it in one line
            for token, following in pairwise(rest):
                if token.text == "set_param_value":
                    raise self._control.not_run("a parameter", token.place, token.place)
                if following.text == "=":
                    self._forget(token.text)
            self.model.note(statement.place, f"native line skipped: {spell(statement.tokens, 60)}")
            return
        if head[0].text in CLOSES:
            self._leave_loop()
        elif head[0].text in ("else", "elseif", "case", "otherwise", "catch", "until"):
            self._control.other(head)
        else:
            first = self._control.open(head)
            if first is not None:
                self._forget(first[0])
                self._data[first[0]] = np.array([[first[1]]])
        if rest:
            self.native(Statement("native", rest, statement.place))

    def _leave_loop(self) -> None:
        """A loop that ran to its end without a command: only its last round would count."""
        loop = self._control.close()
        if loop is None:
            return
        for name, place in loop.names.items():
            if name in self.model.parameters:
                raise self._control.not_run(name, place, loop.place)
            self._forget(name)
        self._forget(loop.variable)

    # ------------------------------------------------------------------ values

    def _vector(self, tokens: Tokens) -> FloatArray | None:
        """The numbers of `[1 2 3]` or of data under another name; None for anything else."""
        if len(tokens) == 1 and tokens[0].text in self._data:
            return self._data[tokens[0].text]
        return elements(tokens)

    def _number(self, tokens: Tokens) -> float | None:
        """What an expression is at the calibration; None where it is not known."""
        if not tokens:
            return None
        try:
            node = parse(tokens, self._scope(), tokens[0].place)
        except Refusal:
            return None
        with np.errstate(all="ignore"):
            value = float(Program(self.graph, [node])(self.model.defaults)[0])
        return value if np.isfinite(value) else None


def _pieces(tokens: Tokens) -> list[Tokens]:
    """A native line's statements, without the marks of a line that goes on."""
    plain = tuple(t for t in tokens if t.text != "...")
    ends = [*level_zero(plain, (";",)), len(plain)]
    starts = [0, *(end + 1 for end in ends)]
    pieces = [plain[start:end] for start, end in zip(starts, ends, strict=False)]
    return [piece for piece in pieces if piece]


def _assignment(tokens: Tokens) -> tuple[str | None, Tokens | None]:
    """The name a native statement sets and what to, or None."""
    if len(tokens) > 2 and tokens[0].kind == "name" and tokens[1].text == "=":
        return tokens[0].text, tokens[2:]
    head = tokens[0].text == "set_param_value" and len(tokens) > 5 and tokens[-1].text == ")"
    if head and tokens[2].kind == "string" and tokens[3].text == ",":
        return tokens[2].text[1:-1], tokens[4:-1]
    return None, None
