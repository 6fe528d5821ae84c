"""Estimate the dynamic factor model of the benchmark `macrodata`.

`python -m studies.macrodata_model` writes emulator/foreign/macrodata.npz: parameters as
factor_model.py names them, of ten US series in statsmodels' macrodata (FRED, 1959Q1 to 2009Q3).
Logs of quantities and prices and rates as they are, over the s.d. of their changes; four principal
components of changes, summed over quarters, follow a vector error-correction model of rank one with
three lags of changes, as the six of the benchmark `lpw` do; what they leave of each series follows
an AR(4) about a trend. Nothing is chosen by how well any estimator does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from statsmodels.datasets import macrodata
from statsmodels.tsa.vector_ar.vecm import VECM

from emulator.econometrics.question import FloatArray
from emulator.foreign.benchmark import BENCHMARKS
from emulator.foreign.grammar.series import LARGEST_ROOT
from emulator.storage import writing

IN_LOGS = ("realgdp", "realcons", "realinv", "realdpi", "realgovt", "cpi", "m1", "pop")
NAMES = (*IN_LOGS, "unemp", "tbilrate")
FACTORS, LAGS = 4, 4


def factors(changes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Principal components (T, k) of changes (T, n), and loadings (n, k) of the series on them."""
    left, _, _ = np.linalg.svd(changes, full_matrices=False)
    found = left[:, :FACTORS] * np.sqrt(len(changes))
    return found, changes.T @ found / len(changes)


def own(residual: FloatArray) -> tuple[FloatArray, float]:
    """AR coefficients (LAGS,) of a series (T,) about its trend, with roots below LARGEST_ROOT, and
    the s.d. of its innovations."""
    time = np.column_stack([np.ones(len(residual)), np.arange(len(residual))])
    y = residual - time @ np.linalg.lstsq(time, residual, rcond=None)[0]
    x = np.column_stack([y[LAGS - 1 - j : len(y) - 1 - j] for j in range(LAGS)])
    phi = np.linalg.lstsq(x, y[LAGS:], rcond=None)[0]
    companion = np.vstack([phi, np.eye(LAGS - 1, LAGS)])
    root = float(np.abs(np.linalg.eigvals(companion)).max())
    phi *= min(1.0, LARGEST_ROOT / root) ** np.arange(1, LAGS + 1)
    return phi, float((y[LAGS:] - x @ phi).std())


def estimated(series: FloatArray) -> dict[str, NDArray[np.float64]]:
    """The model's parameters, from series (T, n)."""
    changes = np.diff(series, axis=0)
    changes = (changes - changes.mean(axis=0)) / changes.std(axis=0)
    found, loadings = factors(changes)
    fit = VECM(np.cumsum(found, axis=0), k_ar_diff=LAGS - 1, coint_rank=1, deterministic="co").fit()
    lags = fit.var_rep  # (LAGS, k, k)
    left_over = np.cumsum(changes - found @ loadings.T, axis=0)
    each = [own(left_over[:, j]) for j in range(series.shape[1])]
    return {
        "Phi": np.hstack(list(lags)),
        "Sigma_eta": np.asarray(fit.sigma_u),
        "Lambda": loadings,
        "delta": np.array([phi for phi, _ in each]),
        "sigma_v": np.array([sd for _, sd in each]),
    }


def levels() -> FloatArray:
    """The series (T, n), NAMES along n."""
    raw = macrodata.load_pandas().data
    return np.column_stack(
        [100.0 * np.log(raw[name]) if name in IN_LOGS else raw[name] for name in NAMES]
    )


def main() -> None:
    with writing(BENCHMARKS["macrodata"].file) as file:
        np.savez_compressed(file, **estimated(levels()))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
