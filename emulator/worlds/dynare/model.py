"""What a model file says, as data over one expression graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from emulator.worlds.dynare.graph import Graph, Symbol
from emulator.worlds.dynare.places import Note, Place, Refusal
from emulator.worlds.dynare.statements import Statement


class Equation(NamedTuple):
    """An equation as one side that is zero; `tags` as in `[name='Taylor rule']`."""

    node: int
    place: Place
    tags: dict[str, str]


class Moment(NamedTuple):
    """An entry of the shocks' covariance: `stderr` and `variance` of one shock, `covariance` and
    `correlation` of two."""

    kind: Literal["stderr", "variance", "covariance", "correlation"]
    node: int
    place: Place


class Prior(NamedTuple):
    """A line of `estimated_params`; None for what it leaves out.

    kind: what is estimated: a parameter, a shock's s.d., or a correlation (`name` is `a,b`).
    shape: beta, gamma, normal, uniform, inv_gamma, inv_gamma2, weibull, or none (likelihood alone).
    third, fourth: the support's ends, or shift, as Dynare's p3 and p4.
    """

    kind: Literal["parameter", "stderr", "correlation"]
    name: str
    shape: str
    mean: float | None
    sd: float | None
    third: float | None
    fourth: float | None
    initial: float | None
    lower: float | None
    upper: float | None
    place: Place


@dataclass
class Model:
    """A file as read. Nodes are numbers of `graph`.

    values: what each parameter is, over `free` leaves; computed ones follow what they are
    computed from. defaults: the file's number for each free leaf. unread: parameters set by what
    is not read, and why. auxiliary: variables that stand for expectations formed earlier, and
    what they are. static_only, dynamic_only: which equations hold only in the steady state, or
    only off it (by position in `equations`). steady: the assignments of
    steady_state_model in order, parameters among them; None without the block. steady_file: the
    MATLAB file beside the model that computes its steady state instead. unchecked: whether the
    file has steady_state_model taken as it stands, though equations may not hold. covariance: by
    shock (a, a) or pair (a, b). rule: the policy rule that replaces the
    file's own, in words. kept: the statements that count, for printing.
    """

    file: str
    graph: Graph = field(default_factory=Graph)
    endogenous: dict[str, Place] = field(default_factory=dict)
    exogenous: dict[str, Place] = field(default_factory=dict)
    parameters: dict[str, Place] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    predetermined: set[str] = field(default_factory=set)
    observed: list[str] = field(default_factory=list)
    values: dict[str, int] = field(default_factory=dict)
    defaults: dict[Symbol, float] = field(default_factory=dict)
    unread: dict[str, Refusal] = field(default_factory=dict)
    equations: list[Equation] = field(default_factory=list)
    auxiliary: dict[str, int] = field(default_factory=dict)
    static_only: list[Equation] = field(default_factory=list)
    dynamic_only: set[int] = field(default_factory=set)
    steady: list[tuple[str, int]] | None = None
    steady_file: str | None = None
    unchecked: bool = False
    initial: dict[str, int] = field(default_factory=dict)
    exogenous_steady: dict[str, int] = field(default_factory=dict)
    covariance: dict[tuple[str, str], Moment] = field(default_factory=dict)
    priors: list[Prior] = field(default_factory=list)
    linear: bool = False
    rule: str | None = None
    notes: list[Note] = field(default_factory=list)
    kept: list[Statement] = field(default_factory=list)

    def print(self) -> str:
        """The file without macros, comments and what does not count; reads back as this model."""
        return "".join(f"{statement}\n" for statement in self.kept)

    def note(self, place: Place, text: str) -> None:
        self.notes.append(Note(place, text))
