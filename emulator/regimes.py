"""The information contract: which inputs a model sees.

| regime | world | theta | shock_token | eps_sequence | history | answers                        |
| ------ | ----- | ----- | ----------- | ------------ | ------- | ------------------------------ |
| A      | yes   | yes   | yes         | yes          | no      | model and shocks known         |
| B1     | yes   | no    | yes         | no           | yes     | model class known, not theta   |
| B2     | no    | no    | yes         | no           | yes     | fully blind                    |
| C      | yes   | yes   | yes         | no           | yes     | calibrated, shocks unknown     |
| D      | yes   | no    | yes         | yes          | yes     | shocks identified, not theta   |

`shock_token = (shock, size)` says which response is asked for and is always given. `eps_sequence`
is the innovation path from rest to now; it is not the same thing. Where theta is known, past
innovations do not move the response from the steady state, so that task leaves them out.

`build_inputs` is the only place where a model's inputs are made from data. What a regime forbids is
never put in, so no model can read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import torch

from emulator.errors import InputError
from emulator.specs import WorldSpec

RUN_IN = 40  # first quarters of a simulation: known through eps, never shown as history
MIN_HISTORY, MAX_HISTORY = 40, 200
MIN_SIZE, MAX_SIZE = 0.25, 3.0  # moduli of the shock sizes drawn, in s.d.s


class Regime(StrEnum):
    """An information regime; see the module docstring."""

    A = "A"
    B1 = "B1"
    B2 = "B2"
    C = "C"
    D = "D"


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
    at the end of the sample; in linear worlds the two are equal.
    """

    steady_state = "steady_state"
    state_dependent = "state_dependent"


TARGETS: Mapping[Task, str] = {Task.steady_state: "irfs", Task.state_dependent: "irfs_state"}


def tasks(spec: WorldSpec) -> tuple[Task, ...]:
    """The tasks that are distinct in a world."""
    return (Task.steady_state,) if spec.linear else (Task.steady_state, Task.state_dependent)


@dataclass(frozen=True)
class Inputs:
    """What a model sees of B draws of one world. None marks what the regime does not give.

    world: the world's name. shocks: names of the S shocks asked for. size: (B, S) in s.d.s.
    theta: (B, P), physical units. history: (B, L, 3), the last L quarters before now. eps:
    (B, T, S), the innovations from rest to now, in s.d.s.
    """

    world: str | None
    shocks: tuple[str, ...]
    task: Task
    size: torch.Tensor
    theta: torch.Tensor | None = None
    history: torch.Tensor | None = None
    eps: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.size)


def fields_needed(regime: Regime, task: Task = Task.steady_state) -> tuple[str, ...]:
    """The data-set fields `build_inputs` reads."""
    contract = CONTRACTS[regime]
    names = ["shock_size"]
    if contract.theta:
        names.append("theta")
    if contract.history:
        names.append("trajectories")
    if _uses_eps(contract, task):
        names.append("eps")
    return tuple(names)


def _uses_eps(contract: Contract, task: Task) -> bool:
    return contract.eps_sequence and not (contract.theta and task is Task.steady_state)


def build_inputs(
    sample: Mapping[str, torch.Tensor],
    spec: WorldSpec,
    regime: Regime,
    task: Task = Task.steady_state,
    *,
    history_length: int = MAX_HISTORY,
    run_in: int = RUN_IN,
) -> Inputs:
    """Model inputs for a batch of one world's samples, exactly what `regime` allows.

    sample: data-set fields (theta (B, P), shock_size (B, S), trajectories (B, T, 3), eps
    (B, T, S)); fields the regime forbids may be absent or hold anything. history_length: quarters
    of history, between 40 and 200, taken from the end; the first `run_in` quarters are never
    shown.
    """
    contract = CONTRACTS[regime]
    history = None
    if contract.history:
        if not MIN_HISTORY <= history_length <= MAX_HISTORY:
            raise InputError(
                f"history: expected {MIN_HISTORY} to {MAX_HISTORY} quarters, got {history_length}"
            )
        path = sample["trajectories"]
        available = path.shape[1] - run_in
        if available < history_length:
            raise InputError(
                f"history: {history_length} quarters asked for, {available} there after the "
                f"run-in of {run_in}"
            )
        history = path[:, path.shape[1] - history_length :]
    return Inputs(
        world=spec.name if contract.world else None,
        shocks=spec.shock_names,
        task=task,
        size=sample["shock_size"],
        theta=sample["theta"] if contract.theta else None,
        history=history,
        eps=sample["eps"] if _uses_eps(contract, task) else None,
    )
