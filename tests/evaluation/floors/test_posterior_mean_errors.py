"""Errors of the posterior mean."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.evaluation.floors.posterior_mean_errors import errors
from tests.evaluation.floors.toys import CASE, toy


@pytest.mark.fast
def test_errors_are_those_of_the_posterior_mean() -> None:
    floors = toy()
    frame = errors(floors, CASE)
    assert len(frame) == 40 * 5  # the response that is identically zero is left out
    truth, mean, apart = (floors.arrays(CASE, n) for n in ("truth", "mean", "apart"))
    row = frame.iloc[7]  # sample 8, first shock's second row of five
    assert (row["sample"], row["shock"], row["observable"]) == (8, "second", "output")
    best = mean[1, 1, :, 0]
    assert row["mse"] == pytest.approx(np.square(best - truth[1, 1, :, 0]).mean())
    assert row["mc_mse"] == apart[1, 1, 0]
    assert row["energy"] == pytest.approx(np.square(best).sum())  # Parseval
    assert row["energy_truth"] == pytest.approx(np.square(truth[1, 1, :, 0]).sum())
