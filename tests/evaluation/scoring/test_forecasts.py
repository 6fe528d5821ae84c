"""Forecasts: from which quarter, and of which."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from emulator.data import Dataset
from emulator.data.schema import Design
from emulator.errors import InputError
from emulator.evaluation.scoring.forecasts import draw_now, score_forecasts
from emulator.models.weights import load_weights
from emulator.questions import Question
from emulator.regimes import Regime, Task


@pytest.mark.fast
def test_now_depends_on_world_and_sample_alone_and_fills_its_range() -> None:
    rows = np.arange(2000)
    nows = draw_now(Design(), "nk", rows)
    assert (nows[500:600] == draw_now(Design(), "nk", rows[500:600])).all()
    assert set(nows) == set(range(80, 201, 10))
    assert (nows != draw_now(Design(), "rbc", rows)).mean() > 0.8
    assert set(draw_now(Design(quarters=125), "nk", rows)) == {80}
    with pytest.raises(InputError, match="have 100 quarters, trajectories need 120"):
        draw_now(Design(quarters=100), "nk", rows)


@pytest.mark.slow
def test_forecast_errors_are_those_of_the_quarters_after_now(
    dataset: Dataset, run_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that forecasts zero: its mean squared error is the path's own mean square."""
    model = load_weights(run_path).model
    monkeypatch.setattr(model, "forecast", lambda inputs: torch.zeros(len(inputs), inputs.ahead, 3))
    question = Question("nk", Regime.B1, Task.trajectory)
    frame, by_sample = score_forecasts(model, dataset, question, "test")
    rows = dataset.rows("nk", "test")
    path = dataset.read("nk", rows, ["trajectories"])["trajectories"][:, 80:120]
    expected = np.square(path.astype(np.float64)).mean(axis=1)
    assert frame["mse"].to_numpy().reshape(-1, 3) == pytest.approx(expected)
    squares = (frame["mse"] / frame["sigma"] ** 2).mean()
    assert by_sample.mean() == pytest.approx(squares, rel=1e-9)
    monkeypatch.setattr(model, "forecast", lambda inputs: torch.full((len(inputs), 40, 3), np.nan))
    with pytest.raises(InputError, match="not finite"):
        score_forecasts(model, dataset, question, "test")
