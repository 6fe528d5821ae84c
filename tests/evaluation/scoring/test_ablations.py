"""Ablations take away what a task uses, on the same samples."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.config import load_config
from emulator.evaluation.scoring.ablations import ablations
from emulator.regimes import REMOVABLE, Regime, Task
from emulator.training.config import RunConfig
from tests.conftest import ROOT
from tests.evaluation.toys import metrics_of


@pytest.mark.fast
@pytest.mark.parametrize(
    ("regime", "task", "names"),
    [
        (Regime.A, Task.steady_state, {"theta"}),
        (Regime.A, Task.state_dependent, {"theta", "eps"}),
        (Regime.B1, Task.steady_state, {"world", "history"}),
        (Regime.B1, Task.trajectory, {"world"}),  # without a history nothing is left to forecast
        (Regime.B2, Task.steady_state, set()),
        (Regime.C, Task.steady_state, {"world", "theta", "history"}),
        (Regime.D, Task.steady_state, {"world", "eps", "history"}),
    ],
)
def test_an_ablation_takes_away_what_the_task_uses_and_leaves_something(
    regime: Regime, task: Task, names: set[str]
) -> None:
    found = dict(ablations(regime, task))
    assert set(found) == names
    assert all(name in gone for name, gone in found.items())
    assert names <= set(REMOVABLE)


@pytest.mark.slow
def test_ablations_compare_the_same_samples(evaluated_run: Path) -> None:
    metrics = metrics_of(evaluated_run)
    for world, entry in metrics["ablations"].items():
        for task, by_name in entry["A"].items():
            whole = metrics["worlds"][world]["A"]["prior"]
            whole = whole if task == "steady_state" else whole[task]
            for values in by_name.values():
                expected = values["nrmse"] / whole["nrmse"] - 1
                assert values["increase"] == pytest.approx(expected)
                assert values["ci95"][0] <= values["increase"] <= values["ci95"][1]
    assert metrics["ablations"]["nk"]["A"]["steady_state"]["theta"]["increase"] != 0


@pytest.mark.fast
@pytest.mark.parametrize(("name", "expected"), [("flags", {"flags"}), ("history", {"history"})])
def test_ablations_that_give_more_are_runs_of_their_own(name: str, expected: set[str]) -> None:
    config = load_config(ROOT / "configs" / "models" / f"universal_A_{name}.yaml", RunConfig)
    universal = load_config(ROOT / "configs" / "models" / "universal_A.yaml", RunConfig)
    assert set(config.data.extra_inputs) == expected
    same = config.data.model_copy(update={"extra_inputs": ()})
    assert config.model_copy(update={"data": same}) == universal
