"""Histories in other units, or with a level left in, are told from the world's own."""

from __future__ import annotations

import numpy as np
import pytest

import emulator
from emulator.estimation.caveats import levels_left_in
from emulator.estimation.kind_of_data import unlike
from emulator.estimation.runs import target_of

pytestmark = pytest.mark.fast


def _unlike(history: np.ndarray) -> str:
    return unlike(target_of(emulator.get_world("nk"), history, np.zeros(3)), seed=0)


@pytest.fixture(scope="module")
def history() -> np.ndarray:
    world = emulator.get_world("nk")
    eps = np.random.default_rng(3).normal(size=(1, 100, 3))
    values = np.asarray(world.simulate(world.pack(), eps).observables[0, -60:])
    values[:5, 2] = np.nan
    return values


def test_a_history_of_the_world_passes_whatever_is_missing(history: np.ndarray) -> None:
    assert not _unlike(history)
    history = history.copy()
    history[:, 1] = np.nan
    assert not _unlike(history)


@pytest.mark.parametrize(
    ("factor", "shift", "message"),
    [
        (100.0, 0.0, "output has an s.d. of"),
        (0.01, 0.0, "expected its unit, percent"),
        (1e30, 0.0, "expected its unit, percent"),
        (1.0, 900.0, "output has a mean of 9"),
    ],
)
def test_other_units_and_levels_are_not_of_the_world(
    history: np.ndarray, factor: float, shift: float, message: str
) -> None:
    assert message in _unlike(factor * history + shift)


def test_a_mean_that_is_left_in_is_told() -> None:
    world = emulator.get_world("nk")
    eps = np.random.default_rng(4).normal(size=(1, 260, 3))
    values = np.asarray(world.simulate(world.pack(), eps).observables[0, -198:])
    values -= values.mean(axis=0)
    values[:9, 0] = np.nan
    assert levels_left_in(values) == []
    values[:, 2] += 2.0 * values[:, 2].std()
    (told,) = levels_left_in(values)
    assert told.startswith("history: rate has a mean 2 times its own s.d.")
    (told,) = levels_left_in(values[:100] + np.array([0.0, 0.0, 5.0]))
    assert "rate is on one side of zero" in told
    assert levels_left_in(values[:70] + 9.0) == []  # too short to tell
