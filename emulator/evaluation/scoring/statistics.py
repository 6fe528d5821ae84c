"""Predictions beside the truth, and the statistics of every response, stored once.

A row is one response: world, regime, task, split, sample, shock, observable, and the numbers from
which metrics follow, so that chunks add up and paired intervals are free. Errors by horizon and
spectra are means taken while scoring and do not follow from the rows. Rows with zero scale
(responses that are identically zero in the world) are not scored and not stored.

    sigma, sigma_pooled         s.d. of training responses (pooled over shocks), own
    mse, null_mse, linear_mse   mean squared error over horizons of the model, of the training mean,
                                of the world's linear response, own squared
    iae                         absolute error summed over quarters, own x quarters
    impact, peak, cumulative    response at h = 0, furthest from zero, summed over quarters, own
    peak_time, half_life        see `shape`, quarters
    sign_flips, overshoot       see `shape`, a count, a share of the peak
    energy, energy_high         sum of squares, its part at periods under six quarters, own squared
    coverage_50, coverage_90    share of horizons in the band
    below_5 ... below_95        share of horizons at or below the quantile
    width_50, width_90, crps    see `calibration`, own
    binds                       whether a constraint binds; see `binding`

"own" is the observable's unit per s.d. of the shock. Columns of shapes come twice, `_truth` being
the exact response's. Models without bands have NaN there, and the absolute error as CRPS, which it
is for a forecast that puts all weight on one number. linear_mse is NaN where nothing can bind.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch

from emulator.data import Dataset
from emulator.errors import InputError
from emulator.evaluation.scoring.binding import binds, is_constrained, linear_responses
from emulator.evaluation.scoring.metrics import bands as calibration
from emulator.evaluation.scoring.metrics import shape
from emulator.limits import QUANTILES
from emulator.models.base import Model
from emulator.questions import Question, device_of, pose_all
from emulator.regimes import Regime, Task
from emulator.specs import OBSERVABLE_NAMES

# Closer than this to the truth everywhere, in s.d.s, no float32 network gets: its own rounding is
# larger after a few layers.
IMPOSSIBLY_CLOSE = 1e-6


@dataclass(frozen=True)
class Scored:
    """Predictions of one world, task and split beside the truth, per unit of size.

    prediction, truth: (N, S, H+1, 3). rows: (N,) sample indices. sigma: (S, 3), the s.d. over
    training samples and horizons; sigma_pooled: (3,), shocks pooled too. null: (S, H+1, 3), the
    training mean. quantiles: (N, S, H+1, 3, 5), for models with bands. linear: (N, S, H+1, 3), the
    world's linear responses, where a constraint may bind.

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
    linear: np.ndarray | None = field(default=None)

    def __post_init__(self) -> None:
        where = f"{self.world}, regime {self.regime}, {self.task}, split {self.split}"
        if not len(self.rows):
            raise InputError(f"{where}: no samples")
        expected = (len(self.rows), *self.truth.shape[1:])
        shapes = {"truth": (self.truth, expected), "predictions": (self.prediction, expected)}
        if self.quantiles is not None:
            shapes["quantiles"] = (self.quantiles, (*expected, len(QUANTILES)))
        for name, (values, wanted) in shapes.items():
            if values.shape != wanted:
                raise InputError(f"{where}: expected {name} of shape {wanted}, got {values.shape}")
            bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
            if bad.any():
                raise InputError(f"{where}: {name} not finite in {bad.sum()} of {len(bad)} samples")
        for name, known in (
            ("sigma", self.sigma), ("pooled sigma", self.sigma_pooled),
            ("the training mean", self.null), ("the linear responses", self.linear),
        ):  # fmt: skip
            if known is not None and not np.isfinite(known).all():
                raise InputError(f"{where}: {name} not finite")
        scale = self.sigma[:, None]
        refuse_the_truth(self.prediction, self.truth, scale, where, "predictions")
        if self.quantiles is not None:
            crossed = np.asarray((np.diff(self.quantiles, axis=-1) < 0.0).any(axis=(1, 2, 3, 4)))
            if crossed.any():
                raise InputError(
                    f"{where}: quantiles cross in {crossed.sum()} of {len(crossed)} samples; "
                    f"expected them in the order of {QUANTILES}"
                )
            truth, spread = self.truth[..., None], scale[..., None]
            refuse_the_truth(self.quantiles, truth, spread, where, "quantiles")


def refuse_the_truth(
    answers: np.ndarray, truth: np.ndarray, scale: np.ndarray, where: str, what: str
) -> None:
    """Raises InputError when some sample's answers are the truth itself.

    answers, truth: (N, ...), scale: their s.d.s; the last two broadcast. One such sample is enough:
    a model that is handed the answers now and then is no better. What is zero throughout, by scale
    or in the truth, can be known.
    """
    close = np.abs(answers - truth) <= IMPOSSIBLY_CLOSE * scale
    axes = tuple(range(1, answers.ndim))
    known = np.asarray((close | (scale == 0)).all(axis=axes))
    exact = known & ((truth != 0) & (scale > 0)).any(axis=axes)
    if exact.any():
        raise InputError(
            f"{where}: {what} are the truth itself in {exact.sum()} of {len(exact)} samples, "
            f"within {IMPOSSIBLY_CLOSE:g} s.d.s everywhere; the model was handed the answers"
        )


def score_model(model: Model, dataset: Dataset, question: Question, split: str) -> Scored:
    """Ask about every sample of a split, then look at the truth."""
    world, task = question.world, question.task
    rows = dataset.rows(world, split)
    spec, horizon = dataset.spec(world), dataset.manifest.config.horizon
    responses, quantiles, truth = [], [], []
    model.eval()
    with torch.no_grad():
        for inputs, target in pose_all(dataset, [question], rows, device_of(model)):
            answer = model.answer([inputs], horizon)[0]
            responses.append(answer.response.cpu().numpy())
            truth.append(target.cpu().numpy())
            if answer.quantiles is not None:
                quantiles.append(answer.quantiles.cpu().numpy())
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
        truth=_joined(truth).astype(np.float64),
        linear=linear_responses(dataset, world, rows) if is_constrained(spec) else None,
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
    n, s, v = truth.shape[:3]
    error = prediction - truth  # (N, S, 3, H+1)
    null = np.moveaxis(scored.null, 1, -1)
    columns: dict[str, np.ndarray] = {
        "sigma": np.broadcast_to(scored.sigma, (n, s, v)),
        "sigma_pooled": np.broadcast_to(scored.sigma_pooled, (n, s, v)),
        "mse": np.square(error).mean(axis=-1),
        "null_mse": np.square(null - truth).mean(axis=-1),
        "iae": np.abs(error).sum(axis=-1),
        **_shapes(prediction, ""),
        **_shapes(truth, "_truth"),
        **_calibration(scored, np.abs(error).mean(axis=-1)),
    }
    if scored.linear is None:
        columns["linear_mse"] = np.full((n, s, v), np.nan)
        columns["binds"] = np.zeros((n, s, v), dtype=bool)
    else:
        linear = np.moveaxis(scored.linear, 2, -1)
        columns["linear_mse"] = np.square(linear - truth).mean(axis=-1)
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


def _shapes(values: np.ndarray, suffix: str) -> dict[str, np.ndarray]:
    """Shape statistics of responses (N, S, 3, H+1)."""
    top, time = shape.peak(values)
    energy = shape.spectrum(values)
    high = shape.high_frequency(values.shape[-1])
    columns = {
        "impact": values[..., 0],
        "peak": top,
        "peak_time": time,
        "half_life": shape.half_life(values),
        "cumulative": values.sum(axis=-1),
        "overshoot": shape.overshoot(values),
        "sign_flips": shape.sign_flips(values),
        "energy": energy.sum(axis=-1),
        "energy_high": energy[..., high].sum(axis=-1),
    }
    return {name + suffix: column for name, column in columns.items()}


def _calibration(scored: Scored, absolute: np.ndarray) -> dict[str, np.ndarray]:
    """Statistics of the bands; `absolute` (N, S, 3) is the mean absolute error."""
    levels = [f"below_{round(100 * level)}" for level in QUANTILES]
    if scored.quantiles is None:
        nothing = np.full(absolute.shape, np.nan, dtype=np.float32)
        names = [f"{kind}_{band}" for band in calibration.BANDS for kind in ("coverage", "width")]
        return {**dict.fromkeys([*names, *levels], nothing), "crps": absolute}
    truth = np.moveaxis(scored.truth, 2, -1)
    quantiles = np.moveaxis(scored.quantiles, 2, -2)
    columns: dict[str, np.ndarray] = {}
    for band in calibration.BANDS:
        columns[f"coverage_{band}"] = calibration.coverage(truth, quantiles, band)
        columns[f"width_{band}"] = calibration.width(quantiles, band)
    below = calibration.below(truth, quantiles)
    columns |= {name: below[..., k] for k, name in enumerate(levels)}
    return {**columns, "crps": calibration.crps(truth, quantiles)}


def error_by_horizon(scored: Scored) -> np.ndarray:
    """(H+1,): root mean square of error / sigma over samples, shocks and observables."""
    kept = scored.sigma > 0
    error = (scored.prediction - scored.truth) / np.where(kept, scored.sigma, 1.0)[:, None]
    squares = np.square(error).transpose(0, 2, 1, 3)[:, :, kept]  # (N, H+1, kept)
    return np.asarray(np.sqrt(squares.mean(axis=(0, 2))))


def mean_spectrum(responses: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Energy by frequency of responses (N, S, H+1, 3) in units of sigma (S, 3) squared, the mean
    over samples, shocks and observables, ((H+1) // 2 + 1,)."""
    kept = sigma > 0
    scaled = np.moveaxis(responses, 2, -1) / np.where(kept, sigma, 1.0)[..., None]
    return np.asarray(shape.spectrum(scaled)[:, kept].mean(axis=(0, 1)))
