"""The filter of `kalman` with its covariance P, which takes gaps, few states and starts at rest."""

from __future__ import annotations

import math

import numpy as np

from emulator.compiled import compiled
from emulator.estimation.kalman_parts import (
    FUSED,
    STANDSTILL,
    entries,
    factor,
    fed_to_observables,
    gain_by_root,
    innovation,
    spreads,
    square,
    take_quarter,
)
from emulator.worlds.base import FloatArray
from emulator.worlds.lanes import IndexArray, add_product, subtract_product


@compiled(error_model="numpy", fastmath=FUSED)
def filter_with_gaps(
    a: FloatArray,
    b: FloatArray,
    c: FloatArray,
    d: FloatArray,
    history: FloatArray,
    noise: FloatArray,
    p: FloatArray,
) -> FloatArray:
    """The log likelihood (L,) of lanes that start with covariance p (n, n, L); p is lost."""
    n, shocks, lanes = b.shape
    columns, counts = entries(a)
    fed, impact = np.zeros((n, n, lanes)), np.zeros((n, 3, lanes))  # B B', B D'
    square(fed, b, b, n, n, shocks)
    square(impact, b, d, n, 3, shocks)
    direct, spread = fed_to_observables(d, noise), spreads(p)
    m, following, w = np.zeros((n, lanes)), np.empty((n, lanes)), np.empty((3, lanes))
    pc, gain, f = np.empty((n, 3, lanes)), np.empty((n, 3, lanes)), np.empty((3, 3, lanes))
    carried, fresh = np.empty((n, n, lanes)), np.empty((n, n, lanes))
    root = np.zeros((3, 3, lanes))
    log_det, total = np.zeros(lanes), np.zeros(lanes)
    moving, regular = np.ones(lanes), np.ones(lanes)
    any_moves = True
    seen, before = np.ones(3, dtype=np.bool_), np.ones(3, dtype=np.bool_)
    for t in range(history.shape[0]):
        for j in range(3):
            seen[j] = not math.isnan(history[t, j])
            if seen[j] != before[j]:  # what stood still does so no longer
                moving[:] = 1.0
                any_moves = True
            before[j] = seen[j]
        if any_moves:
            innovation(p, a, c, direct, impact, columns, counts, pc, f, gain)
            factor(root, f, seen, log_det, regular)
            gain_by_root(gain, root, seen)
        take_quarter(
            m, history[t], seen, a, c, columns, counts, root, gain, log_det, total, w, following
        )
        if any_moves:
            _step(p, a, fed, gain, columns, counts, carried, fresh)
            _settle(p, fresh, spread, moving)
            any_moves = bool(moving.any())
    for lane in range(lanes):
        if regular[lane] == 0.0:
            total[lane] = -np.inf
    return total


@compiled(error_model="numpy", fastmath=FUSED)
def _step(
    p: FloatArray,
    a: FloatArray,
    fed: FloatArray,
    gain: FloatArray,
    columns: IndexArray,
    counts: IndexArray,
    carried: FloatArray,
    fresh: FloatArray,
) -> None:
    """The lower triangle of fresh = A P A' + B B' - gain gain'. carried (n, n, L) is scratch."""
    n = p.shape[0]
    for i in range(n):  # A P
        for j in range(n):
            carried[i, j] = 0.0
            for q in range(counts[i]):
                add_product(carried[i, j], a[i, columns[i, q]], p[columns[i, q], j])
    for i in range(n):
        for j in range(i + 1):
            fresh[i, j] = fed[i, j]
            for k in range(3):
                subtract_product(fresh[i, j], gain[i, k], gain[j, k])
            for q in range(counts[j]):
                add_product(fresh[i, j], carried[i, columns[j, q]], a[j, columns[j, q]])


@compiled(error_model="numpy")
def _settle(p: FloatArray, fresh: FloatArray, spread: FloatArray, moving: FloatArray) -> None:
    """Move p to `fresh` in the lanes where it still moves, and say in `moving` (L,) which do.

    A lane that stands still keeps its p, so that its gain is the same whatever other lanes do.
    """
    n, _, lanes = p.shape
    moves = np.zeros(lanes)
    for i in range(n):
        for j in range(i + 1):
            for lane in range(lanes):
                change = abs(fresh[i, j, lane] - p[i, j, lane])
                if change > STANDSTILL * spread[i, lane] * spread[j, lane]:
                    moves[lane] = 1.0
    moving *= moves
    for i in range(n):
        for j in range(i + 1):
            for lane in range(lanes):
                value = fresh[i, j, lane] if moving[lane] != 0.0 else p[i, j, lane]
                p[i, j, lane] = value
                p[j, i, lane] = value
