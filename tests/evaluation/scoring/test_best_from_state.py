"""Which questions have an exact conditional mean, and of which quarters it is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from emulator.data.schema import Design
from emulator.estimation.from_state import mean_response
from emulator.evaluation.scoring import best_from_state
from emulator.evaluation.scoring.best_from_state import conditional_means
from emulator.questions import Question
from emulator.regimes import Regime, Task
from emulator.worlds import get_world

ROWS = np.array([0, 2, 3])
STATE = Task.state_dependent


def sampled(world: str = "switching", **design: Any) -> Any:
    """Four samples of a world as a data set has them: 60 quarters, 20 of run-in."""
    simulator, rng = get_world(world), np.random.default_rng(4)
    theta = simulator.sample_parameters(4, rng)
    eps = rng.standard_normal((4, 60, len(simulator.shocks)))
    stored = {"theta": theta, "trajectories": simulator.simulate(theta, eps).observables}
    return SimpleNamespace(
        manifest=SimpleNamespace(config=Design(quarters=60, run_in=20, horizon=5, **design)),
        spec=lambda name: get_world(name).spec,
        read=lambda name, rows, fields: {field: stored[field][rows] for field in fields},
    )


@pytest.mark.slow
def test_the_mean_is_of_the_quarters_that_the_regime_shows() -> None:
    dataset, world = sampled(), get_world("switching")
    stored = dataset.read("switching", ROWS, ["theta", "trajectories"])
    theta, path = stored["theta"], stored["trajectories"]
    seen = conditional_means(dataset, Question("switching", Regime.C, STATE), ROWS)
    np.testing.assert_array_equal(seen, mean_response(world, theta, path[:, 20:], 20, 5))
    short = Question("switching", Regime.C, STATE, length=40 - 7)
    fewer = conditional_means(dataset, short, ROWS)
    np.testing.assert_array_equal(fewer, mean_response(world, theta, path[:, 27:], 27, 5))
    blind = conditional_means(dataset, Question("switching", Regime.A, STATE), ROWS)
    np.testing.assert_array_equal(blind, world.irf(theta, 5).values)
    unseen = Question("switching", Regime.C, STATE, without=frozenset({"history"}))
    np.testing.assert_array_equal(conditional_means(dataset, unseen, ROWS), blind)


@pytest.mark.slow
@pytest.mark.parametrize(
    "question",
    [
        Question("switching", Regime.C),  # from rest parameters say all
        Question("switching", Regime.C, Task.trajectory),
        Question("switching", Regime.B1, STATE),
        Question("switching", Regime.D, STATE),
        Question("switching", Regime.C, STATE, without=frozenset({"theta"})),
        Question("switching", Regime.A, STATE, extra=frozenset({"flags"})),
        Question("zlb", Regime.C, STATE),
    ],
    ids=str,
)
def test_where_parameters_are_not_shown_or_the_state_is_there_is_none(question: Question) -> None:
    assert conditional_means(sampled(), question, ROWS) is None


@pytest.mark.slow
def test_noise_hides_what_the_filter_takes_as_exact() -> None:
    noisy = sampled(measurement_noise=0.1)
    assert conditional_means(noisy, Question("switching", Regime.C, STATE), ROWS) is None
    blind = conditional_means(noisy, Question("switching", Regime.A, STATE), ROWS)
    assert blind is not None


@pytest.mark.slow
def test_a_hidden_chain_of_other_equations_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = sampled()
    other = get_world("nk")  # in the place of a user's world that has one
    monkeypatch.setattr(best_from_state, "get_world", lambda name: other)
    for regime in (Regime.A, Regime.C):
        assert conditional_means(dataset, Question("switching", regime, STATE), ROWS) is None
