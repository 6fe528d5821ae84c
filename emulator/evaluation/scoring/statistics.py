"""Predictions beside the truth, and the statistics of every response, stored once.

A row is one response: world, regime, task, split, sample, shock, observable, and the numbers from
which metrics follow, so that chunks add up and paired intervals are free. Errors by horizon and
spectra are means taken while scoring and do not follow from the rows. Rows with zero scale
(responses that are identically zero in the world) are not scored and not stored.

    sigma, sigma_pooled   s.d. of training responses (pooled over shocks), own
    linear_mse            mean squared error over horizons of the world's linear response, own
                          squared; NaN where nothing can bind
    best_mse              that of the exact conditional mean, where the inputs leave the state open
                          and parameters are known (`best_from_state`); NaN elsewhere
    binds                 whether a constraint binds; see `binding`

and the columns that `metrics` store, of the model's answer, of the training mean's with `null_`
before the name, and of the exact one with `_truth` behind. The training mean is one curve, so that
what is measured of it alone takes no room on disk.
"own" is the observable's unit per s.d. of the shock. Models without bands have NaN in their place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from emulator.data import Dataset
from emulator.errors import InputError
from emulator.evaluation.metrics.base import Answers, InBands
from emulator.evaluation.metrics.hf_ratio import spectrum
from emulator.evaluation.metrics.nrmse import mse
from emulator.evaluation.metrics.registry import STATISTICS
from emulator.evaluation.scoring.best_from_state import conditional_means
from emulator.evaluation.scoring.binding import binds, is_constrained, linear_responses
from emulator.limits import QUANTILES
from emulator.models.base import Model
from emulator.questions import Change, Question, device_of, pose_all
from emulator.regimes import Inputs, Regime, Task
from emulator.specs import OBSERVABLE_NAMES

# Closer than this to the truth everywhere, in s.d.s, no float32 network gets: its own rounding is
# larger after a few layers.
IMPOSSIBLY_CLOSE = 1e-6
# The typical sample of a split is never so close: a trained network's float32 rounding is about
# 1e-5, and the best one yet is off by 1e-3. An exact solver with noise added is.
TYPICALLY_TOO_CLOSE = 2e-5


class Answer(NamedTuple):
    """response: (B, S, H+1, 3). quantiles, curves: (B, S, H+1, 3, 5) where there are bands, those
    of points and those of whole curves."""

    response: np.ndarray
    quantiles: np.ndarray | None = None
    curves: np.ndarray | None = None


NULL = "null_"  # before the names of the training mean's statistics


@dataclass(frozen=True)
class Scored:
    """Predictions of one world, task and split beside the truth, per unit of size.

    prediction, truth: (N, S, H+1, 3). rows: (N,) sample indices. sigma: (S, 3), the s.d. over
    training samples and horizons; sigma_pooled: (3,), shocks pooled too. null: (S, H+1, 3), the
    training mean. quantiles, curves: (N, S, H+1, 3, 5), for models with bands, those of points and
    those of whole curves. linear: (N, S, H+1, 3), the
    world's linear responses, where a constraint may bind. best: the exact conditional means, where
    they are not the truth.

    Raises InputError when something is missing, not finite, out of order, or too good to be a
    prediction in any one sample.
    """

    world: str
    regime: Regime
    task: Task
    split: str
    rows: np.ndarray
    prediction: np.ndarray
    truth: np.ndarray
    sigma: np.ndarray
    sigma_pooled: np.ndarray
    null: np.ndarray
    shocks: tuple[str, ...]
    quantiles: np.ndarray | None = field(default=None)
    curves: np.ndarray | None = field(default=None)
    linear: np.ndarray | None = field(default=None)
    best: np.ndarray | None = field(default=None)

    def __post_init__(self) -> None:
        where = f"{self.world}, regime {self.regime}, {self.task}, split {self.split}"
        if not len(self.rows):
            raise InputError(f"{where}: no samples")
        expected = (len(self.rows), *self.truth.shape[1:])
        shapes = {"truth": (self.truth, expected), "predictions": (self.prediction, expected)}
        bands = {"quantiles": self.quantiles, "quantiles of curves": self.curves}
        for name, levels in bands.items():
            if levels is not None:
                shapes[name] = (levels, (*expected, len(QUANTILES)))
        for name, (values, wanted) in shapes.items():
            if values.shape != wanted:
                raise InputError(f"{where}: expected {name} of shape {wanted}, got {values.shape}")
            bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
            if bad.any():
                raise InputError(f"{where}: {name} not finite in {bad.sum()} of {len(bad)} samples")
        for name, known in (
            ("sigma", self.sigma), ("pooled sigma", self.sigma_pooled),
            ("the training mean", self.null), ("the linear responses", self.linear),
            ("the conditional means", self.best),
        ):  # fmt: skip
            if known is not None and not np.isfinite(known).all():
                raise InputError(f"{where}: {name} not finite")
        scale = self.sigma[:, None]
        refuse_the_truth(self.prediction, self.truth, scale, where, "predictions")
        for name, levels in bands.items():
            if levels is None:
                continue
            crossed = np.asarray((np.diff(levels, axis=-1) < 0.0).any(axis=(1, 2, 3, 4)))
            if crossed.any():
                raise InputError(
                    f"{where}: {name} cross in {crossed.sum()} of {len(crossed)} samples; "
                    f"expected them in the order of {QUANTILES}"
                )
            truth, spread = self.truth[..., None], scale[..., None]
            refuse_the_truth(levels, truth, spread, where, name)


def refuse_the_truth(
    answers: np.ndarray, truth: np.ndarray, scale: np.ndarray, where: str, what: str
) -> None:
    """Raises InputError when some sample's answers are the truth itself, or the median sample's so
    close to it that only a solver gives them.

    answers, truth: (N, ...), scale: their s.d.s; the last two broadcast. One sample that is the
    truth is enough: a model that is handed the answers now and then is no better. What is zero
    throughout, by scale or in the truth, can be known.
    """
    off = np.abs(answers - truth) / np.where(scale > 0, scale, np.inf)
    axes = tuple(range(1, answers.ndim))
    varies = ((truth != 0) & (scale > 0)).any(axis=axes)
    exact = np.asarray((off <= IMPOSSIBLY_CLOSE).all(axis=axes)) & varies
    if exact.any():
        raise InputError(
            f"{where}: {what} are the truth itself in {exact.sum()} of {len(exact)} samples, "
            f"within {IMPOSSIBLY_CLOSE:g} s.d.s everywhere; the model was handed the answers"
        )
    typical = np.sqrt(np.square(off).mean(axis=axes))[varies]
    if len(typical) and np.median(typical) < TYPICALLY_TOO_CLOSE:
        raise InputError(
            f"{where}: {what} are {np.median(typical):.1g} s.d.s off the truth in the median "
            f"sample, less than the {TYPICALLY_TOO_CLOSE:g} that a trained network can reach; a "
            "solver answered"
        )


def score_model(
    model: Model, dataset: Dataset, question: Question, split: str, change: Change | None = None
) -> Scored:
    """`score_answers` of a model."""
    model.eval()
    horizon = dataset.manifest.config.horizon

    def ask(inputs: Inputs) -> Answer:
        response, quantiles = model.answer([inputs], horizon)[0]
        curves = None if quantiles is None else model.around_curves(quantiles, inputs)
        bands = (None if part is None else part.cpu().numpy() for part in (quantiles, curves))
        return Answer(response.cpu().numpy(), *bands)

    with torch.no_grad():
        return score_answers(ask, dataset, question, split, change, device_of(model))


def score_answers(
    ask: Callable[[Inputs], Answer],
    dataset: Dataset,
    question: Question,
    split: str,
    change: Change | None = None,
    device: torch.device | str = "cpu",
) -> Scored:
    """Ask about every sample to be scored of a split, then look at the truth. change: what becomes
    of the fields before they are shown; of such fields no conditional mean is known."""
    world, task = question.world, question.task
    rows = dataset.scored(world, split)
    spec = dataset.spec(world)
    responses, quantiles, curves, truth = [], [], [], []
    for inputs, target in pose_all(dataset, [question], rows, device, change):
        answer = ask(inputs)
        responses.append(answer.response)
        truth.append(target.cpu().numpy())
        if answer.quantiles is not None:
            quantiles.append(answer.quantiles)
        if answer.curves is not None:
            curves.append(answer.curves)
    moments = dataset.moments(world)
    steady = task is Task.steady_state
    return Scored(
        world=world,
        regime=question.regime,
        task=task,
        split=split,
        rows=rows,
        prediction=_joined(responses).astype(np.float64),
        quantiles=_joined(quantiles) if quantiles else None,
        curves=_joined(curves) if curves else None,
        truth=_joined(truth).astype(np.float64),
        linear=linear_responses(dataset, world, rows) if is_constrained(spec) else None,
        best=conditional_means(dataset, question, rows) if change is None else None,
        sigma=np.asarray(moments.irf_sd if steady else moments.irf_state_sd),
        sigma_pooled=np.asarray(moments.irf_sd_pooled if steady else moments.irf_state_sd_pooled),
        null=np.asarray(moments.irf_mean if steady else moments.irf_state_mean),
        shocks=spec.shock_names,
    )


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.empty((0,))


def statistics(scored: Scored) -> pd.DataFrame:
    """One row a response; the module docstring names the columns."""
    prediction, truth = (np.moveaxis(a, 2, -1) for a in (scored.prediction, scored.truth))
    quantiles, curves = (
        None if part is None else np.moveaxis(part, 2, -2)
        for part in (scored.quantiles, scored.curves)
    )
    answers, null = (
        Answers(prediction, truth, quantiles, curves),
        Answers(np.moveaxis(scored.null, 1, -1), truth),
    )
    n, s, v = truth.shape[:3]
    columns: dict[str, np.ndarray] = {
        "sigma": np.broadcast_to(scored.sigma, (n, s, v)),
        "sigma_pooled": np.broadcast_to(scored.sigma_pooled, (n, s, v)),
        **{name: statistic(answers) for name, statistic in STATISTICS.items()},
        **{
            f"{NULL}{name}": np.broadcast_to(statistic(null), (n, s, v))
            for name, statistic in STATISTICS.items()
            if not name.endswith("_truth") and not isinstance(statistic, InBands)
        },
    }
    columns["best_mse"] = (
        np.full((n, s, v), np.nan)
        if scored.best is None
        else mse(np.moveaxis(scored.best, 2, -1), truth)
    )
    if scored.linear is None:
        columns["linear_mse"] = np.full((n, s, v), np.nan)
        columns["binds"] = np.zeros((n, s, v), dtype=bool)
    else:
        columns["linear_mse"] = mse(np.moveaxis(scored.linear, 2, -1), truth)
        bound = binds(scored.truth, scored.linear)
        columns["binds"] = np.broadcast_to(bound[..., None], (n, s, v))
    sample, shock, observable = np.meshgrid(scored.rows, np.arange(s), np.arange(v), indexing="ij")
    frame = pd.DataFrame(
        {
            "world": scored.world,
            "regime": scored.regime.value,
            "task": scored.task.value,
            "split": scored.split,
            "sample": sample.ravel(),
            "shock": np.asarray(scored.shocks)[shock.ravel()],
            "observable": np.asarray(OBSERVABLE_NAMES)[observable.ravel()],
            **{name: values.ravel() for name, values in columns.items()},
        }
    )
    return frame[frame["sigma"] > 0].reset_index(drop=True)


def of_null(frame: pd.DataFrame) -> pd.DataFrame:
    """The same responses, answered by the training mean: a frame whose metrics are the null
    model's."""
    names = [str(name) for name in frame.columns]
    answers = {name.removeprefix(NULL): frame[name] for name in names if name.startswith(NULL)}
    no_bands = [name for name, statistic in STATISTICS.items() if isinstance(statistic, InBands)]
    return frame.assign(**answers, **dict.fromkeys(no_bands, np.nan), linear_mse=np.nan)


def squares_by_horizon(scored: Scored) -> np.ndarray:
    """(N, H+1): mean square of error / sigma over shocks and observables."""
    kept = scored.sigma > 0
    error = (scored.prediction - scored.truth) / np.where(kept, scored.sigma, 1.0)[:, None]
    squares = np.square(error).transpose(0, 2, 1, 3)[:, :, kept]  # (N, H+1, kept)
    return np.asarray(squares.mean(axis=2))


def mean_spectrum(responses: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Energy by frequency of responses (N, S, H+1, 3) in units of sigma (S, 3) squared, the mean
    over samples, shocks and observables, ((H+1) // 2 + 1,)."""
    kept = sigma > 0
    scaled = np.moveaxis(responses, 2, -1) / np.where(kept, sigma, 1.0)[..., None]
    return np.asarray(spectrum(scaled)[:, kept].mean(axis=(0, 1)))
