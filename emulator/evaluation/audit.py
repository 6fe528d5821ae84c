"""Two checks before any score: no answer from forbidden inputs, no held-out sample in training.

`audit_inputs` asks the model the same questions with everything the regime forbids replaced by
noise, then by NaN: fields outside the contract, the run-in, the quarters after now, the answers
themselves. Not one bit of the answer may change.
"""

from __future__ import annotations

from collections.abc import Set

import numpy as np
import torch

from emulator.data import Dataset
from emulator.data.schema import FIELDS
from emulator.data.splits import in_slice
from emulator.errors import DatasetError, InputError
from emulator.evaluation.forecasts import draw_now
from emulator.evaluation.statistics import tensors
from emulator.models.base import Forecaster, Model
from emulator.regimes import AHEAD, MAX_HISTORY, Regime, Task, build_inputs, fields_needed
from emulator.training.batches import history_quarters
from emulator.worlds import get_world

SAMPLES = 8  # a model that peeks does so in every sample; a few more cost nothing

Fields = dict[str, torch.Tensor]


def audit_inputs(
    model: Model,
    dataset: Dataset,
    world: str,
    regime: Regime,
    task: Task,
    extra: Set[str] = frozenset(),
) -> None:
    """Raises InputError when an answer depends on what the regime forbids."""
    rows = dataset.rows(world, "test")[:SAMPLES]
    spec, config = dataset.spec(world), dataset.manifest.config
    now, length = config.quarters, history_quarters(dataset)
    if task is Task.trajectory:
        now = int(draw_now(world, rows[:1], config.quarters)[0])
        length = min(MAX_HISTORY, now - config.run_in)
    whole = tensors(dataset.read(world, rows, FIELDS), model)
    allowed = set(fields_needed(regime, task, extra=extra))

    def ask(fields: Fields) -> list[torch.Tensor]:
        inputs = build_inputs(
            fields, spec, regime, task,
            history_length=length, run_in=config.run_in, now=now, ahead=AHEAD, extra=extra,
        )  # fmt: skip
        if task is Task.trajectory:
            assert isinstance(model, Forecaster)
            return [model.forecast(inputs)]
        answer = model.answer([inputs], config.horizon)[0]
        return [a for a in answer if a is not None]

    model.eval()
    with torch.no_grad():
        honest = ask(whole)
        for kind in ("noise", "NaN"):
            spoiled = {
                name: _spoil(name, values, name in allowed, kind, config.run_in, now)
                for name, values in whole.items()
            }
            if not all(map(torch.equal, honest, ask(spoiled))):
                raise InputError(
                    f"{type(model).__name__} on {world}, {task}: its answers in regime {regime} "
                    f"change when what the regime forbids is replaced by {kind}; it sees more than "
                    f"{', '.join(sorted(allowed)) or 'the shock'}"
                )


def _spoil(
    name: str, values: torch.Tensor, allowed: bool, kind: str, run_in: int, now: int
) -> torch.Tensor:
    """A field with what may not be seen of it replaced."""
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(values.shape, generator=generator).to(values)
    junk = noise if kind == "noise" else torch.full_like(values, np.nan)
    if not allowed:
        return junk
    out = values.clone()
    if name == "trajectories":
        out[:, :run_in] = junk[:, :run_in]
        out[:, now:] = junk[:, now:]
    if name == "eps":
        out[:, now + AHEAD :] = junk[:, now + AHEAD :]
    return out


def audit_split(dataset: Dataset, world: str) -> None:
    """Raises DatasetError when a sample of train or val satisfies the world's slice rules."""
    rules = dataset.manifest.config.rules[world]
    simulator = get_world(world)
    names = simulator.parameter_names
    columns = dataset.params(world, names)
    rows = np.concatenate([dataset.rows(world, split) for split in ("train", "val")])
    theta = np.column_stack([columns[name] for name in names])[rows]
    solution = simulator.solve(theta) if any(rule.statistic for rule in rules.slice) else None
    held_out = in_slice(simulator, rules, theta, solution)
    if held_out.any():
        raise DatasetError(
            f"{dataset.path}: {held_out.sum()} samples of {world}'s train and val splits belong to "
            f"the slice held out (sample {rows[held_out.argmax()]} is one); scores on slice would "
            "not be honest. Run `emulator validate` and generate the data set again"
        )
