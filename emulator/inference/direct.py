"""Responses of many draws from parameters, without torch: the network as one compiled function.

Draws go through in blocks that stay in the processor's cache, along the last axis, so that every
loop over them is one of vector instructions; maps are products of BLAS. Linear systems are stepped
from quarter to quarter. All is in float32, as the network is, but for the scaling of inputs and of
what comes out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emulator.compiled import compiled
from emulator.inference.folded import FAR, TINY, Double, Folded, Layers, Single, Sized, System
from emulator.limits import MAX_SIZE
from emulator.models.from_parameters import NEAR
from emulator.models.rolled import LARGEST_ROOT

if TYPE_CHECKING:
    from jaxtyping import Float64

BLOCK = 128  # draws; a layer of them and its weights fit a core's second cache
# tanh as a ratio of polynomials, within two roundings of float32 (Eigen, `generic_fast_tanh`).
_LIMIT = np.float32(7.90531110763549805)
_A1, _A3, _A5 = (
    np.float32(4.89352455891786e-03),
    np.float32(6.37261928875436e-04),
    np.float32(1.48572235717979e-05),
)
_A7, _A9 = np.float32(5.12229709037114e-08), np.float32(-8.60467152213735e-11)
_A11, _A13 = np.float32(2.00018790482477e-13), np.float32(-2.76076847742355e-16)
_B0, _B2 = np.float32(4.89352518554385e-03), np.float32(2.26843463243900e-03)
_B4, _B6 = np.float32(1.18534705686654e-04), np.float32(1.19825839466702e-06)
_ONE, _ZERO = np.float32(1.0), np.float32(0.0)
_ROOT = np.float32(LARGEST_ROOT)


def respond(
    folded: Folded,
    theta: Float64[np.ndarray, "B P"],
    size: Float64[np.ndarray, "B S"],
    points: int,
) -> Float64[np.ndarray, "B S {points} 3"]:
    """theta: (B, P). size: (B, S), of any sign. points: up to the network's own."""
    x, unit = folded.read(theta)
    out = np.empty((len(theta), len(folded.sd), points, 3))
    _respond(
        np.ascontiguousarray(x.T), folded.layers, folded.system, folded.sized, folded.states,
        folded.recursive, theta, size, unit, folded.sd, out,
    )  # fmt: skip
    return out


_FAST = {"fastmath": True, "error_model": "numpy"}


@compiled(**_FAST)
def _gate(h: Single, constant: Single, width: int, out: Single) -> None:
    """Products u (1 + tanh(g)) of h (2 width, n) plus constants, into out (width, n)."""
    for i in range(width):
        plus, bias = constant[i], constant[width + i]
        for r in range(h.shape[1]):
            g = min(max(h[width + i, r] + bias, -_LIMIT), _LIMIT)
            s = g * g
            above = _A1 + s * (_A3 + s * (_A5 + s * (_A7 + s * (_A9 + s * (_A11 + s * _A13)))))
            below = _B0 + s * (_B2 + s * (_B4 + s * _B6))
            out[i, r] = (h[i, r] + plus) * (_ONE + g * above / below)


@compiled(**_FAST)
def _hold(x: Single, constant: Single, low: Single, high: Single) -> None:
    for i in range(x.shape[0]):
        plus, least, most = constant[i], low[i], high[i]
        for r in range(x.shape[1]):
            x[i, r] = min(max(x[i, r] + plus, least), most)


@compiled(**_FAST)
def _shrink(a: Single, n: int) -> None:
    """Bring the largest roots of a (n n, rows) to at most LARGEST_ROOT, in place."""
    rows = a.shape[1]
    q, square = a.copy(), np.empty_like(a)
    norms = np.zeros((3, rows), dtype=np.float32)  # of powers 1, 8 and 64
    for k in range(7):
        if k % 3 == 0:
            norm = norms[k // 3]
            for i in range(n * n):
                for r in range(rows):
                    norm[r] += q[i, r] * q[i, r]
            for r in range(rows):
                norm[r] = max(np.sqrt(norm[r]), TINY)
            for i in range(n * n):
                for r in range(rows):
                    q[i, r] /= norm[r]
        if k == 6:
            break
        square[:] = _ZERO
        for i in range(n):
            for j in range(n):
                for m in range(n):
                    for r in range(rows):
                        square[i * n + j, r] += q[i * n + m, r] * q[m * n + j, r]
        q, square = square, q
    root = norms[2]
    for k in range(1, -1, -1):
        for r in range(rows):
            root[r] = norms[k, r] * np.sqrt(np.sqrt(np.sqrt(root[r])))
    for r in range(rows):
        root[r] = min(_ROOT / root[r], _ONE)
    for i in range(n * n):
        for r in range(rows):
            a[i, r] *= root[r]


@compiled(**_FAST)
def _roll(z: Single, n: int, shocks: int, out: Single) -> None:
    """The responses of systems z (rows of A, B, C, D; draws) into out (shocks 3, points, draws)."""
    rows, points = z.shape[1], out.shape[1]
    a = z[: n * n].copy()
    _shrink(a, n)
    b, c, d = n * n, n * n + n * shocks, n * n + n * shocks + 3 * n
    state, after = np.empty((n, rows), np.float32), np.empty((n, rows), np.float32)
    for s in range(shocks):
        for i in range(n):
            state[i] = z[b + i * shocks + s]
        for h in range(points):
            for v in range(3):
                y = out[s * 3 + v, h]
                y[:] = _ZERO
                if h == 0:
                    y += z[d + v * shocks + s]
                for i in range(n):
                    for r in range(rows):
                        y[r] += z[c + v * n + i, r] * state[i, r]
            if h + 1 == points:
                break
            after[:] = _ZERO
            for i in range(n):
                for j in range(n):
                    for r in range(rows):
                        after[i, r] += a[i * n + j, r] * state[j, r]
            state, after = after, state


@compiled(**_FAST)
def _rotate(y: Single, shocks: int) -> None:
    """`rolled.recursive`, in place, of y (shocks 3, points, rows)."""
    points, rows = y.shape[1], y.shape[2]
    q = np.zeros((shocks, shocks, rows), np.float32)
    along = np.empty(rows, np.float32)
    for v in range(shocks):
        for s in range(shocks):
            q[v, s] = y[s * 3 + v, 0]
        for k in range(v):
            along[:] = _ZERO
            for s in range(shocks):
                for r in range(rows):
                    along[r] += q[v, s, r] * q[k, s, r]
            for s in range(shocks):
                for r in range(rows):
                    q[v, s, r] -= along[r] * q[k, s, r]
        along[:] = _ZERO
        for s in range(shocks):
            for r in range(rows):
                along[r] += q[v, s, r] * q[v, s, r]
        for s in range(shocks):
            for r in range(rows):
                q[v, s, r] /= np.sqrt(max(along[r], np.float32(1e-12)))
    turned = np.empty((shocks, rows), np.float32)
    for h in range(points):
        for v in range(3):
            turned[:] = _ZERO
            for i in range(shocks):
                for s in range(shocks):
                    for r in range(rows):
                        turned[i, r] += q[i, s, r] * y[s * 3 + v, h, r]
            for i in range(shocks):
                y[i * 3 + v, h] = turned[i]


@compiled(**_FAST)
def _units(x: Single, layers: Layers, g: int) -> Single:
    """The last units (width, rows) of one group, of x (inputs, rows)."""
    width, rows = layers.lowest.shape[2], x.shape[1]
    h, units = np.empty((2 * width, rows), np.float32), np.empty((width, rows), np.float32)
    none = np.zeros(width, np.float32)
    if len(layers.down):
        y, added = np.empty((width, rows), np.float32), np.empty((width, rows), np.float32)
        np.dot(layers.first[g], x, y)
        _hold(y, layers.first_constant[g], none - FAR, none + FAR)
        for k in range(len(layers.up)):
            np.dot(layers.up[k, g], y, h)
            _gate(h, layers.up_constant[k, g], width, units)
            np.dot(layers.down[k, g], units, added)
            _hold(added, layers.down_constant[k, g], layers.lowest[k, g], layers.highest[k, g])
            y += added
        return y
    np.dot(layers.first[g], x, h)
    _gate(h, layers.first_constant[g], width, units)
    _hold(units, none, layers.lowest[0, g], layers.highest[0, g])
    for k in range(len(layers.up)):
        np.dot(layers.up[k, g], units, h)
        _gate(h, layers.up_constant[k, g], width, units)
        _hold(units, none, layers.lowest[k + 1, g], layers.highest[k + 1, g])
    return units


@compiled(**_FAST)
def _add_sized(
    x: Single, sized: Sized, s: int, theta: Double, size: Double, scale: Double, y: Single
) -> None:  # fmt: skip
    """To the responses y (3, trained points, rows) of a small shock s, over their scale (3, rows),
    what its size (rows,) adds."""
    rows, points = y.shape[2], y.shape[1]
    read = np.zeros((sized.layers.first.shape[2], rows), np.float32)
    read[: x.shape[0]] = x
    at = x.shape[0]
    for r in range(rows):
        read[at, r] = size[r] / MAX_SIZE
        read[at + 1, r] = abs(size[r]) / MAX_SIZE
    at += 2
    deepest = np.zeros(rows, np.float32)
    under = np.empty((points, rows), np.float32)
    told = np.empty((sized.seen, rows), np.float32)
    to_seen = sized.basis[:, : sized.seen].T.copy()
    floor, sign, least = np.empty((3, rows), np.float32)
    for f in range(len(sized.floors)):
        v, p = sized.floors[f, 0], sized.floors[f, 1]
        for r in range(rows):
            worth = max(abs(size[r]) * scale[v, r], 1e-12)
            floor[r] = theta[r, p] / worth
            sign[r] = np.sign(size[r])
            least[r] = FAR
        for h in range(points):
            for r in range(rows):
                above = floor[r] + sign[r] * y[v, h, r]
                least[r] = min(least[r], above)
                under[h, r] = max(-above, _ZERO)
        np.dot(to_seen, under, told)
        for k in range(sized.seen):
            for r in range(rows):
                read[at + k, r] = told[k, r] / np.float32(sized.seen)
        at += sized.seen
        for r in range(rows):
            below = max(-least[r], _ZERO)
            read[at, r] = min(max(least[r], -np.float32(MAX_SIZE)), np.float32(MAX_SIZE))
            read[at + 1, r] = below / np.float32(MAX_SIZE)
            deepest[r] += below
        at += 2
    units = _units(read, sized.layers, s)
    z, fix = np.empty((sized.fix.shape[1], rows), np.float32), np.empty_like(under)
    np.dot(sized.fix[s], units, z)
    for k in range(len(z)):
        constant = sized.fix_constant[s, k]
        for r in range(rows):
            z[k, r] += constant
    coefficients = z.reshape(3, sized.basis.shape[1], rows)
    for r in range(rows):
        deepest[r] = deepest[r] / (deepest[r] + np.float32(NEAR)) if len(sized.floors) else _ONE
    for v in range(3):
        np.dot(sized.basis, coefficients[v], fix)
        for h in range(points):
            for r in range(rows):
                y[v, h, r] += deepest[r] * fix[h, r]
    for f in range(len(sized.floors)):
        v, p = sized.floors[f, 0], sized.floors[f, 1]
        for r in range(rows):
            worth = size[r] * scale[v, r]
            if worth != 0.0:
                least[r] = -theta[r, p] / worth
                for h in range(points):
                    if worth > 0.0:
                        y[v, h, r] = max(y[v, h, r], least[r])
                    else:
                        y[v, h, r] = min(y[v, h, r], least[r])


@compiled(**_FAST)
def _respond(
    x: Single, layers: Layers, system: System, sized: Sized, states: int, recursive: bool,
    theta: Double, size: Double, unit: Double, sd: Double, out: Double,
) -> None:  # fmt: skip
    """Responses of inputs x (P, N) into out (N, S, points, 3)."""
    groups = layers.first.shape[0]
    draws, trained = x.shape[1], system.basis.shape[0]
    points = out.shape[2]
    computed = trained if len(sized.fix) else points
    each = out.shape[1] // groups
    matrices, count = system.inputs.shape[1], system.basis.shape[1]
    basis = system.basis[:computed].copy()
    scale = np.empty((3, BLOCK))
    for start in range(0, draws, BLOCK):
        rows = min(BLOCK, draws - start)
        xb = x[:, start : start + rows].copy()
        z = np.empty((system.units.shape[1], rows), np.float32)
        more = np.empty((matrices, rows), np.float32)
        coefficients = z[matrices:].reshape(each * 3, count, rows)
        y = np.empty((each * 3, computed, rows), np.float32)
        fix = np.empty((computed, rows), np.float32)
        for g in range(groups):
            units = _units(xb, layers, g)
            np.dot(system.units[g], units, z)
            np.dot(system.inputs[g], xb, more)
            for i in range(len(z)):
                constant = system.constant[g, i]
                for r in range(rows):
                    z[i, r] += constant
            for i in range(matrices):
                for r in range(rows):
                    z[i, r] += more[i, r]
            _roll(z, states, each, y)
            if recursive:
                _rotate(y, each)
            for e in range(each):
                s = g * each + e
                for v in range(3):
                    k = e * 3 + v
                    np.dot(basis, coefficients[k], fix)
                    relative = system.relative[s, v]
                    for h in range(computed):
                        for r in range(rows):
                            y[k, h, r] = relative * y[k, h, r] + fix[h, r]
                    for r in range(rows):
                        scale[v, r] = unit[start + r, s] * sd[s, v]
                one = y[e * 3 : e * 3 + 3]
                if len(sized.fix):
                    here, last = start, start + rows
                    _add_sized(
                        xb, sized, s, theta[here:last], size[here:last, s].copy(),
                        scale[:, :rows].copy(), one,
                    )  # fmt: skip
                for r in range(rows):
                    for h in range(points):
                        for v in range(3):
                            out[start + r, s, h, v] = scale[v, r] * one[v, h, r]
