"""Data as they come: the same questions with histories as a user's table has them.

    noise_1, noise_3, noise_10   measurement noise, normal, with 1, 3 or 10 % of each series' own
                                 s.d.; the same draws at each size
    rounded                      values rounded to .1
    demeaned                     each series less its own mean
    late                         output published a quarter late: its last value is not there yet,
                                 so the user goes on with the series moved up by a quarter, and with
                                 one quarter less

Only what models see is changed, never the answer: in B1 all responses, in C those from a state, for
which the history matters. Noise depends on (world, sample) alone, so that every model sees the
same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from emulator.data import Dataset
from emulator.data.schema import PRIOR
from emulator.evaluation.metrics.nrmse import nrmse_per_sample
from emulator.evaluation.scoring.bootstrap import groups_of, percentile_interval, ratio_draws
from emulator.evaluation.scoring.statistics import score_model, statistics
from emulator.models.base import Model
from emulator.questions import Fields, Question, history_quarters
from emulator.regimes import Regime, Task
from emulator.seeding import Purpose, stream, stream_key
from emulator.specs import OBSERVABLE_NAMES

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64

SEED = 20_070_131  # of the noise
DIGITS = 1  # rounded to
LATE = OBSERVABLE_NAMES.index("output")  # national accounts come last


@dataclass(frozen=True)
class Rough:
    """words: a column's heading. change: histories (B, L, 3), of samples (B,) of a world, as they
    come, (B, L or L-1, 3), ending in the same quarter."""

    words: str
    change: Callable[
        [Float64[np.ndarray, "B L 3"], str, Int64[np.ndarray, " B"]], Float64[np.ndarray, "B ... 3"]
    ]


def noisy(
    history: Float64[np.ndarray, "B L 3"],
    world: str,
    rows: Int64[np.ndarray, " B"],
    share: float,
) -> Float64[np.ndarray, "B L 3"]:
    """With normal noise of `share` of each series' s.d. over the history."""
    key = stream_key(SEED, world)
    draws = [
        stream(key, int(row), Purpose.MEASUREMENT).standard_normal(history.shape[1:])
        for row in rows
    ]
    return np.asarray(history + share * history.std(axis=1, keepdims=True) * np.array(draws))


def rounded(
    history: Float64[np.ndarray, "B L 3"], world: str, rows: Int64[np.ndarray, " B"]
) -> Float64[np.ndarray, "B L 3"]:
    return np.round(history, DIGITS)


def demeaned(
    history: Float64[np.ndarray, "B L 3"], world: str, rows: Int64[np.ndarray, " B"]
) -> Float64[np.ndarray, "B L 3"]:
    return np.asarray(history - history.mean(axis=1, keepdims=True))


def late(
    history: Float64[np.ndarray, "B L 3"], world: str, rows: Int64[np.ndarray, " B"]
) -> Float64[np.ndarray, "B shorter 3"]:
    """From the second quarter on, with output of the quarter before."""
    out = history[:, 1:].copy()
    out[:, :, LATE] = history[:, :-1, LATE]
    return out


ROUGH: Mapping[str, Rough] = {
    **{
        f"noise_{percent}": Rough(f"noise {percent} %", partial(noisy, share=percent / 100))
        for percent in (1, 3, 10)
    },
    "rounded": Rough("rounded to .1", rounded),
    "demeaned": Rough("means subtracted", demeaned),
    "late": Rough("output a quarter late", late),
}


def shows_history(model: Model, question: Question) -> bool:
    """Whether a question is asked with histories as they come: in B1 from rest and from a state, in
    C from a state, of models that read the history there."""
    if question.task is Task.trajectory or "history" not in model.config.sees(question.regime):
        return False
    from_state = question.task is Task.state_dependent
    return question.regime is Regime.B1 or (question.regime is Regime.C and from_state)


def score_rough(
    model: Model, dataset: Dataset, question: Question, clean: pd.DataFrame
) -> dict[str, dict[str, object]]:
    """NRMSE on the split of ablations, by what its histories are like.

    clean: the statistics of the question with the exact histories. increase: NRMSE over that of
    `clean`, less one; ci95: its paired bootstrap interval.
    """
    each = nrmse_per_sample(clean)
    groups = groups_of(each.index, dataset.spec(question.world).siblings)
    before = each.to_numpy()
    whole = history_quarters(dataset.manifest.config)
    out: dict[str, dict[str, object]] = {}
    for name, rough in ROUGH.items():
        seen = partial(_seen, rough=rough, world=question.world, length=whole)
        asked = replace(question, length=whole - 1) if name == "late" else question
        frame = statistics(score_model(model, dataset, asked, PRIOR, seen))
        after = nrmse_per_sample(frame).to_numpy()
        low, high = percentile_interval(ratio_draws(after, before, groups=groups))
        out[name] = {
            "nrmse": float(after.mean()),
            "increase": float(after.mean() / before.mean() - 1.0),
            "ci95": [low - 1.0, high - 1.0],
        }
    return out


def _seen(
    fields: Fields, rows: Int64[np.ndarray, " B"], rough: Rough, world: str, length: int
) -> Fields:
    """Fields of samples with the last `length` quarters as they come."""
    path = fields["trajectories"]
    history = path[:, path.shape[1] - length :].cpu().numpy().astype(np.float64)
    changed = torch.as_tensor(rough.change(history, world, rows)).to(path)
    kept = path[:, : path.shape[1] - changed.shape[1]]
    return {**fields, "trajectories": torch.cat([kept, changed], dim=1)}
