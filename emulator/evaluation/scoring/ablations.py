"""Ablations: the same weights on the same samples with one input masked.

On trained weights the loss of an input must raise the error on a task where it matters: eps on
state-dependent responses and trajectories, theta in A and C, the history in B1, B2, C and D, the
world wherever something else still tells worlds apart. Giving more than the contract allows (the
history in A, flags) needs weights trained so: `data.extra_inputs` of a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from emulator.data import Dataset
from emulator.data.schema import PRIOR
from emulator.errors import InputError
from emulator.evaluation.metrics.nrmse import nrmse_per_sample
from emulator.evaluation.scoring.bootstrap import groups_of, percentile_interval, ratio_draws
from emulator.evaluation.scoring.forecasts import score_forecasts
from emulator.evaluation.scoring.statistics import score_model, statistics
from emulator.models.base import Model
from emulator.questions import Question
from emulator.regimes import REMOVABLE, Regime, Task, contract, fields_needed


def ablations(regime: Regime, task: Task) -> Iterator[tuple[str, frozenset[str]]]:
    """Names of the inputs that can be taken away, and all that goes with each.

    theta goes with the world that names it. What leaves a model with nothing to tell worlds apart
    or to forecast from, or takes away what the task does not use, is no ablation.
    """
    before = contract(regime)
    for name in REMOVABLE:
        gone = frozenset({name, "theta"} if name == "world" and before.theta else {name})
        try:
            after = contract(regime, gone)
        except InputError:
            continue
        fields = fields_needed(regime, task, without=gone)
        unused = fields == fields_needed(regime, task) and name != "world"
        if after != before and fields and not unused:
            yield name, gone


def ablate(
    model: Model, dataset: Dataset, question: Question, whole: pd.DataFrame
) -> dict[str, dict[str, object]]:
    """NRMSE over the prior without each input, by the input's name.

    whole: the statistics of the question with all inputs. increase: NRMSE over that of `whole`,
    less one; ci95: its paired bootstrap interval.
    """
    each = nrmse_per_sample(whole)
    groups = groups_of(each.index, dataset.spec(question.world).siblings)
    before = each.to_numpy()
    out: dict[str, dict[str, object]] = {}
    for name, gone in ablations(question.regime, question.task):
        asked = replace(question, without=gone)
        if question.task is Task.trajectory:
            frame, _ = score_forecasts(model, dataset, asked, PRIOR)
        else:
            frame = statistics(score_model(model, dataset, asked, PRIOR))
        after = nrmse_per_sample(frame).to_numpy()
        low, high = percentile_interval(ratio_draws(after, before, groups=groups))
        out[name] = {
            "without": sorted(gone),
            "nrmse": float(after.mean()),
            "increase": float(np.mean(after) / np.mean(before) - 1.0),
            "ci95": [low - 1.0, high - 1.0],
        }
    return out
