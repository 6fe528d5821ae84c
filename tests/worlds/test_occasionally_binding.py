"""occasionally_binding: plans against a solver that stacks all quarters in one system."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from emulator.worlds import Status
from emulator.worlds import occasionally_binding as ob
from emulator.worlds import rational_expectations as re

pytestmark = pytest.mark.slow

QUARTERS = 80  # of the stacked system; its end is off by .8^80 = 2e-8, and less 50 quarters before


class Model(NamedTuple):
    """y_0 of two variables is constrained in equation 0 by y_0 >= -1; both enter with a lag."""

    lead: np.ndarray
    now: np.ndarray
    lag: np.ndarray
    load: np.ndarray
    persistence: np.ndarray


def rotation(radius: float, angle: float) -> np.ndarray:
    """Cyclical exogenous states, which send the constrained variable below its bound in spells."""
    c, s = np.cos(angle), np.sin(angle)
    return radius * np.array([[c, -s], [s, c]])


def random_models(count: int, rng: np.random.Generator) -> list[Model]:
    """Models with a unique stable slack solution."""
    models: list[Model] = []
    while len(models) < count:
        model = Model(
            0.8 * rng.standard_normal((2, 2)),
            rng.standard_normal((2, 2)) - 2.0 * np.eye(2),
            0.6 * rng.standard_normal((2, 2)),
            rng.standard_normal((2, 2)),
            rotation(rng.uniform(0.4, 0.8), rng.uniform(0.0, 3.1)),
        )
        rule = re.solve(*(x[None] for x in model))
        if rule.status[0] == Status.OK:
            roots = np.abs(np.linalg.eigvals(rule.transition[0]))
            if roots.max() < 0.8:
                models.append(model)
    return models


def economy(models: list[Model]) -> ob.Economy:
    batch = Model(*(np.stack(x) for x in zip(*models, strict=True)))
    return ob.economy(tuple(batch), re.solve(*batch), np.ones(len(models)), [0, 1], 0, 0)


def stacked(
    model: Model, binds: np.ndarray, start: np.ndarray, z0: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Path (QUARTERS, 2) and shadow values (QUARTERS,) of one guess: all quarters in one system."""
    z = [z0]
    for _ in range(QUARTERS - 1):
        z.append(model.persistence @ z[-1])
    matrix = np.zeros((2 * QUARTERS, 2 * QUARTERS))
    right = np.zeros(2 * QUARTERS)
    for t in range(QUARTERS):
        rows = slice(2 * t, 2 * t + 2)
        matrix[rows, rows] = model.now
        if t + 1 < QUARTERS:
            matrix[rows, 2 * t + 2 : 2 * t + 4] = model.lead
        right[rows] = -model.load @ z[t]
        if t:
            matrix[rows, 2 * t - 2 : 2 * t] = model.lag
        else:
            right[rows] -= model.lag @ start
        if t < len(binds) and binds[t]:
            matrix[2 * t] = 0.0
            matrix[2 * t, 2 * t] = 1.0
            right[2 * t] = -1.0
    y = np.linalg.solve(matrix, right).reshape(QUARTERS, 2)
    before = np.vstack([start, y[:-1]])
    after = np.vstack([y[1:], np.zeros(2)])
    rest = (
        after @ model.lead[0]
        + y[:, 1] * model.now[0, 1]
        + before @ model.lag[0]
        + np.array(z) @ model.load[0]
    )
    return y, -rest / model.now[0, 0]


def guess_and_verify(model: Model, start: np.ndarray, z0: np.ndarray) -> np.ndarray | None:
    """OccBin's iteration on the stacked system; None where it returns to a guess it has tried."""
    binds = np.zeros(QUARTERS, dtype=bool)
    tried = set()
    while binds.tobytes() not in tried:
        tried.add(binds.tobytes())
        y, shadow = stacked(model, binds, start, z0)
        new = np.where(binds, shadow < -1.0, y[:, 0] < -1.0)
        if (new == binds).all():
            return y
        binds = new
    return None


def assert_consistent(
    model: Model, values: np.ndarray, binding: np.ndarray, start: np.ndarray, z0: np.ndarray
) -> None:
    """The plan is the solution of its own guess, and complementarity holds."""
    y, shadow = stacked(model, binding.astype(bool), start, z0)
    quarters = len(values)
    # Rounding of two direct solves, and the stacked system's end.
    np.testing.assert_allclose(values, y[:quarters], atol=1e-9)
    binds = binding.astype(bool)
    assert (values[binds, 0] == -1.0).all()
    assert (values[~binds, 0] >= -1.0).all()
    assert (shadow[:quarters][binds] <= -1.0 + 1e-9).all()


def test_plans_solve_the_stacked_system_in_any_number_of_spells() -> None:
    rng = np.random.default_rng(3)
    models = random_models(16, rng)
    start, z0 = 2.0 * rng.standard_normal((16, 3, 2)), 3.0 * rng.standard_normal((16, 3, 2))
    plans = ob.plans(economy(models), start, z0, 30)
    several = late = compared = 0
    for r, model in enumerate(models):
        for q in range(3):
            expected = guess_and_verify(model, start[r, q], z0[r, q])
            if expected is None:
                continue
            compared += 1
            np.testing.assert_allclose(plans.values[r, q], expected[:31], atol=1e-9)
            starts = np.flatnonzero(np.diff(plans.binding[r, q], prepend=0) == 1)
            several += len(starts) > 1
            late += len(starts) > 0 and starts[0] > 0
    assert compared >= 44
    assert several >= 3  # plans with several spells
    assert late >= 5  # plans that are slack at first


def test_a_guess_that_cycles_is_broken_by_single_flips() -> None:
    model = Model(  # slack response to news is a P-matrix over nine quarters
        np.array([[-0.32, 0.24], [-0.62, 0.53]]),
        np.array([[-0.69, 2.15], [-0.58, -1.02]]),
        np.array([[0.61, 0.63], [0.69, -1.46]]),
        np.array([[0.6, 0.04], [1.32, 2.9]]),
        rotation(0.81, 2.37),
    )
    start, z0 = np.array([-3.96, -1.84]), np.array([-0.41, -5.63])
    plans = ob.plans(economy([model]), start[None, None], z0[None, None], 30)
    assert guess_and_verify(model, start, z0) is None
    assert_consistent(model, plans.values[0, 0], plans.binding[0, 0], start, z0)


def test_a_bad_plan_is_nan_and_leaves_the_others_alone() -> None:
    rng = np.random.default_rng(1)
    models = random_models(3, rng)
    start, z0 = rng.standard_normal((3, 2, 2)), rng.standard_normal((3, 2, 2))
    clean = ob.plans(economy(models), start, z0, 10)
    start[0, 1, 0] = np.nan
    z0[2, 0, 1] = np.inf
    dirty = ob.plans(economy(models), start, z0, 10)
    bad = np.zeros((3, 2), dtype=bool)
    bad[0, 1] = bad[2, 0] = True
    assert np.isnan(dirty.values[bad]).all()
    np.testing.assert_array_equal(dirty.values[~bad], clean.values[~bad])


def test_reach_bounds_every_future_quarter() -> None:
    rng = np.random.default_rng(2)
    e = economy(random_models(30, rng))
    for r in range(30):
        phi = np.zeros((4, 4))
        phi[:2, :2], phi[:2, 2:] = e.transition[r], e.rule_load[r]
        phi[2:, 2:] = e.persistence[r]
        row = np.concatenate([e.transition[r, 0], e.rule_load[r, 0]])
        largest = np.abs(row)
        for _ in range(300):
            row = row @ phi
            largest = np.maximum(largest, np.abs(row))
        # The supremum itself, up to the rounding of repeated multiplication.
        np.testing.assert_allclose(e.reach[r], largest, rtol=1e-10)


def test_a_bound_that_the_steady_state_violates_has_no_solution() -> None:
    model = random_models(1, np.random.default_rng(4))[0]
    batch = tuple(x[None] for x in model)
    for bound in (-0.5, 0.0):
        e = ob.economy(batch, re.solve(*batch), np.array([bound]), [0, 1], 0, 0)
        assert e.status[0] == Status.NO_STABLE_SOLUTION
