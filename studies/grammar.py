"""Whether economies of the grammar look like real ones: features of drawn and of real series.

`python -m studies.grammar` writes results/grammar/features.json and docs/figures/grammar.png. Real
series are those of statsmodels' macrodata (FRED, 1959Q1 to 2009Q3): logs of quantities and price
indices, rates as they are, five at a time in windows of random length. Drawn ones are the levels
among the data sets of as many draws. Data sets in differences are left out, as are shocks and
instruments, of which macrodata has none.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emulator.econometrics import autoregressions, bayesian
from emulator.econometrics.question import FloatArray, sample, scaled
from emulator.evaluation.report import canvas as plots
from emulator.foreign.grammar import draws
from studies import records

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "grammar" / "features.json"
FIGURE = ROOT / "docs" / "figures" / "grammar.png"
SEED = 77
SERIES = 5  # of a window
HORIZON, SMALL = 20, 0.05  # of responses; s.d.s below which they are noise
LAGS = 4  # of VARs
KNOWN, AHEAD = 0.6, 4  # of a window, what forecasts are estimated on; quarters they look ahead
BANDWIDTH = 12  # quarters of autocovariances in a long-run variance
LEVELS = (0.1, 0.5, 0.9)
IN_LOGS = ("realgdp", "realcons", "realinv", "realgovt", "realdpi", "cpi", "m1", "pop")

# name: what it is, and ticks where its axis is in logs
FEATURES = {
    "level": ("persistence of levels\nautocorrelation, trend taken out", ()),
    "change": ("persistence of changes\nautocorrelation", ()),
    "long_run": ("long-run over short-run\nvariance of changes", (0.1, 0.3, 1, 3, 10)),
    "own_past": ("signal to noise: R^2 of changes\non four own lags", ()),
    "middle": ("adjusted R^2 of changes: own lags\n3 and 4, beside 1 and 2", ()),
    "late": ("adjusted R^2 of changes: own lags\n5 to 8, beside 1 to 4", ()),
    "others": ("signal to noise: R^2 of changes\non those of four others", ()),
    "kurtosis": ("kurtosis of changes", (3, 5, 10)),
    "volatility": ("s.d. of changes, first half\nover second", (0.5, 1, 2)),
    "drift": ("mean over s.d. of changes,\nabsolute", ()),
    "size": ("largest response to another's\ninnovation, in s.d.s", (0.1, 0.3, 1, 3)),
    "rise": ("response after 8 quarters over\nthat after 1, logs", ()),
    "own": ("own response after 8 quarters", ()),
    "peak": ("quarter of the largest response\nto another's innovation", ()),
    "tightness": ("lambda by marginal likelihood\nof a Bayesian VAR", (0.1, 0.2, 0.4, 0.8)),
    "ahead": ("squared forecast errors, logs:\nBayesian VAR over VAR", ()),
}


def features(y: FloatArray) -> dict[str, FloatArray]:
    """Of every series of a window (T, n), by the names of FEATURES: (n,) each."""
    quarters = len(y)
    trend = np.column_stack([np.ones(quarters), np.arange(quarters)])
    level = y - trend @ np.linalg.lstsq(trend, y, rcond=None)[0]
    raw = np.diff(y, axis=0)
    change = raw - raw.mean(axis=0)
    square = np.square(change).mean(axis=0)

    def autocovariance(k: int) -> FloatArray:
        return np.asarray((change[k:] * change[: len(change) - k]).mean(axis=0))

    weights = 1.0 - np.arange(1, BANDWIDTH + 1) / (BANDWIDTH + 1.0)
    later = sum(w * autocovariance(k) for k, w in enumerate(weights, start=1))
    half = len(change) // 2
    every = {name: np.empty(y.shape[1]) for name in ("own_past", "middle", "late", "others")}
    for j in range(y.shape[1]):
        moved = change[8:, j]
        past = np.column_stack([change[8 - k : len(change) - k, j] for k in range(1, 9)])
        two, four, eight = (_explained(past[:, :k], moved, adjusted=True) for k in (2, 4, 8))
        every["own_past"][j] = _explained(past[:, :4], moved)
        every["middle"][j], every["late"][j] = four - two, eight - four
        every["others"][j] = _explained(np.delete(change, j, axis=1), change[:, j])
    return {
        "level": (level[1:] * level[:-1]).sum(axis=0) / np.square(level).sum(axis=0),
        "change": autocovariance(1) / square,
        "long_run": np.maximum(1.0 + 2.0 * later / square, 1e-2),
        "kurtosis": (change**4).mean(axis=0) / square**2,
        "volatility": change[:half].std(axis=0) / change[half:].std(axis=0),
        "drift": np.abs(raw.mean(axis=0)) / np.sqrt(square),
        "ahead": forecasts(y),
        **every,
        **responses(y),
    }


def responses(y: FloatArray) -> dict[str, FloatArray]:
    """How series (T, n) respond, by a Bayesian VAR, to one s.d. of the innovation of the series
    behind them, those ahead of it held fixed, in s.d.s of their own innovations; and how tight its
    prior is by what the data say."""
    n = y.shape[1]
    best = bayesian.posterior(scaled(y[None]).data, LAGS, np.ones((1, n)))
    estimate = best.estimate
    sd = np.sqrt(np.diagonal(estimate.covariance[0]))
    every = np.stack(
        [autoregressions.responses(estimate, k, HORIZON)[0] * sd[k] / sd for k in range(n)]
    )  # (n, H+1, n): to the innovation of each
    each = np.abs(every[(np.arange(n) + 1) % n, :, np.arange(n)])  # (n, H+1)
    return {
        "size": each.max(axis=1),
        "rise": np.log((each[:, 8] + SMALL) / (each[:, 1] + SMALL)),
        "own": every[np.arange(n), 8, np.arange(n)],
        "peak": each.argmax(axis=1).astype(float),
        "tightness": np.full(n, best.tightness[0, 0]),
    }


def forecasts(y: FloatArray) -> FloatArray:
    """Of series (T, n), the logarithm of a Bayesian VAR's mean squared error over that of a VAR by
    least squares (n,): forecasts AHEAD quarters ahead, estimated on the first KNOWN of a window, in
    the rest of it."""
    first = int(KNOWN * len(y))
    z = (y - y[:first].mean(axis=0)) / y[:first].std(axis=0)
    known, n = z[None, :first], y.shape[1]
    best = bayesian.posterior(known, LAGS, np.ones((1, n)))
    regressors, seen = sample(known, LAGS)
    plain = np.linalg.lstsq(regressors[0], seen[0], rcond=None)[0]
    square = []
    for coefficients in (best.coefficients[0], plain):
        past = [z[first - 1 - k : len(z) - AHEAD - k] for k in range(LAGS)]  # last quarter first
        for _ in range(AHEAD):
            past = [coefficients[0] + np.hstack(past) @ coefficients[1:], *past[:-1]]
        square.append(np.square(past[0] - z[first - 1 + AHEAD :]).mean(axis=0))
    return np.asarray(np.log(square[0] / square[1]))


def _explained(regressors: FloatArray, y: FloatArray, adjusted: bool = False) -> float:
    """R^2 of y on the regressors and a constant; adjusted for their number."""
    x = np.column_stack([np.ones(len(y)), regressors])
    left = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    less = (len(y) - 1.0) / (len(y) - x.shape[1]) if adjusted else 1.0
    return float(1.0 - less * left.var() / y.var())


def real(count: int) -> pd.DataFrame:
    """A row a series of `count` windows of macrodata."""
    from statsmodels.datasets import macrodata

    raw = macrodata.load_pandas().data.drop(columns=["year", "quarter"])
    raw[list(IN_LOGS)] = 100.0 * np.log(raw[list(IN_LOGS)])
    rng = np.random.default_rng(SEED)
    found = []
    for _ in range(count):
        quarters = int(rng.integers(draws.LEAST_QUARTERS, len(raw) + 1))
        first = int(rng.integers(0, len(raw) - quarters + 1))
        picked = rng.choice(raw.shape[1], SERIES, replace=False)
        found.append(pd.DataFrame(features(raw.iloc[first : first + quarters, picked].to_numpy())))
    return pd.concat(found, ignore_index=True)


def drawn(count: int) -> pd.DataFrame:
    """A row a series in levels of as many draws with five series or more."""
    found: list[pd.DataFrame] = []
    index = 0
    while len(found) < count:
        each = draws.sets(SEED, index, samples=1)
        index += 1
        y = each.data[0, :, ~each.differences].T
        if y.shape[1] >= SERIES:
            found.append(pd.DataFrame(features(y[:, :SERIES])).assign(family=each.drawn.family))
    return pd.concat(found, ignore_index=True)


def picture(series: dict[str, pd.DataFrame]) -> None:
    """Distribution functions of every feature."""
    canvas, axes = plots.figure(4, 4, 10.5, 10.2)
    for axis, (name, (title, ticks)) in zip(axes.flat, FEATURES.items(), strict=True):
        for (label, table), colour, dash in zip(
            series.items(), (plots.BLACK, plots.BLUE), plots.DASHES, strict=False
        ):
            values = np.sort(table[name].to_numpy())
            share = (np.arange(len(values)) + 0.5) / len(values)
            axis.plot(values, share, color=colour, ls=dash, lw=1.6, label=label)
        if ticks:
            axis.set_xscale("log")
            axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            axis.minorticks_off()
        both = np.concatenate([table[name].to_numpy() for table in series.values()])
        axis.set_xlim(*np.quantile(both, [0.005, 0.99]))
        axis.set_title(title, fontsize=9)
        axis.tick_params(labelsize=8)
    for axis in axes[:, 0]:
        axis.set_ylabel("share of series below", fontsize=8)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=9)
    plots.save(canvas, FIGURE)


def quantiles(table: pd.DataFrame) -> dict[str, Any]:
    found = table[list(FEATURES)].quantile(list(LEVELS)).round(3)
    return {name: found[name].tolist() for name in FEATURES}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=400)
    count = parser.parse_args().windows
    series = {"macrodata": real(count), "grammar": drawn(count)}
    families = series["grammar"].groupby("family")
    records.write(
        RESULTS,
        {
            **records.machine(("numpy", "statsmodels")),
            "seed": SEED,
            "windows": count,
            "quantiles": LEVELS,
            **{name: quantiles(table) for name, table in series.items()},
            "families": {str(name): quantiles(table) for name, table in families},
        },
    )
    picture(series)


if __name__ == "__main__":
    main()
