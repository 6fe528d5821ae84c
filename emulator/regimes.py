"""The information contract: which inputs a model sees.

| regime | world | theta | shock_token | eps_sequence | history | answers                        |
| ------ | ----- | ----- | ----------- | ------------ | ------- | ------------------------------ |
| A      | yes   | yes   | yes         | yes          | no      | model and shocks known         |
| B1     | yes   | no    | yes         | no           | yes     | model class known, not theta   |
| B2     | no    | no    | yes         | no           | yes     | fully blind                    |
| C      | yes   | yes   | yes         | no           | yes     | calibrated, shocks unknown     |
| D      | yes   | no    | yes         | yes          | yes     | shocks identified, not theta   |

`shock_token = (shock, size)` says which response is asked for and is always given. `eps_sequence`
is the innovation path from rest to now (for trajectories, on through the forecast window); it is
not the same thing. Where theta is known, past innovations do not move the response from the steady
state, so that task leaves them out.

`build_inputs` is the only place where a model's inputs are made from data. What a regime forbids is
never put in, so no model can read it. Two departures exist for ablations, `without` and `extra`.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

import torch

from emulator.errors import InputError, unknown_name
from emulator.limits import AHEAD, MAX_HISTORY, MIN_HISTORY, RUN_IN
from emulator.specs import WorldSpec

if TYPE_CHECKING:
    from jaxtyping import Float

REMOVABLE = ("world", "theta", "eps", "history")  # inputs an ablation can take away
ADDABLE = ("history", "flags")  # inputs an ablation can give beyond the contract


class Regime(StrEnum):
    """An information regime; see the module docstring."""

    A = "A"
    B1 = "B1"
    B2 = "B2"
    C = "C"
    D = "D"


RegimeName = Literal["A", "B1", "B2", "C", "D", "all"]  # what a run is trained in


@dataclass(frozen=True)
class Contract:
    """Which inputs a regime gives besides the shock token."""

    world: bool
    theta: bool
    eps_sequence: bool
    history: bool


CONTRACTS: Mapping[Regime, Contract] = {
    Regime.A: Contract(world=True, theta=True, eps_sequence=True, history=False),
    Regime.B1: Contract(world=True, theta=False, eps_sequence=False, history=True),
    Regime.B2: Contract(world=False, theta=False, eps_sequence=False, history=True),
    Regime.C: Contract(world=True, theta=True, eps_sequence=False, history=True),
    Regime.D: Contract(world=True, theta=False, eps_sequence=True, history=True),
}


class Task(StrEnum):
    """What is asked of a model.

    steady_state: the response from the steady state. state_dependent: the response from the state
    at the end of the sample; in linear worlds the two are equal. trajectory: the observables of
    the quarters after now, a simulation where the innovations are known, a forecast otherwise.
    """

    steady_state = "steady_state"
    state_dependent = "state_dependent"
    trajectory = "trajectory"


TARGETS: Mapping[Task, str] = {Task.steady_state: "irfs", Task.state_dependent: "irfs_state"}


def tasks(spec: WorldSpec) -> tuple[Task, ...]:
    """The response tasks that are distinct in a world."""
    return (Task.steady_state,) if spec.linear else (Task.steady_state, Task.state_dependent)


@dataclass(frozen=True)
class Inputs:
    """What a model sees of B draws of one world. None marks what the regime does not give.

    world: the world's name. shocks: names of the S shocks asked for. size: (B, S) in s.d.s, one
    for trajectories. theta: (B, P), physical units. history: (B, L, 3), the last L quarters before
    now. eps: (B, T + ahead, S), the innovations from rest to now and through the quarters ahead,
    in s.d.s. flags: (B, T), the regime or whether the bound binds, from rest to now; only where an
    ablation gives them. ahead: quarters to forecast, 0 where a response is asked for.
    """

    world: str | None
    shocks: tuple[str, ...]
    task: Task
    size: Float[torch.Tensor, "B S"]
    theta: Float[torch.Tensor, "B P"] | None = None
    history: Float[torch.Tensor, "B L 3"] | None = None
    eps: Float[torch.Tensor, "B quarters S"] | None = None
    flags: Float[torch.Tensor, "B T"] | None = None
    ahead: int = 0

    def __len__(self) -> int:
        return len(self.size)

    def to_one(self, shock: str) -> Inputs:
        """The same question for one of its shocks. Not where innovations are known: those of all
        shocks belong together."""
        assert self.eps is None
        k = self.shocks.index(shock)
        return replace(self, shocks=(shock,), size=self.size[:, k : k + 1])

    @property
    def has_sequence(self) -> bool:
        """Whether anything is known of the past."""
        return not (self.history is None and self.eps is None and self.flags is None)


def contract(regime: Regime, without: Set[str] = frozenset()) -> Contract:
    """What a regime gives, less the inputs an ablation takes away. Raises InputError where theta
    would be left without the world that names it, or nothing but the shock is left."""
    given = CONTRACTS[regime]
    for name in without:
        if name not in REMOVABLE:
            raise unknown_name("input to leave out", name, REMOVABLE)
    given = Contract(
        world=given.world and "world" not in without,
        theta=given.theta and "theta" not in without,
        eps_sequence=given.eps_sequence and "eps" not in without,
        history=given.history and "history" not in without,
    )
    if not given.world and given.theta:
        raise InputError("theta means nothing without the world: leave out both")
    if not given.world and not given.history:
        raise InputError("neither world nor history is left: nothing says which model is meant")
    return given


def given(regime: Regime) -> frozenset[str]:
    """The inputs that a regime gives, by their names in `REMOVABLE`."""
    row = CONTRACTS[regime]
    there = {
        "world": row.world, "theta": row.theta, "eps": row.eps_sequence, "history": row.history
    }  # fmt: skip
    return frozenset(name for name in REMOVABLE if there[name])


def telling(regime: Regime, task: Task) -> frozenset[str]:
    """Of what a regime gives, what bears on the answer: where theta is known, the past does not
    move the response from the steady state, so that A and C ask the same of it."""
    if task is Task.steady_state and "theta" in given(regime):
        return given(regime) - {"eps", "history"}
    return given(regime)


def fields_needed(
    regime: Regime,
    task: Task = Task.steady_state,
    *,
    without: Set[str] = frozenset(),
    extra: Set[str] = frozenset(),
) -> tuple[str, ...]:
    """The data-set fields `build_inputs` reads."""
    given = contract(regime, without)
    wanted = {
        "shock_size": task is not Task.trajectory,
        "theta": given.theta,
        "trajectories": given.history or "history" in extra,
        "eps": _uses_eps(given, task),
        "flags": "flags" in extra,
    }
    return tuple(name for name, read in wanted.items() if read)


def _uses_eps(given: Contract, task: Task) -> bool:
    return given.eps_sequence and not (given.theta and task is Task.steady_state)


def build_inputs(
    sample: Mapping[str, torch.Tensor],
    spec: WorldSpec,
    regime: Regime,
    task: Task = Task.steady_state,
    *,
    history_length: int = MAX_HISTORY,
    run_in: int = RUN_IN,
    now: int | None = None,
    without: Set[str] = frozenset(),
    extra: Set[str] = frozenset(),
) -> Inputs:
    """Model inputs for a batch of one world's samples, exactly what `regime` allows.

    sample: data-set fields (theta (B, P), shock_size (B, S), trajectories (B, T, 3), eps
    (B, T, S), flags (B, T)); fields the regime forbids may be absent or hold anything. now:
    quarters from rest to now, None for the end of the sample. history_length: quarters of history
    before now, between 40 and 200; the first `run_in` quarters are never shown. without, extra:
    inputs taken away from or given beyond the contract, for ablations. Raises InputError.
    """
    given = contract(regime, without)
    for name in extra:
        if name not in ADDABLE:
            raise unknown_name("input to add", name, ADDABLE)
    ahead = AHEAD if task is Task.trajectory else 0
    history = flags = eps = None
    if given.history or "history" in extra:
        if not MIN_HISTORY <= history_length <= MAX_HISTORY:
            raise InputError(
                f"history: expected {MIN_HISTORY} to {MAX_HISTORY} quarters, got {history_length}"
            )
        path = sample["trajectories"][:, :now]
        available = path.shape[1] - run_in
        if available < history_length:
            raise InputError(
                f"history: {history_length} quarters asked for, {available} there after the "
                f"run-in of {run_in}"
            )
        history = path[:, path.shape[1] - history_length :]
    if _uses_eps(given, task):
        eps = sample["eps"]
        if now is not None:
            if eps.shape[1] < now + ahead:
                raise InputError(
                    f"eps: {now} quarters to now and {ahead} ahead asked for, {eps.shape[1]} there"
                )
            eps = eps[:, : now + ahead]
    if "flags" in extra:
        flags = sample["flags"][:, :now]
    if task is Task.trajectory:
        # Responses to one s.d. make a path. What the regime reads says how many rows there are;
        # where it reads nothing but the world, any field does.
        read = [
            n for n in fields_needed(regime, task, without=without, extra=extra) if n != "flags"
        ]
        some = sample[read[0]] if read else next(iter(sample.values()))
        size = torch.ones(len(some), len(spec.shock_names), device=some.device)
    else:
        size = sample["shock_size"]
    return Inputs(
        world=spec.name if given.world else None,
        shocks=spec.shock_names,
        task=task,
        size=size,
        theta=sample["theta"] if given.theta else None,
        history=history,
        eps=eps,
        flags=flags,
        ahead=ahead,
    )


def response_inputs(inputs: Inputs) -> Inputs:
    """From a trajectory's inputs, those of the response from rest to one s.d. of each shock: what
    `build_inputs` would give for that task at the same "now"."""
    eps = inputs.eps
    if eps is not None:
        eps = None if inputs.theta is not None else eps[:, : eps.shape[1] - inputs.ahead]
    return replace(inputs, task=Task.steady_state, eps=eps, ahead=0)
