"""Specialists of a universal run: who they are, and whether they are all there.

A gap is measured where every kind of specialist that sees all that bears on the answer (a copy of
the universal architecture, an MLP and, where there is a history, a GRU) was trained on as many
samples of the world, at three learning rates or more over that very length, and at two seeds or
more at the rate that validation chose. Where something is missing, the gap to those there is told
as what it is, and no criterion holds by it.
"""

from __future__ import annotations

from collections.abc import Sequence

from emulator.evaluation.stored.runs import EvaluatedRun
from emulator.models.abilities import ModelConfigBase
from emulator.models.configs import KINDS
from emulator.regimes import Regime, Task, telling

# Epochs are whole, and the largest world sets a universal run's, so numbers of samples seen can
# match only roughly; a tenth more or less moves NRMSE by a percent or two.
SAME_SAMPLES = 0.1
# Processor time of the same run differs by as much from machine to machine, and by its load.
SAME_COMPUTE = 0.25
LEAST_RATES, LEAST_SEEDS = 3, 2


def is_specialist_of(run: EvaluatedRun, universal: EvaluatedRun) -> bool:
    """Whether the run can be compared with the universal run as its specialist."""
    same = run.data == universal.data and run.trained_as(universal)
    return run.is_specialist and run.has_statistics and same


def asked_kinds(regime: str, task: str) -> list[type[ModelConfigBase]]:
    """The kinds of specialists without which a gap is not measured."""
    question = Regime(regime), Task(task)
    return [
        kind
        for kind in KINDS.values()
        if kind.specialist
        and kind.sees_all(*question)
        and kind.needs <= telling(*question)
        and (kind.forecasts or task != Task.trajectory)
    ]


def unmeasured(equal: Sequence[EvaluatedRun], world: str, regime: str, task: str) -> list[str]:
    """What is missing among specialists of equal samples that answer a case, a line a kind; empty
    where the gap is measured."""
    lines = []
    for kind in asked_kinds(regime, task):
        runs = [run for run in equal if run.kind is kind]
        if not runs:
            lines.append(f"{kind.label}: no run of as many samples")
            continue
        rates = {run.metrics.get("lr") for run in runs} - {None}
        if len(rates) < LEAST_RATES:
            lines.append(f"{kind.label}: {len(rates)} of {LEAST_RATES} learning rates")
        chosen = best(runs, world, regime, task).metrics.get("lr")
        seeds = {run.metrics.get("seed") for run in runs if run.metrics.get("lr") == chosen}
        if len(seeds - {None}) < LEAST_SEEDS:
            lines.append(f"{kind.label}: {len(seeds - {None})} of {LEAST_SEEDS} seeds")
    return lines


def validation(run: EvaluatedRun, world: str, regime: str, task: str) -> float | None:
    """NRMSE on the validation split, None where the run does not answer the case."""
    entry = run.entry(world, regime, "val", task)
    return None if entry is None else float(entry["nrmse"])


def best(runs: Sequence[EvaluatedRun], world: str, regime: str, task: str) -> EvaluatedRun:
    """The run with the lowest NRMSE on the validation split, of runs that answer the case."""
    return min(runs, key=lambda run: validation(run, world, regime, task) or 0.0)


def more_samples(specialist: EvaluatedRun, run: EvaluatedRun, world: str, regime: str) -> float:
    """How many more samples of the world the specialist saw, as a share of the run's."""
    theirs, own = (r.metrics["samples_seen"][regime][world] for r in (specialist, run))
    return float(theirs / own - 1.0)


def of_equal_compute(specialist: EvaluatedRun, run: EvaluatedRun) -> bool:
    """Whether it took as much processor time to train as the run did for each of its worlds."""
    theirs, own = specialist.processor_seconds, run.processor_seconds
    if theirs is None or not own:
        return False
    return abs(theirs / own - 1.0) <= SAME_COMPUTE
