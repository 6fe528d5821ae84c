"""Metrics, derived from stored statistics.

Each function takes the statistics of one world, regime, task and split (see `statistics`) and
returns one number; its docstring says what it is, why it is there, its unit, and how samples are
aggregated. "A mean" is over samples, shocks and observables with equal weights; "s.d.s" are sigma,
the s.d. of the training responses of that world, shock and observable over samples and horizons.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from emulator.evaluation.scoring.bootstrap import mean_interval, percentile_interval, ratio_draws
from emulator.evaluation.scoring.metrics.bands import BANDS
from emulator.limits import QUANTILES

Metric = Callable[[pd.DataFrame], float]

# The sign of an impact within this many s.d.s of zero is not scored: it is that of a rounding error
# where a response is zero at impact by construction (a lower triangular impact matrix).
NEGLIGIBLE_IMPACT = 0.01


def nrmse_per_sample(
    frame: pd.DataFrame, sigma: str = "sigma", mse: str = "mse"
) -> pd.Series[float]:
    """sqrt(mean_h error^2) / sigma, averaged over shocks and observables, indexed by sample."""
    ratio = np.sqrt(frame[mse]) / frame[sigma]
    means: pd.Series[float] = ratio.groupby(frame["sample"]).mean()
    return means


def nrmse(frame: pd.DataFrame) -> float:
    """The error of a typical response in units of how much responses vary: sqrt(mean over horizons
    of the squared error) / sigma[world, shock, observable], a mean. It weighs shocks alike,
    whatever their size; the training mean scores below 1. No unit; lower is better."""
    return float(nrmse_per_sample(frame).mean())


def nrmse_pooled(frame: pd.DataFrame) -> float:
    """As nrmse, divided by sigma[world, observable] pooled over shocks: shocks that move an
    observable little count little. Often quoted elsewhere, and smaller. No unit."""
    return float(nrmse_per_sample(frame, "sigma_pooled").mean())


def sign_at_impact(frame: pd.DataFrame) -> float:
    """Share of responses whose first quarter has the right sign, the first thing a reader of an
    impulse response looks at. True impacts within 0.01 s.d.s of zero are left out. No unit; 1 is
    perfect, NaN where no impact is left."""
    clear = frame["impact_truth"].abs() > NEGLIGIBLE_IMPACT * frame["sigma"]
    right = np.sign(frame["impact"]) == np.sign(frame["impact_truth"])
    return float(right[clear].mean())


def iae(frame: pd.DataFrame) -> float:
    """Integrated absolute error: the sum over quarters of the absolute error, in s.d.s x quarters,
    a mean. The area between two lines of a plot; unlike nrmse it does not weigh large errors
    more."""
    return float((frame["iae"] / frame["sigma"]).mean())


def peak_error(frame: pd.DataFrame) -> float:
    """Absolute error of the value furthest from zero, in s.d.s, a mean. The size that policy
    discussions quote."""
    return float(((frame["peak"] - frame["peak_truth"]).abs() / frame["sigma"]).mean())


def peak_time_error(frame: pd.DataFrame) -> float:
    """Absolute error of the quarter of the peak, in quarters, a mean. The lag of policy."""
    return float((frame["peak_time"] - frame["peak_time_truth"]).abs().mean())


def half_life_error(frame: pd.DataFrame) -> float:
    """Absolute error of the half-life, the quarters from the peak until the response stays within
    half of it, in quarters, a mean; censored at the last horizon in both. Persistence."""
    return float((frame["half_life"] - frame["half_life_truth"]).abs().mean())


def cumulative_error(frame: pd.DataFrame) -> float:
    """Absolute error of the response summed over quarters, in s.d.s x quarters, a mean. Never above
    iae; equal to it where an error keeps its sign, so that a bias shows."""
    return float(((frame["cumulative"] - frame["cumulative_truth"]).abs() / frame["sigma"]).mean())


def _share_high(frame: pd.DataFrame, suffix: str) -> float:
    scale = frame["sigma"] ** 2
    high = (frame[f"energy_high{suffix}"] / scale).sum()
    return float(high / (frame[f"energy{suffix}"] / scale).sum())


def hf_share(frame: pd.DataFrame) -> float:
    """Share of the predicted responses' spectral energy at periods under six quarters; energies in
    s.d.s squared are summed over samples, shocks and observables before dividing. No unit."""
    return _share_high(frame, "")


def hf_share_truth(frame: pd.DataFrame) -> float:
    """As hf_share, of the exact responses. No unit."""
    return _share_high(frame, "_truth")


def hf_ratio(frame: pd.DataFrame) -> float:
    """hf_share / hf_share_truth: above 1 the emulator is more jagged than the truth, below 1 it
    smooths. Small wiggles that hardly move nrmse show here. No unit; 1 is perfect."""
    return hf_share(frame) / hf_share_truth(frame)


def overshoot(frame: pd.DataFrame) -> float:
    """The furthest excursion after the peak to the other side of zero, as a share of the peak, a
    mean; of the predictions. Compare with overshoot_truth."""
    return float(frame["overshoot"].mean())


def overshoot_truth(frame: pd.DataFrame) -> float:
    """As overshoot, of the exact responses."""
    return float(frame["overshoot_truth"].mean())


def sign_flips(frame: pd.DataFrame) -> float:
    """How often a predicted response changes sign, values within 1 % of its peak having none, a
    mean; a count. Compare with sign_flips_truth."""
    return float(frame["sign_flips"].mean())


def sign_flips_truth(frame: pd.DataFrame) -> float:
    """As sign_flips, of the exact responses."""
    return float(frame["sign_flips_truth"].mean())


def crps(frame: pd.DataFrame) -> float:
    """Continuous ranked probability score of the bands in s.d.s, mean over horizons, then a mean;
    one number for calibration and sharpness. From five quantiles: 3 % below the exact score for a
    normal forecast. For a model without bands it is the mean absolute error."""
    return float((frame["crps"] / frame["sigma"]).mean())


def coverage_50(frame: pd.DataFrame) -> float:
    """Share of points (samples, shocks, observables, horizons) in the 50 % band; .5 is right."""
    return float(frame["coverage_50"].mean())


def coverage_90(frame: pd.DataFrame) -> float:
    """Share of points (samples, shocks, observables, horizons) in the 90 % band; .9 is right."""
    return float(frame["coverage_90"].mean())


def width_50(frame: pd.DataFrame) -> float:
    """Mean width of the 50 % band in s.d.s. Of two calibrated bands the narrower says more."""
    return float((frame["width_50"] / frame["sigma"]).mean())


def width_90(frame: pd.DataFrame) -> float:
    """Mean width of the 90 % band in s.d.s. Of two calibrated bands the narrower says more."""
    return float((frame["width_90"] / frame["sigma"]).mean())


METRICS: Mapping[str, Metric] = {
    metric.__name__: metric
    for metric in (
        nrmse, nrmse_pooled, sign_at_impact, iae, peak_error, peak_time_error, half_life_error,
        cumulative_error, hf_share, hf_share_truth, hf_ratio, overshoot, overshoot_truth,
        sign_flips, sign_flips_truth, crps,
    )
}  # fmt: skip
BAND_METRICS: Mapping[str, Metric] = {
    metric.__name__: metric for metric in (coverage_50, coverage_90, width_50, width_90)
}


def accuracy(frame: pd.DataFrame, mse: str = "mse") -> dict[str, object]:
    """NRMSE with its bootstrap interval over samples, by observable and by shock.

    mse: the column of squared errors; `null_mse` is the training mean's.
    """
    per_sample = nrmse_per_sample(frame, mse=mse)
    ratio = np.sqrt(frame[mse]) / frame["sigma"]
    return {
        "nrmse": float(per_sample.mean()),
        "ci95": list(mean_interval(per_sample.to_numpy())),
        "nrmse_pooled": float(nrmse_per_sample(frame, "sigma_pooled", mse).mean()),
        "by_observable": _by(ratio, frame["observable"]),
        "by_shock": _by(ratio, frame["shock"]),
        "samples": len(per_sample),
    }


def summarise(frame: pd.DataFrame) -> dict[str, object]:
    """All metrics of one world, regime, task and split, ready for JSON (None where undefined)."""
    metrics = dict(METRICS)
    bands = bool(frame["coverage_90"].notna().all())
    if bands:
        metrics |= BAND_METRICS
    values = {name: metric(frame) for name, metric in metrics.items()}
    out: dict[str, object] = {
        **{name: value if np.isfinite(value) else None for name, value in values.items()},
        **accuracy(frame),
    }
    if bands:
        out["calibration"] = [float(frame[f"below_{round(100 * q)}"].mean()) for q in QUANTILES]
        out["coverage_by_observable"] = {
            str(band): _by(frame[f"coverage_{band}"], frame["observable"]) for band in BANDS
        }
    if frame["linear_mse"].notna().all():
        out["binding"] = {
            name: _beside_linear(part)
            for name, part in (("binds", frame[frame["binds"]]), ("slack", frame[~frame["binds"]]))
            if len(part)
        } | {"share": float(frame["binds"].mean())}
    return out


def _beside_linear(frame: pd.DataFrame) -> dict[str, object]:
    """The model and the world's linear response on the same part of the responses.

    A sample has any number of responses in a part, so means are over responses, each with the same
    weight, and the interval is that of a ratio of two sums over samples.
    """
    ratio = np.sqrt(frame["mse"]) / frame["sigma"]
    by_sample = ratio.groupby(frame["sample"]).agg(["sum", "size"])
    draws = ratio_draws(by_sample["sum"].to_numpy(), by_sample["size"].to_numpy(dtype=np.float64))
    return {
        "nrmse": float(ratio.mean()),
        "ci95": list(percentile_interval(draws)),
        "nrmse_pooled": float((np.sqrt(frame["mse"]) / frame["sigma_pooled"]).mean()),
        "linear_nrmse": float((np.sqrt(frame["linear_mse"]) / frame["sigma"]).mean()),
        "samples": len(by_sample),
        "responses": len(frame),
    }


def _by(values: pd.Series[float], key: pd.Series[str]) -> dict[str, float]:
    return {
        str(name): float(value) for name, value in values.groupby(key, sort=False).mean().items()
    }
