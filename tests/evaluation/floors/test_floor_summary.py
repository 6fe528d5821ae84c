"""What a file of floors says."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from emulator.evaluation.floors.floor_summary import summarise
from tests.evaluation.floors.toys import toy


@pytest.mark.fast
def test_a_floor_as_jagged_as_the_truth_has_an_hf_ratio_of_one() -> None:
    floors = toy()
    exact = floors.frame.assign(mean=floors.frame["truth"])
    (case,) = summarise(dataclasses.replace(floors, frame=exact))["cases"]
    assert (case["hf_ratio"], case["hf_ratio_ci95"]) == (1.0, [1.0, 1.0])
    smooth = [np.full_like(values, values.mean()) for values in exact["truth"]]
    (case,) = summarise(dataclasses.replace(floors, frame=exact.assign(mean=smooth)))["cases"]
    assert 0.0 <= case["hf_ratio_ci95"][0] <= case["hf_ratio"] <= case["hf_ratio_ci95"][1] < 0.1


@pytest.mark.fast
def test_the_summary_recovers_known_errors_and_coverage() -> None:
    summary = summarise(toy(400))
    (case,) = summary["cases"]
    assert case["rmse"] == pytest.approx(1.0, abs=0.05)
    assert case["monte_carlo_rmse"] == pytest.approx(0.1, abs=0.005)
    assert case["training_mean_rmse"] == pytest.approx(1.0, abs=0.05)
    assert case["coverage_90"] == pytest.approx(0.9, abs=0.02)
    assert case["ci95"][0] < case["rmse"] < case["ci95"][1]
    assert summary["seconds_a_history"] == 2.0
    assert summary["not_forgotten"] == 0
    assert summary["ranks_p_value"] > 0.01


@pytest.mark.fast
def test_histories_whose_particles_remember_are_counted() -> None:
    floors = toy(40)
    correlation = np.where(np.arange(40) < 3, 0.9, 0.05)
    remembering = dataclasses.replace(floors, frame=floors.frame.assign(correlation=correlation))
    assert summarise(remembering)["not_forgotten"] == 3
