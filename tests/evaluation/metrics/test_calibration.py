"""The calibration curve."""

from __future__ import annotations

import pytest

from emulator.evaluation.metrics.calibration import calibration
from tests.evaluation.toys import bands, frame, noise, scored

pytestmark = pytest.mark.fast


def test_quantiles_below_the_truth_hold_nothing_and_those_above_hold_all() -> None:
    case = scored(noise())
    table = frame(noise(), quantiles=bands(case.truth, (-2.0, -1.0, 0.5, 1.0, 2.0)))
    assert calibration(table) == [0.0, 0.0, 1.0, 1.0, 1.0]
