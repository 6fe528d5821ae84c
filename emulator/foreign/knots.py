"""What changes with the horizon is learned at a few quarters and is linear between them."""

from __future__ import annotations

import numpy as np

from emulator.econometrics.candidates import Candidates
from emulator.econometrics.question import FloatArray

KNOTS = (0, 1, 3, 6, 12, 20, 40)  # quarters; the last is the longest horizon
LARGEST = 100.0  # responses of candidates, in s.d.s of innovations: explosive beyond


def hats(horizon: int) -> FloatArray:
    """Weights (H+1, K) that interpolate between KNOTS."""
    quarters = np.arange(horizon + 1.0)
    return np.column_stack([np.interp(quarters, KNOTS, row) for row in np.eye(len(KNOTS))])


def limited(found: Candidates) -> FloatArray:
    """Candidates' responses (B, M, H+1, n), held where a VAR explodes."""
    most = LARGEST * found.unit[:, None, None]
    return np.clip(found.responses, -most, most)
