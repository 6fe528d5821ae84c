"""Histories to ask from."""

from __future__ import annotations

import numpy as np


def random_walk(quarters: int = 60, draws: int | None = None) -> np.ndarray:
    """A history (L, 3), or one (draws, L, 3) a draw; the same at every call."""
    shape = (quarters, 3) if draws is None else (draws, quarters, 3)
    return np.random.default_rng(0).normal(size=shape).cumsum(axis=-2) * 0.2
