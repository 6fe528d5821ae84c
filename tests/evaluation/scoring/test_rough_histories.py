"""Histories as they come: known answers, what is left alone, and that everyone sees the same."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from emulator.data import Dataset
from emulator.data.schema import PRIOR
from emulator.evaluation import evaluate
from emulator.evaluation.comparison.felt import rough_lines, rough_table
from emulator.evaluation.metrics.nrmse import nrmse
from emulator.evaluation.report.page import write_report
from emulator.evaluation.scoring.rough_histories import (
    ROUGH,
    demeaned,
    late,
    noisy,
    rounded,
    score_rough,
    shows_history,
)
from emulator.evaluation.scoring.statistics import score_model, statistics
from emulator.evaluation.stored.record import read_metrics
from emulator.models.base import Answer, Model
from emulator.models.baselines.mlp import MLPConfig
from emulator.models.universal import UniversalConfig
from emulator.questions import Question, history_quarters
from emulator.regimes import Regime, Task
from emulator.training.trainer import train
from tests.conftest import run_config
from tests.evaluation.toys import evaluated

ROWS = np.array([3, 7])
HISTORY = np.random.default_rng(0).normal([1.0, 5.0, -2.0], [0.5, 2.0, 40.0], size=(2, 4000, 3))


@pytest.mark.fast
def test_noise_has_its_share_of_each_series_own_spread() -> None:
    for share in (0.01, 0.1):
        noise = noisy(HISTORY, "nk", ROWS, share) - HISTORY
        ratio = noise.std(axis=1) / HISTORY.std(axis=1)
        assert ratio == pytest.approx(np.full((2, 3), share), rel=4 / np.sqrt(2 * 4000))


@pytest.mark.fast
def test_noise_is_of_the_sample_and_its_world_alone_and_grows_in_proportion() -> None:
    both = noisy(HISTORY, "nk", ROWS, 0.1)
    np.testing.assert_array_equal(noisy(HISTORY[1:], "nk", ROWS[1:], 0.1), both[1:])
    small = noisy(HISTORY, "nk", ROWS, 0.01) - HISTORY
    np.testing.assert_allclose(10 * small, both - HISTORY, rtol=1e-6, atol=1e-10)
    assert not np.array_equal(noisy(HISTORY, "zlb", ROWS, 0.1), both)


@pytest.mark.fast
def test_rounded_demeaned_and_late_are_what_they_say() -> None:
    np.testing.assert_array_equal(rounded(np.array([[[0.149, -0.26, 3.0]]]), "nk", ROWS[:1]),
                                  [[[0.1, -0.3, 3.0]]])  # fmt: skip
    assert demeaned(HISTORY, "nk", ROWS).mean(axis=1) == pytest.approx(np.zeros((2, 3)), abs=1e-9)
    moved = late(HISTORY, "nk", ROWS)
    np.testing.assert_array_equal(moved[:, :, 0], HISTORY[:, :-1, 0])
    np.testing.assert_array_equal(moved[:, :, 1:], HISTORY[:, 1:, 1:])


@pytest.mark.fast
@pytest.mark.parametrize(
    ("regime", "task", "asked"),
    [
        (Regime.A, Task.state_dependent, False),
        (Regime.B1, Task.steady_state, True),
        (Regime.B1, Task.state_dependent, True),
        (Regime.B1, Task.trajectory, False),
        (Regime.B2, Task.steady_state, False),
        (Regime.C, Task.steady_state, False),
        (Regime.C, Task.state_dependent, True),
    ],
)
def test_b1_and_c_from_a_state_are_asked(regime: Regime, task: Task, asked: bool) -> None:
    question = Question("nk", regime, task)
    assert shows_history(SimpleNamespace(config=UniversalConfig()), question) == asked
    blind = regime is Regime.C  # with parameters at hand it reads no history
    assert shows_history(SimpleNamespace(config=MLPConfig()), question) == (asked and not blind)


class Watching(Model):
    """Answers the mean of the history it was shown, and keeps that history."""

    def __init__(self, dataset: Dataset, world: str) -> None:
        super().__init__(UniversalConfig(), [dataset.spec(world)], 12)
        self.seen: list[torch.Tensor] = []

    def answer(self, asked: Any, horizon: int | None = None, *, bands: bool = True) -> list[Answer]:
        (inputs,) = asked
        self.seen.append(inputs.history)
        mean = inputs.history.mean(dim=1)[:, None, None]
        return [Answer(mean.expand(-1, len(inputs.shocks), 1 + (horizon or 0), -1))]


def test_models_see_the_changed_quarters_and_never_the_run_in(dataset: Dataset) -> None:
    model = Watching(dataset, "nk")
    question = Question("nk", Regime.B1)
    whole = statistics(score_model(model, dataset, question, PRIOR))
    scores = score_rough(model, dataset, question, whole)
    exact, *seen = (history.double().numpy() for history in model.seen)
    rows = dataset.scored("nk", PRIOR)
    length = history_quarters(dataset.manifest.config)
    assert exact.shape[1] == length
    assert list(scores) == list(ROUGH)
    for rough, history in zip(ROUGH.values(), seen, strict=True):
        np.testing.assert_allclose(history, rough.change(exact, "nk", rows), rtol=1e-5, atol=1e-6)
    assert seen[-1].shape[1] == length - 1  # the first of it is the first quarter ever shown
    before = nrmse(whole)
    for score in scores.values():
        assert score["nrmse"] == pytest.approx(before * (1 + score["increase"]))
        assert score["ci95"][0] <= score["increase"] <= score["ci95"][1]


@pytest.mark.slow
def test_an_evaluation_keeps_them_beside_the_exact_score(
    dataset_path: Path, tmp_path: Path
) -> None:
    linear = {"type": "baseline_linear"}
    train(run_config(dataset_path, model=linear, data={"regime": "B1"}), tmp_path / "run")
    run = evaluate(tmp_path / "run", rough_histories=True)
    found = read_metrics(run.folder)["rough_histories"]
    assert set(found) == set(run.worlds)
    table = rough_table(run)
    for row, world in zip(table[1:], run.worlds, strict=True):
        entry, null = (
            run.entry(world, "B1", PRIOR, "steady_state"),
            run.null_entry(world, "B1", PRIOR, "steady_state"),
        )
        assert entry
        assert null
        scores = [score["nrmse"] for score in found[world]["B1"]["steady_state"].values()]
        numbers = [entry["nrmse"], *scores, null["nrmse"]]
        assert row == [world, "B1", *(f"{number:.4f}" for number in numbers)]
        assert f"| {' | '.join(row)} |" in rough_lines([run])
        assert f"<td>{row[-2]}</td>" in write_report(run).read_text()


@pytest.mark.fast
def test_a_run_without_them_has_no_such_table(tmp_path: Path) -> None:
    run = evaluated(tmp_path / "run", 0.1)
    assert rough_lines([run]) == []
    assert "Data as they come" not in write_report(run).read_text()
