"""Checks before any score: no solver in disguise, no answer from forbidden inputs, honest splits,
honest scales.

`audit_model` holds a run to what a weights folder can contain: a configuration of a known kind and
tensors, read without running anything. Its model, and every part of it, is then of the package's
own classes, none of which may import worlds (`lint-imports`), and answers by their methods. While
`audit_inputs` asks, worlds refuse to solve.

`audit_inputs` asks the model the same questions with everything the regime forbids replaced by
noise, then by NaN: fields outside the contract, the run-in, the quarters after now, the answers
themselves. Not one bit of the answer may change. `audit_data` finds the split of every sample anew
from the rules, and the scales and means from the training rows.

Not caught: a model that stores answers in its weights and looks them up by an input it may see. Its
weights are then an archive of the prior; only training it again from its configuration, on a data
set of another seed, shows that. Nor weights that training started from (`training.start_from`) and
that had trained on samples of the prior, as with the same seed and other shares: which draws they
saw is in their own folder alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from emulator.data import Dataset
from emulator.data.moments import WorldMoments
from emulator.data.schema import FIELDS, PRIOR, SPLITS
from emulator.data.splits import split_codes
from emulator.errors import DatasetError, InputError
from emulator.evaluation.scoring.forecasts import draw_now
from emulator.limits import AHEAD
from emulator.models.base import Model
from emulator.models.configs import KINDS
from emulator.questions import Fields, Question, device_of, pose, read
from emulator.regimes import Task
from emulator.worlds import World, get_world

MODELS = "emulator.models."
SAMPLES = 8  # a model that peeks does so in every sample; a few more cost nothing
SAMPLES_AT_ONCE = 5000  # samples in memory at once: some 100 MB in the largest world
# Sums in another order, float64: 1e-13 in practice.
SAME_MOMENTS = 1e-9

_REMEDY = "run `emulator validate` and generate the data set again"


def audit_model(model: Model) -> None:
    """Raises InputError when a model is not what a weights folder describes: of another class than
    the kinds of models are made of, or with a method or hook of its own."""
    allowed = {kind.__module__ for kind in KINDS.values()}
    for name, part in model.named_modules():
        made = type(part).__module__
        own = [key for key in vars(part) if callable(getattr(type(part), key, None))]
        hooks = [*part._forward_hooks, *part._forward_pre_hooks]
        if made not in allowed and made.split(".")[0] != "torch" and not made.startswith(MODELS):
            reason = f"is a {type(part).__qualname__} of {made}"
        elif own or hooks:
            reason = f"answers by {', '.join(own) or 'a hook'} of its own"
        else:
            continue
        raise InputError(
            f"{type(model).__name__}: {f'its {name} ' if name else ''}{reason}, no part of what a "
            "weights folder describes; score weights that `load_weights` reads"
        )


@contextmanager
def _worlds_away() -> Iterator[None]:
    """Within it a world that is asked raises InputError."""

    def away(self: World[Any], *_: Any, **__: Any) -> Any:
        raise InputError(
            f"the model asked world {self.name!r} for its answer; an emulator answers from weights"
        )

    kept = {name: getattr(World, name) for name in ("solve", "irf", "simulate")}
    try:
        for name in kept:
            setattr(World, name, away)
        yield
    finally:
        for name, method in kept.items():
            setattr(World, name, method)


def audit_inputs(model: Model, dataset: Dataset, question: Question) -> None:
    """Raises InputError when an answer depends on what the regime forbids, or is a world's."""
    world, task = question.world, question.task
    rows = dataset.scored(world, PRIOR)[:SAMPLES]
    config = dataset.manifest.config
    if task is Task.trajectory:
        question = replace(question, now=int(draw_now(config, world, rows[:1])[0]))
    now = config.quarters if question.now is None else question.now
    whole = read(dataset, world, rows, FIELDS, device_of(model))
    allowed = set(question.fields)

    def ask(fields: Fields) -> list[torch.Tensor]:
        inputs = pose(dataset, question, fields).inputs
        if task is Task.trajectory:
            return [model.forecast(inputs)]
        answer = model.answer([inputs], config.horizon)[0]
        return [a for a in answer if a is not None]

    model.eval()
    with torch.no_grad(), _worlds_away():
        honest = ask(whole)
        # NaN equals nothing, so an answer that is not finite would look like a peek.
        if not all(bool(torch.isfinite(answer).all()) for answer in honest):
            raise InputError(
                f"{type(model).__name__} on {world}, {task}, regime {question.regime}: its answers "
                "to the first samples are not finite"
            )
        for kind in ("noise", "NaN"):
            spoiled = {
                name: _spoil(name, values, name in allowed, kind, config.run_in, now)
                for name, values in whole.items()
            }
            if not all(map(torch.equal, honest, ask(spoiled))):
                raise InputError(
                    f"{type(model).__name__} on {world}, {task}: its answers in regime "
                    f"{question.regime} change when what the regime forbids is replaced by {kind}; "
                    "it sees more than "
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


def audit_data(dataset: Dataset, world: str) -> None:
    """Raises DatasetError when a sample is in a split that the rules do not put it in, in two or
    in none, or when the stored moments are not those of the training rows."""
    _audit_splits(dataset, world)
    _audit_moments(dataset, world)


def _audit_splits(dataset: Dataset, world: str) -> None:
    config = dataset.manifest.config
    simulator = get_world(world)
    names = simulator.parameter_names
    columns = dataset.params(world, names)
    theta = np.column_stack([columns[name] for name in names])
    expected = np.empty(len(theta), dtype=np.int8)
    for rows in _chunks(np.arange(len(theta))):
        solution = simulator.solve(theta[rows])
        expected[rows] = split_codes(simulator, config, rows, theta[rows], solution)
    times = np.zeros(len(theta), dtype=np.int64)
    for code, split in enumerate(SPLITS):
        rows = dataset.rows(world, split)
        np.add.at(times, rows, 1)
        wrong = rows[expected[rows] != code]
        if len(wrong):
            raise DatasetError(
                f"{dataset.path}: {len(wrong)} samples of {world}'s {split} split belong to "
                f"{SPLITS[expected[wrong[0]]]} by the rules (sample {wrong[0]} is one); {_REMEDY}"
            )
    if (times != 1).any():
        raise DatasetError(
            f"{dataset.path}: sample {(times != 1).argmax()} of {world} is in "
            f"{times[(times != 1).argmax()]} splits, expected one; {_REMEDY}"
        )


def _audit_moments(dataset: Dataset, world: str) -> None:
    config = dataset.manifest.config
    rows = dataset.rows(world, "train")
    fields = ("irfs", "irfs_state", "trajectories")
    found: WorldMoments | None = None
    for chunk in _chunks(rows):
        data = dataset.read(world, chunk, fields)
        linear = dataset.spec(world).linear
        part = WorldMoments.of(
            data["irfs"],
            None if linear else data["irfs_state"],
            data["trajectories"][:, config.run_in :],
        )
        found = part if found is None else found.merge(part)
    assert found is not None  # an empty split was refused when the data set was made
    ours, stored = vars(found.finish()), vars(dataset.moments(world))
    for name, value in ours.items():
        size = np.abs(value).max()
        if not np.allclose(value, stored[name], rtol=SAME_MOMENTS, atol=SAME_MOMENTS * size):
            raise DatasetError(
                f"{dataset.path}: the stored {name} of {world} is not that of its {len(rows)} "
                f"training rows; {_REMEDY}"
            )


def _chunks(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[first : first + SAMPLES_AT_ONCE] for first in range(0, len(rows), SAMPLES_AT_ONCE)]
