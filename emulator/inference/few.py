"""Responses of a few draws from parameters, without torch and without anything to compile.

The arithmetic of `direct` in as few calls of NumPy as it takes: for one draw these calls are what
costs. Systems are rolled out by doubling.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emulator.inference.folded import TINY, Double, Folded, Layers, Single
from emulator.limits import MAX_SIZE
from emulator.models.from_parameters import NEAR
from emulator.models.rolled import LARGEST_ROOT

if TYPE_CHECKING:
    from jaxtyping import Float64

ONE = np.float32(1.0)


def respond(
    folded: Folded,
    theta: Float64[np.ndarray, "B P"],
    size: Float64[np.ndarray, "B S"],
    points: int,
) -> Float64[np.ndarray, "B S {points} 3"]:
    """theta: (B, P). size: (B, S), of any sign. points: up to the network's own."""
    x, unit = folded.read(theta)
    scale = unit[..., None] * folded.sd
    sized = len(folded.sized.fix) > 0
    y = _small(folded, x, len(folded.system.basis) if sized else points)
    if sized:
        y = _with_size(folded, x, theta, size, scale, y)
    return scale[:, :, None] * y[..., :points].swapaxes(2, 3)


def _units(x: Single, layers: Layers) -> Single:
    """The last units (G, B, width) of x (B, inputs) or (G, B, inputs)."""

    def gate(h: Single) -> Single:
        width = h.shape[-1] // 2
        return np.asarray(h[..., :width] * (np.tanh(h[..., width:]) + ONE))

    def mapped(x: Single, weight: Single, constant: Single) -> Single:
        return x @ weight.swapaxes(-1, -2) + constant[:, None]

    def held(x: Single, k: int) -> Single:
        low, high = layers.lowest[k, :, None], layers.highest[k, :, None]
        return np.minimum(np.maximum(x, low), high)

    y = mapped(x, layers.first, layers.first_constant)
    if len(layers.down):
        for k in range(len(layers.up)):
            units = gate(mapped(y, layers.up[k], layers.up_constant[k]))
            y = y + held(mapped(units, layers.down[k], layers.down_constant[k]), k)
        return y
    units = held(gate(y), 0)
    for k in range(len(layers.up)):
        units = held(gate(mapped(units, layers.up[k], layers.up_constant[k])), k + 1)
    return units


def _small(folded: Folded, x: Single, points: int) -> Single:
    """Responses (B, S, 3, points) to small shocks, over their scale, of x (B, P)."""
    system, n = folded.system, folded.states
    draws, shocks = len(x), len(folded.sd)
    z = _units(x, folded.layers) @ system.units.swapaxes(1, 2) + system.constant[:, None]
    matrices, groups = system.inputs.shape[1], len(z)
    each = shocks // groups
    z[..., :matrices] += x @ system.inputs.swapaxes(1, 2)
    ends = np.cumsum([n * n, n * each, 3 * n])
    sizes = ((n, n), (n, each), (3, n), (3, each))
    a, b, c, d = (
        part.reshape(groups, draws, *size)
        for part, size in zip(np.split(z[..., :matrices], ends, axis=-1), sizes, strict=True)
    )
    y = (c @ _rolled(_shrunk(a), b, points)).reshape(groups, draws, 3, points, each)
    y[..., 0, :] += d
    y = y.transpose(1, 0, 4, 2, 3).reshape(draws, shocks, 3, points)
    if folded.recursive:
        y = _rotated(y)
    basis = system.basis
    coefficients = z[..., matrices:].swapaxes(0, 1).reshape(draws, shocks, 3, basis.shape[1])
    fix = coefficients @ basis[:points].T
    return np.asarray(system.relative[..., None] * y + fix, np.float32)


def _shrunk(a: Single) -> Single:
    """Systems a (..., n, n) with their largest roots brought to at most LARGEST_ROOT: the norm of
    the 64th power gives the root."""
    norms, q = [], a
    for k in range(7):
        if k % 3 == 0:
            norm = np.maximum(np.sqrt((q * q).sum(axis=(-2, -1), keepdims=True)), TINY)
            norms.append(norm)
            q = q / norm
        if k < 6:
            q = q @ q
    first, eighth, root = norms
    root = first * np.sqrt(np.sqrt(np.sqrt(eighth * np.sqrt(np.sqrt(np.sqrt(root))))))
    return np.asarray(a * np.minimum(np.float32(LARGEST_ROOT) / root, ONE))


def _rolled(a: Single, b: Single, points: int) -> Single:
    """States (..., n, points S) of systems a (..., n, n) after impulses b (..., n, S), quarter by
    quarter."""
    columns = points * b.shape[-1]
    states, power = b, a
    while states.shape[-1] < columns:
        states = np.concatenate([states, power @ states], axis=-1)
        power = power @ power
    return states[..., :columns]


def _rotated(y: Single) -> Single:
    """`rolled.recursive` of y (B, S, 3, points)."""
    rows: list[Single] = []
    for v in range(y.shape[1]):
        row = y[:, :, v, 0]  # an observable's impacts (B, S)
        for other in rows:
            row = row - (row * other).sum(axis=1, keepdims=True) * other
        rows.append(row / np.sqrt(np.maximum((row * row).sum(axis=1, keepdims=True), 1e-12)))
    turn = np.stack(rows, axis=1)
    return (turn @ y.reshape(*y.shape[:2], 3 * y.shape[3])).reshape(y.shape)


def _with_size(
    folded: Folded, x: Single, theta: Double, size: Double, scale: Double, y: Single
) -> Single:
    """The responses y (B, S, 3, trained points) to small shocks, over `scale` (B, S, 3), with what
    the size (B, S) adds."""
    sized = folded.sized
    told = [size / MAX_SIZE, np.abs(size) / MAX_SIZE]
    deepest = np.zeros(size.shape)
    for v, p in sized.floors:
        worth = np.maximum(np.abs(size) * scale[..., v], 1e-12)
        above = (theta[:, p, None] / worth)[..., None] + np.sign(size)[..., None] * y[..., v, :]
        least = above.min(axis=-1)
        below = np.maximum(-least, 0.0)
        seen = np.maximum(-above, 0.0) @ sized.basis[:, : sized.seen] / sized.seen
        told += [*np.moveaxis(seen, -1, 0), least.clip(-MAX_SIZE, MAX_SIZE), below / MAX_SIZE]
        deepest += below
    read = np.concatenate(
        [
            np.broadcast_to(x, (size.shape[1], *x.shape)),
            np.stack(told, axis=-1).swapaxes(0, 1).astype(np.float32),
        ],
        axis=-1,
    )
    z = _units(read, sized.layers) @ sized.fix.swapaxes(1, 2) + sized.fix_constant[:, None]
    fix = z.swapaxes(0, 1).reshape(*y.shape[:3], sized.basis.shape[1]) @ sized.basis.T
    share = deepest / (deepest + NEAR) if len(sized.floors) else np.ones_like(deepest)
    y = np.asarray(y + share.astype(np.float32)[..., None, None] * fix)
    for v, p in sized.floors:
        worth = (size * scale[..., v])[..., None]
        floor = -theta[:, p, None, None] / np.where(worth == 0.0, 1.0, worth)
        held = np.where(
            worth > 0.0, np.maximum(y[..., v, :], floor), np.minimum(y[..., v, :], floor)
        )
        y[..., v, :] = np.where(worth == 0.0, y[..., v, :], held)
    return y
