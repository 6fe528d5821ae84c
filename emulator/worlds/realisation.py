"""A linear state space that reproduces given responses (Ho and Kalman 1966; Kung 1978).

    given   y_0 = D, y_h           h = 1 ... T-1, the responses (3, S) to one s.d. of each shock
    found   y_0 = D, y_h ~ C A^{h-1} B

What a model solved in the sequence space says of the economy is its moving average. A state space
makes simulations, filters and moments those of any linear world.

The block Hankel matrix of a system of n states, with y_{1+i+j} in block (i, j), is O K with
O = (C; C A; ...), K = (B, A B, ...): of rank n. Its n largest singular values say which n states
matter, O is read off the leading left singular vectors, and A off their shift by a quarter,
O[1:] = O[:-1] A, by least squares. B then is the best fit to all T quarters given C and A. Impact
is exact. Rows of the Hankel matrix are half the quarters, in order; its columns are some of the
other half, dense at short lags and sparse at long ones, which loses little and costs a tenth.

Observables and shocks are first scaled to have norm one each, so units and standard deviations do
not decide what matters. States are balanced: O' O = K K' = diagonal, as far as the lags reach.

Where A has a root on or outside the unit circle, states are left out, the least first, until it has
none. What that costs is in the error.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg

from emulator.errors import InputError
from emulator.worlds.arguments import numbers, whole
from emulator.worlds.base import FloatArray, Status
from emulator.worlds.linear import StateSpace

if TYPE_CHECKING:
    from jaxtyping import Float64

# States whose singular value is a smaller share of the largest stand for rounding: they are zero.
_RANK = 1e-13
# Lags that enter the columns: all up to here, then steps that grow by a sixth.
_DENSE = 8
# Directions in which singular vectors are sought, besides those asked for.
_SPARE = 10
# Draws whose Hankel matrices are held in memory.
_AT_ONCE = 32
# Rounds in which observables and shocks are scaled in turn; each is a contraction.
_SCALINGS = 20
# Series below this share of what their observable and shock do elsewhere are judged by that.
_SMALL = 1e-2


class Realisation(NamedTuple):
    """A state space and how far its responses are from those given.

    error (B,): the largest distance over quarters, shocks and observables, as a share of the
    largest value of the series or, where the series hardly moves, of one percent of what its
    shock and observable do elsewhere.
    """

    system: StateSpace
    error: Float64[np.ndarray, " B"]


def realise(responses: ArrayLike, order: int) -> Realisation:
    """A stable state space of `order` states near to responses (B, S, T, 3) or (S, T, 3).

    Units are those of the responses, shocks count in s.d.s. Where fewer states do, the others are
    zero; where `order` do not, ask the error. Some 4 ms a draw for 50 states, 6 shocks and 200
    quarters. Rows that are not finite come back as NaN with status NOT_FINITE. Deterministic, a row
    whatever its batch. Raises InputError for other shapes, and where T quarters do not tell
    `order` states apart.
    """
    given = numbers("responses", responses)
    if given.ndim == 3:
        given = given[None]
    if given.ndim != 4 or given.shape[1] < 1 or given.shape[3] < 1:
        raise InputError(f"responses: expected shape (B, S, T, 3), got {given.shape}")
    rows, shocks, quarters, outputs = given.shape
    n = whole("order", order)
    depth = quarters // 2
    lags = _lags(quarters - 1 - depth)
    most = min((depth - 1) * outputs, len(lags) * shocks)
    if not 1 <= n <= most:
        raise InputError(
            f"order: expected 1 to {most} states for {quarters} quarters and {shocks} shocks, "
            f"got {n}"
        )
    nan = np.nan
    system = StateSpace(
        np.full((rows, n, n), nan),
        np.full((rows, n, shocks), nan),
        np.full((rows, outputs, n), nan),
        np.ascontiguousarray(np.swapaxes(given[:, :, 0], 1, 2)),
        np.full(rows, Status.NOT_FINITE, dtype=np.int8),
    )
    error = np.full(rows, nan)
    (finite,) = np.nonzero(np.isfinite(given).all(axis=(1, 2, 3)))
    system.d[~np.isfinite(given).all(axis=(1, 2, 3))] = nan
    for start in range(0, len(finite), _AT_ONCE):
        some = finite[start : start + _AT_ONCE]
        system.a[some], system.b[some], system.c[some], error[some] = _realise(
            given[some], n, depth, lags
        )
        system.status[some] = Status.OK
    return Realisation(system, error)


def _lags(longest: int) -> list[int]:
    """Lags 0 ... longest - 1 that enter the columns, dense at first."""
    lags = [0]
    while lags[-1] + 1 < longest:
        lags.append(min(lags[-1] + max(1, lags[-1] // _DENSE), longest - 1))
    return lags


def _realise(
    given: FloatArray, n: int, depth: int, lags: list[int]
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """A (B, n, n), B (B, n, S), C (B, 3, n) and errors (B,) of responses (B, S, T, 3)."""
    rows, shocks, _, outputs = given.shape
    by_output, by_shock = _scales(np.sqrt((given**2).sum(axis=2)))
    scaled = given / by_output[:, None, None] / by_shock[:, :, None, None]
    later = np.ascontiguousarray(scaled.transpose(0, 2, 3, 1)[:, 1:])  # (B, T-1, 3, S)
    scale = np.maximum(np.abs(scaled).max(axis=2).swapaxes(1, 2), _SMALL)
    a, b, c = np.zeros((rows, n, n)), np.zeros((rows, n, shocks)), np.zeros((rows, outputs, n))
    error = np.empty(rows)
    for row, (leading, size) in enumerate(zip(*_leading(later, n, depth, lags), strict=True)):
        fitted = _fit(leading, size, later[row], a[row], b[row], c[row])
        error[row] = (np.abs(fitted - later[row]).max(axis=0) / scale[row]).max()
        b[row] *= by_shock[row]
        c[row] *= by_output[row][:, None]
    return a, b, c, error


def _fit(
    observability: FloatArray,
    size: FloatArray,
    later: FloatArray,
    a: FloatArray,
    b: FloatArray,
    c: FloatArray,
) -> FloatArray:
    """Write one draw's A, B, C in scaled units, given leading vectors and their values; its
    responses (T-1, 3, S)."""
    quarters, outputs, shocks = later.shape
    rank = int((size > _RANK * size[0]).sum())
    shift = _stable_shift(observability[:, :rank], outputs)
    rank = len(shift)
    if not rank:
        return np.zeros_like(later)
    observability, root = observability[:, :rank], np.sqrt(size[:rank])
    design = _observed(observability[:outputs], shift, quarters)
    impact = _least_squares(design, later.reshape(-1, shocks))
    a[:rank, :rank] = shift * root / root[:, None]
    b[:rank] = impact / root[:, None]
    c[:, :rank] = observability[:outputs] * root
    return np.asarray((design @ impact).reshape(later.shape))


def _stable_shift(observability: FloatArray, outputs: int) -> FloatArray:
    """A (r, r), which moves the leading columns of O by a quarter, r the largest that is stable."""
    for rank in range(observability.shape[1], 0, -1):
        before, after = observability[:-outputs, :rank], observability[outputs:, :rank]
        shift = _least_squares(before, after)
        if np.abs(np.linalg.eigvals(shift)).max() < 1.0:
            return np.asarray(shift)
    return np.zeros((0, 0))


def _least_squares(design: FloatArray, target: FloatArray) -> FloatArray:
    """X of least squares in design X = target, for columns that are nearly orthonormal.

    Such are those of O, of all but its last quarter, and of C, C A, ...; products of them lose no
    digits.
    """
    normal, sides = design.T @ design, design.T @ target
    found = linalg.lstsq(normal, sides, lapack_driver="gelsy", check_finite=False)[0]
    return np.asarray(found)


def _observed(c: FloatArray, a: FloatArray, quarters: int) -> FloatArray:
    """C, C A, ... C A^{quarters-1}, one below the other; each product doubles them."""
    out = np.empty((quarters * len(c), c.shape[1]))
    out[: len(c)] = c
    done = len(c)
    while done < len(out):
        more = min(done, len(out) - done)
        out[done : done + more] = out[:more] @ a
        done, a = done + more, a @ a
    return out


def _scales(norms: FloatArray) -> tuple[FloatArray, FloatArray]:
    """By observable (B, 3) and shock (B, S), what makes norms (B, S, 3) of unit root mean square in
    each.

    Sinkhorn and Knopp's alternation on the squares. One where nothing moves.
    """
    squares = norms**2
    rows, shocks, outputs = norms.shape
    by_output, by_shock = np.ones((rows, outputs)), np.ones((rows, shocks))
    for _ in range(_SCALINGS):
        by_output = ((1.0 / by_shock)[:, None] @ squares)[:, 0] / shocks
        by_output[by_output == 0.0] = 1.0
        by_shock = (squares @ (1.0 / by_output)[..., None])[..., 0] / outputs
        by_shock[by_shock == 0.0] = 1.0
    return np.sqrt(by_output), np.sqrt(by_shock)


@cache
def _mixture(columns: int, mixed: int) -> FloatArray:
    """Fixed normal numbers (columns, mixed), of mean zero and variance one."""
    mixture = np.random.Generator(np.random.Philox(0)).standard_normal((columns, mixed))
    mixture.flags.writeable = False
    return mixture


def _leading(
    later: FloatArray, n: int, depth: int, lags: list[int]
) -> tuple[FloatArray, FloatArray]:
    """The n leading left singular vectors (B, rows, n) of Hankel matrices of (B, T-1, 3, S), and
    their values (B, n).

    From the few more directions than n that as many mixtures of its columns span: singular values
    fall so fast that hardly anything is outside (Halko, Martinsson and Tropp 2011, SIAM Review
    53(2), algorithm 4.1).
    """
    draws, _, outputs, shocks = later.shape
    hankel = np.empty((draws, depth, outputs, len(lags), shocks))
    for j, lag in enumerate(lags):
        hankel[:, :, :, j] = later[:, lag : lag + depth]
    matrix = hankel.reshape(draws, depth * outputs, -1)
    mixed = min(n + _SPARE, *matrix.shape[1:])
    basis = np.linalg.qr(matrix @ _mixture(matrix.shape[2], mixed))[0]
    triangle = np.asarray(np.linalg.qr(matrix.swapaxes(1, 2) @ basis, mode="r"))
    turned, values, _ = np.linalg.svd(triangle.swapaxes(1, 2))
    return basis @ turned[..., :n], values[:, :n]
