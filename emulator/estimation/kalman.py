"""The Kalman filter's log likelihoods of one history under many linear state spaces.

A history is the last L quarters of a simulation that started at rest k quarters before them. The
state at its start then has mean zero and covariance V_k = sum_{j<k} A^j B B' A^j', which is where
the filter starts; no unconditional variance, no diffuse prior. For worlds that are a linear state
space (see `emulator.worlds.linear`) with x_{t-1} ~ N(m, P) given the quarters before t,

    v = y_t - C m,  F = C P C' + D D',  K = (A P C' + B D') F^{-1}
    m <- A m + K v,  P <- A P A' + B B' - K F K'

and each quarter adds log N(v; 0, F) (Hamilton 1994, Time Series Analysis, ch. 13). Measurement
noise, independent over quarters and observables, adds its variances to F; without it, F is regular
where as many shocks as observables, or more, move them on impact. A number that is missing (NaN)
leaves its row out of v, F and K.

Where every number is seen, states are many and rest is some quarters ago, F and K are carried
without P, by `chandrasekhar`: a quarter then costs n^2 and not n^3. Parameters are filtered side by
side (`emulator.worlds.lanes`): a row's likelihood has the same bits whatever its neighbours are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emulator.compiled import compiled
from emulator.estimation.chandrasekhar import filter_complete
from emulator.estimation.covariance_form import filter_with_gaps
from emulator.estimation.kalman_parts import rest_to_start
from emulator.worlds.base import FloatArray
from emulator.worlds.lanes import LANES, BoolArray, gather

if TYPE_CHECKING:
    from jaxtyping import Float64

NO_NOISE = np.zeros(3)

# States, and quarters from rest, from which on F and K are carried without P. With half as many
# states both forms take the same time. Nearer to rest digits are lost where shocks are barely more
# than observables: log likelihoods are off by many nats at rest, by 1e-5 two quarters later.
MANY, LATER = 10, 8


def kalman(
    a: Float64[np.ndarray, "B n n"],
    b: Float64[np.ndarray, "B n S"],
    c: Float64[np.ndarray, "B 3 n"],
    d: Float64[np.ndarray, "B 3 S"],
    history: Float64[np.ndarray, "L 3"],
    run_in: int,
    noise: Float64[np.ndarray, " 3"] = NO_NOISE,
) -> Float64[np.ndarray, " B"]:
    """log p(history | A, B, C, D) (B,) of rows that started at rest `run_in` quarters before; NaN
    where A or B is not finite, minus infinity where F is not regular or not finite.

    history: NaN where a number is missing. noise: s.d.s of measurement noise. Both in the
    observables' units.
    """
    out = np.full(len(a), np.nan)
    left = np.isfinite(a).all(axis=(1, 2)) & np.isfinite(b).all(axis=(1, 2))
    if a.shape[1] >= MANY and run_in >= LATER and np.isfinite(history).all():
        some = np.flatnonzero(left)
        out[some], kept = _rows(a[some], b[some], c[some], d[some], history, run_in, noise, True)
        left[some] = ~kept
    some = np.flatnonzero(left)
    if some.size:
        out[some], _ = _rows(a[some], b[some], c[some], d[some], history, run_in, noise, False)
    return out


@compiled(error_model="numpy")
def _rows(
    a: FloatArray,
    b: FloatArray,
    c: FloatArray,
    d: FloatArray,
    history: FloatArray,
    run_in: int,
    noise: FloatArray,
    complete: bool,
) -> tuple[FloatArray, BoolArray]:
    """The log likelihoods (B,), and in which rows the filter of complete histories kept its
    digits."""
    rows, n, shocks = b.shape
    lanes = min(LANES, max(rows, 1))
    out, kept = np.empty(rows), np.ones(rows, dtype=np.bool_)
    transition, load = np.empty((n, n, lanes)), np.empty((n, shocks, lanes))
    shown, direct = np.empty((3, n, lanes)), np.empty((3, shocks, lanes))
    for start in range(0, rows, lanes):
        gather(transition, a, start, n, n)
        gather(load, b, start, n, shocks)
        gather(shown, c, start, 3, n)
        gather(direct, d, start, 3, shocks)
        p, power = rest_to_start(transition, load, run_in)
        sound = np.ones(lanes, dtype=np.bool_)
        if complete:
            total = filter_complete(
                transition, load, shown, direct, history, noise, p, power, sound
            )
        else:
            total = filter_with_gaps(transition, load, shown, direct, history, noise, p)
        for row in range(start, min(start + lanes, rows)):
            out[row] = total[row - start]
            kept[row] = sound[row - start]
    return out, kept
