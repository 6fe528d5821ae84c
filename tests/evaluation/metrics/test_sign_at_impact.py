"""The sign at impact."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.evaluation.metrics.sign_at_impact import sign_at_impact
from emulator.evaluation.scoring.statistics import statistics
from tests.evaluation.toys import SHAPE, scored

pytestmark = pytest.mark.fast


def test_sign_at_impact_counts_clear_impacts_alone() -> None:
    """Half of the samples flipped: one half. A negligible impact of the wrong sign is no error."""
    case = scored(np.zeros((4, 2, 7, 3)) + 1e-3)
    truth = np.ones((4, 2, 7, 3))
    truth[..., 0, 1] = 1e-5
    prediction = 1.01 * truth
    prediction[:2, :, 0] *= -1.0
    flipped = statistics(scored(np.zeros(SHAPE), prediction=prediction, truth=truth))
    assert sign_at_impact(flipped) == 0.5
    assert sign_at_impact(statistics(case)) > 0.9
