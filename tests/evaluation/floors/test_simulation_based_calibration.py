"""Posteriors that are not what they say are found out."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from emulator.evaluation.floors.simulation_based_calibration import calibrate
from tests.evaluation.floors.toys import toy


@pytest.mark.fast
def test_calibration_of_uniform_ranks_passes_and_of_extreme_ones_fails() -> None:
    floors = toy(200)
    good = calibrate(floors)
    assert good.p_value > 0.01
    assert {"a", "b"} < set(good.ranks)
    assert good.coverage == pytest.approx(0.9, abs=0.03)
    extreme = [np.round(r) for r in floors.frame["theta_rank"]]
    narrow = dataclasses.replace(floors, frame=floors.frame.assign(theta_rank=extreme))
    assert calibrate(narrow).p_value < 1e-6
