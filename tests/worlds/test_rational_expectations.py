"""The rational-expectations solver: doubling against the root count, verdicts, bad rows."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import get_world
from emulator.worlds import Status, doubling
from emulator.worlds.equations import RationalExpectationsWorld
from emulator.worlds.linear import StateSpace
from emulator.worlds.rational_expectations import solve, solve_by_schur

pytestmark = pytest.mark.fast

# Two stable algorithms differ by rounding (1e-16) times the models' conditioning (up to 1e3 here).
AGREEMENT = 1e-12


def scalar_model(smaller: float, larger: float) -> tuple[np.ndarray, ...]:
    """E y' - (a + b) y + a b y_{-1} + z = 0, whose roots are a and b; z is AR(1) with root .5."""
    a = np.array([[[1.0]]])
    return a, -(smaller + larger) * a, smaller * larger * a, a, 0.5 * a


def random_models(rows: int, n: int, k: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Models with known stable roots: A (l - U)(l - G) with U's roots outside, G's inside."""
    g = rng.normal(size=(rows, n, n))
    g *= 0.9 * rng.random((rows, 1, 1)) / np.abs(np.linalg.eigvals(g)).max(axis=1)[:, None, None]
    inverse = rng.normal(size=(rows, n, n))
    inverse *= 0.9 / np.abs(np.linalg.eigvals(inverse)).max(axis=1)[:, None, None]
    mix = np.eye(n) + 0.3 * rng.normal(size=(rows, n, n))
    lead = -mix @ inverse  # y = inverse (E y' - G y) + G y_{-1} + ...
    now = mix @ (np.eye(n) + inverse @ g)
    lag = -mix @ g
    persistence = rng.normal(size=(rows, k, k))
    persistence *= 0.95 / np.abs(np.linalg.eigvals(persistence)).max(axis=1)[:, None, None]
    return lead, now, lag, rng.normal(size=(rows, n, k)), persistence


def residuals(model: tuple[np.ndarray, ...], g: np.ndarray, q: np.ndarray) -> float:
    lead, now, lag, load, persistence = model
    past = lead @ g @ g + now @ g + lag
    exogenous = lead @ (g @ q + q @ persistence) + now @ q + load
    return float(max(np.abs(past).max(), np.abs(exogenous).max()))


@pytest.mark.parametrize(("n", "k"), [(1, 1), (2, 5), (6, 3)])
def test_doubling_agrees_with_the_root_count_on_general_models(n: int, k: int) -> None:
    model = random_models(40, n, k, np.random.default_rng(3))
    assert np.abs(np.tril(model[4], -1)).max() > 0.01 or k == 1  # N is not triangular
    fast, exact = solve(*model), solve_by_schur(*model)
    assert (fast.status == Status.OK).all()
    assert (exact.status == Status.OK).all()
    # the largest condition number among forty random models is some 1e5
    scale = 1.0 + np.abs(exact.load).max()
    np.testing.assert_allclose(fast.transition, exact.transition, rtol=0, atol=1e-10 * scale)
    np.testing.assert_allclose(fast.load, exact.load, rtol=0, atol=1e-10 * scale)
    assert residuals(model, fast.transition, fast.load) < 1e-11 * scale


@pytest.mark.parametrize("name", ["nk", "rbc", "sw07"])
def test_doubling_certifies_every_prior_draw_and_agrees_with_the_root_count(name: str) -> None:
    world = get_world(name)
    assert isinstance(world, RationalExpectationsWorld)
    rng = np.random.default_rng(8)
    theta = world.from_uniforms(rng.random((40 if name == "sw07" else 200, len(world.parameters))))
    stated = world.model(theta)
    matrices = stated.matrices
    model = matrices[:5]
    rows, n, k = matrices.load.shape
    g, q, solved = np.zeros((rows, n, n)), np.empty((rows, n, k)), np.empty(rows)
    doubling.decision_rules(
        *model, np.array(stated.forward), np.array(stated.lagged), 8, g, q, solved
    )
    assert (solved == 1.0).all()
    subset = slice(0, 10 if name == "sw07" else 200)
    exact = solve_by_schur(*(x[subset] for x in model))
    scale = np.abs(exact.load).max()
    np.testing.assert_allclose(g[subset], exact.transition, rtol=0, atol=AGREEMENT * scale)
    np.testing.assert_allclose(q[subset], exact.load, rtol=0, atol=AGREEMENT * scale)


@pytest.mark.parametrize(
    ("smaller", "larger", "verdict"),
    [
        (0.5, 2.0, Status.OK),
        (0.0, 2.0, Status.OK),
        (0.999999, 1.000001, Status.OK),
        (0.5, 0.9, Status.INDETERMINATE),
        (1.1, 2.0, Status.NO_STABLE_SOLUTION),
        (0.5, 1.0, Status.INDETERMINATE),
        (1.0, 2.0, Status.NO_STABLE_SOLUTION),
        (-0.5, -1.5, Status.OK),
    ],
)
def test_verdict_follows_the_roots(smaller: float, larger: float, verdict: Status) -> None:
    rule = solve(*scalar_model(smaller, larger))
    assert rule.status[0] == verdict
    if verdict == Status.OK:
        # a root moves by rounding over its distance from the next one
        near = 1e-15 / (larger - smaller)
        assert rule.transition[0, 0, 0] == pytest.approx(smaller, abs=max(near, 1e-15))
        # Q from (A G + B) Q + A Q N = -D
        assert rule.load[0, 0, 0] == pytest.approx(1.0 / (larger - 0.5), abs=max(near, 1e-15) * 4)
    else:
        assert np.isnan(rule.transition).all()
        assert np.isnan(rule.load).all()


def test_right_count_in_the_wrong_parts_is_no_solution() -> None:
    # One block has two stable roots, the other none: the count is right, the rank is not.
    blocks = [scalar_model(0.3, 0.6), scalar_model(1.5, 2.0)]
    model = []
    for first, second in zip(*blocks, strict=True):
        joint = np.zeros((1, 2, 2))
        joint[0, 0, 0], joint[0, 1, 1] = first[0, 0, 0], second[0, 0, 0]
        model.append(joint)
    assert solve(*model).status[0] == Status.NO_STABLE_SOLUTION


@pytest.mark.parametrize("root", [1.0, 1.2, -1.0])
def test_exogenous_process_that_does_not_die_out_is_no_solution(root: float) -> None:
    lead, now, lag, load, _ = scalar_model(0.5, 2.0)
    rule = solve(lead, now, lag, load, np.array([[[root]]]))
    assert rule.status[0] == Status.NO_STABLE_SOLUTION


def test_model_without_leads_or_without_lags() -> None:
    zero, one = np.zeros((1, 2, 2)), np.eye(2)[None]
    mix = np.array([[[0.5, 0.2], [0.1, 0.3]]])
    backward = solve(zero, -one, mix, one, 0.4 * one)
    np.testing.assert_allclose(backward.transition, mix, atol=1e-15)
    np.testing.assert_allclose(backward.load, one, atol=1e-15)
    forward = solve(mix, -one, zero, one, 0.4 * one)
    np.testing.assert_array_equal(forward.transition, zero)
    np.testing.assert_allclose(forward.load[0], np.linalg.inv(np.eye(2) - 0.4 * mix[0]), atol=1e-15)


def test_bad_rows_leave_the_others_bit_identical() -> None:
    good = random_models(70, 3, 2, np.random.default_rng(5))
    clean = solve(*good)
    spoilt = tuple(x.copy() for x in good)
    spoilt[1][4] = np.nan
    spoilt[0][40, 0, 0] = np.inf
    spoilt[2][11] = 3.0 * spoilt[2][11]
    spoilt[2][12] = 0.0
    spoilt[1][13] = 0.0
    result = solve(*spoilt)
    assert result.status[4] == result.status[40] == Status.NOT_FINITE
    untouched = np.setdiff1d(np.arange(70), [4, 40, 11, 12, 13])
    assert (result.status[untouched] == Status.OK).all()
    assert result.transition[untouched].tobytes() == clean.transition[untouched].tobytes()
    assert result.load[untouched].tobytes() == clean.load[untouched].tobytes()


def test_structure_that_leaves_out_a_coefficient_raises() -> None:
    model = random_models(2, 3, 2, np.random.default_rng(5))
    with pytest.raises(ValueError, match="lagged"):
        solve(*model, lagged=[0])


@pytest.mark.parametrize("name", ["nk", "rbc", "sw07"])
def test_row_alone_has_the_bits_it_has_within_a_batch(name: str) -> None:
    world = get_world(name)
    theta = world.from_uniforms(np.random.default_rng(2).random((70, len(world.parameters))))
    for j, parameter in enumerate(world.parameters):
        if parameter.lower == 0.0:
            theta[: 30 + j, j] = 0.0  # coefficients that vanish in a part of the batch
    theta[7] = np.nan
    batch, values = world.solve(theta), world.irf(theta).values
    for row in (0, 6, 33, 69):
        alone = world.solve(theta[row])
        for part in StateSpace._fields:
            assert getattr(alone, part)[0].tobytes() == getattr(batch, part)[row].tobytes()
        assert world.irf(theta[row]).values[0].tobytes() == values[row].tobytes()
    assert batch.status[7] == Status.NOT_FINITE
    assert np.isnan(values[7]).all()


def test_empty_batch_is_an_empty_answer() -> None:
    for name in ("nk", "sw07"):
        world = get_world(name)
        values, status = world.irf(np.empty((0, len(world.parameters))))
        assert values.shape == (0, len(world.shocks), 41, 3)
        assert status.shape == (0,)


def test_covariance_of_an_unstable_system_is_nan_and_spoils_no_other() -> None:
    a = np.array([[[0.5]], [[1.0]], [[1.5]], [[np.nan]], [[0.9]]])
    v = doubling.covariances(a, np.ones((5, 1, 1)), 2)[:, 0, 0]
    np.testing.assert_allclose(v[[0, 4]], [1 / 0.75, 1 / 0.19], rtol=1e-14)
    assert np.isnan(v[1:4]).all()
