"""zlb: Dynare's OccBin, the model's own equations, and a solver that stacks all quarters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.linalg import solve_banded

from emulator import get_world
from emulator.worlds import Status
from emulator.worlds import occasionally_binding as ob
from emulator.worlds.priors import quantiles
from emulator.worlds.zlb import MAX_RATIO, ZeroLowerBound, rho_bar

pytestmark = pytest.mark.slow

WORLD = ZeroLowerBound()
DRAWS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "references" / "zlb_dynare.json").read_text()
)["draws"]
SHOCKS = ["e_m", "e_a", "e_u"]  # the reference's names in the world's order
TOLERANCE = 1e-8  # reported units; the reference carries 15 digits and Dynare solves to 1e-14

by_draw = pytest.mark.parametrize("draw", DRAWS, ids=[d["id"] for d in DRAWS])


def series(record: dict[str, Any]) -> np.ndarray:
    return np.stack([record[v] for v in ("x", "pi", "i")], axis=-1)


def sizes(shock: str, size: float) -> np.ndarray:
    return size * (np.array(SHOCKS) == shock)[None].astype(float)


# ---------------------------------------------------------------------------- against OccBin


@by_draw
def test_steady_state_responses_are_occbins(draw: dict[str, Any]) -> None:
    theta = WORLD.pack(draw["params"])
    solution = WORLD.solve(theta)
    assert solution.status[0] == Status.OK
    assert {c["shock_sd"] for c in draw["cases"]} == {-3, -2, -1, 1, 2, 3}
    for case in draw["cases"]:
        size = sizes(case["shock"], case["shock_sd"])
        values = WORLD.irf(theta, 40, size, solution=solution).values[0]
        response = values[SHOCKS.index(case["shock"])]
        np.testing.assert_allclose(response, series(case["piecewise"]), rtol=0, atol=TOLERANCE)
        binding = np.flatnonzero(response[:, 2] == -draw["params"]["r_ss"])
        assert binding.tolist() == case["binding_periods"]


@by_draw
def test_a_distant_bound_gives_the_linear_responses(draw: dict[str, Any]) -> None:
    values = WORLD.irf(WORLD.pack({**draw["params"], "r_ss": 1e6}), 40).values[0]
    for j, shock in enumerate(SHOCKS):
        expected = series(draw["linear_plus_1sd"][shock])
        np.testing.assert_allclose(values[j], expected, rtol=0, atol=TOLERANCE)


@by_draw
def test_state_dependent_responses_are_occbins(draw: dict[str, Any]) -> None:
    theta = WORLD.pack(draw["params"])
    record = draw["state_dependent"]
    eps = np.zeros((1, 80, 3))
    eps[0, 0] = sizes("e_a", -2.0)
    path = WORLD.simulate(theta, eps)
    expected = series(record["baseline"])
    np.testing.assert_allclose(path.observables[0], expected, rtol=0, atol=TOLERANCE)
    assert np.flatnonzero(path.flags[0]).tolist() == record["baseline_binding"]
    for name, shock in (("b1", "e_m"), ("b2", "e_a")):
        response = WORLD.irf(theta, 40, -1.0, state=path.states[:, 2])
        np.testing.assert_allclose(
            response.values[0, SHOCKS.index(shock)],
            series(record[name]["difference_from_3"]),
            rtol=0,
            atol=TOLERANCE,
        )
        again = eps.copy()
        again[0, 3] = sizes(shock, -1.0)
        shocked = WORLD.simulate(theta, again)
        expected = series(record[name]["path"])
        np.testing.assert_allclose(shocked.observables[0], expected, rtol=0, atol=TOLERANCE)
        assert np.flatnonzero(shocked.flags[0]).tolist() == record[name]["binding_periods"]


@pytest.mark.parametrize(
    "draw", [d for d in DRAWS if "stochastic_path" in d], ids=lambda d: d["id"]
)
def test_stochastic_paths_are_occbins(draw: dict[str, Any]) -> None:
    record = draw["stochastic_path"]
    given = record["innovations_standardised"]
    eps = np.stack([given["eps_m"], given["eps_a"], given["eps_u"]], axis=1)[None]
    paths = WORLD.simulate(WORLD.pack(draw["params"]), eps)
    np.testing.assert_allclose(paths.observables[0], series(record), rtol=0, atol=TOLERANCE)
    assert paths.flags[0].tolist() == record["binding"]


# ------------------------------------------------------------- against the model's equations


def histories(count: int, seed: int, *, whole_box: bool = False) -> tuple[np.ndarray, ...]:
    """Draws (B, P), states after 60 simulated quarters (B, 4), large innovations (B, 3)."""
    rng = np.random.default_rng(seed)
    if whole_box:
        theta = quantiles(WORLD.parameters, rng.random((count, len(WORLD.parameters))))
    else:
        theta = WORLD.sample_parameters(count, rng)
    states = WORLD.simulate(theta, rng.standard_normal((count, 60, 3))).states[:, -1]
    return theta, states, rng.uniform(-6.0, 6.0, (count, 3))


def plans(theta: np.ndarray, states: np.ndarray, eps: np.ndarray, horizon: int) -> ob.Plans:
    """The plan of each row when the innovations eps (B, 3) all arrive at once."""
    z0 = theta[:, 6:9] * states[:, 1:] + theta[:, [9, 11, 10]] * eps
    start = 400.0 * states[:, None, :1]
    return ob.plans(WORLD.solve(theta).constrained, start, z0[:, None], horizon)


@pytest.mark.parametrize("whole_box", [False, True])
def test_plans_satisfy_the_equations_and_complementarity(whole_box: bool) -> None:
    theta, states, eps = histories(300, 1, whole_box=whole_box)
    if whole_box:
        assert (WORLD.check(theta) == Status.INADMISSIBLE).sum() > 100
    found = plans(theta, states, eps, 60)
    x, pi, i = np.moveaxis(found.values[:, 0] / [100.0, 400.0, 400.0], -1, 0)
    beta, sigma, kappa, phi_pi, phi_y, rho_i, *_, r_ss = theta.T[..., None]
    powers = theta[:, None, 6:9] ** np.arange(61)[:, None]
    z0 = theta[:, 6:9] * states[:, 1:] + theta[:, [9, 11, 10]] * eps
    m, a, u = np.moveaxis(powers * z0[:, None], -1, 0)
    lagged = np.concatenate([states[:, :1], i[:, :-1]], axis=1)
    shadow = rho_i * lagged + (1.0 - rho_i) * (phi_pi * pi + phi_y * x) + m
    now, ahead = np.s_[:, :-1], np.s_[:, 1:]
    # Paths of inadmissible rows reach absurd depths: their residuals are relative to the largest.
    scale = np.maximum(1.0, np.abs(np.stack([x, pi, i])).max(axis=(0, 2)))[:, None]
    residuals = (
        x[now] - x[ahead] + (i[now] - pi[ahead]) / sigma - a[now],
        pi[now] - beta * pi[ahead] - kappa * x[now] - u[now],
        i - np.maximum(shadow, -r_ss / 400.0),
    )
    for residual in residuals:
        assert np.abs(residual / scale).max() < 1e-9
    binds = found.binding[:, 0].astype(bool)
    assert binds.any(axis=1).sum() > 50
    rate = found.values[:, 0, :, 2]
    assert (rate >= -r_ss).all()
    assert (rate[binds] == np.broadcast_to(-r_ss, rate.shape)[binds]).all()
    assert ((shadow + r_ss / 400.0)[binds] < 1e-9 * np.broadcast_to(scale, rate.shape)[binds]).all()


def foreseen(
    theta: np.ndarray, lagged: float, z0: np.ndarray, first_guess: int, quarters: int = 400
) -> tuple[np.ndarray, np.ndarray]:
    """Guess and verify on all quarters stacked in one banded system, at rest after the last.

    The first guess is that the bound binds in quarters 0 ... first_guess - 1.
    """
    beta, sigma, kappa, phi_pi, phi_y, rho_i = theta[:6]
    bound = theta[12] / 400.0
    t = np.arange(quarters)
    z = z0 * theta[6:9] ** t[:, None]
    x, pi, i = 3 * t, 3 * t + 1, 3 * t + 2
    binds = t < first_guess
    for _ in range(100):
        bands, right = np.zeros((11, 3 * quarters)), np.zeros(3 * quarters)
        rule = np.where(binds, 0.0, 1.0)
        for row, column, value in (
            (x, x, 1.0),
            (x, x + 3, -1.0),
            (x, i, 1.0 / sigma),
            (x, pi + 3, -1.0 / sigma),
            (pi, pi, 1.0),
            (pi, pi + 3, -beta),
            (pi, x, -kappa),
            (i, i, 1.0),
            (i, i - 3, -rule * rho_i),
            (i, pi, -rule * (1.0 - rho_i) * phi_pi),
            (i, x, -rule * (1.0 - rho_i) * phi_y),
        ):
            inside = (column >= 0) & (column < 3 * quarters)
            bands[5 + (row - column)[inside], column[inside]] = np.broadcast_to(
                value, inside.shape
            )[inside]
        right[x], right[pi] = z[:, 1], z[:, 2]
        right[i] = np.where(binds, -bound, z[:, 0])
        right[2] += rule[0] * rho_i * lagged
        y = solve_banded((5, 5), bands, right).reshape(-1, 3)
        before = np.concatenate([[lagged], y[:-1, 2]])
        shadow = rho_i * before + (1.0 - rho_i) * (phi_pi * y[:, 1] + phi_y * y[:, 0]) + z[:, 0]
        new = np.where(binds, shadow < -bound, y[:, 2] < -bound)
        if (new == binds).all():
            return y * [100.0, 400.0, 400.0], binds
        binds = new
    raise AssertionError("the stacked guess did not settle")


def test_plans_are_those_of_a_stacked_solver_whatever_its_first_guess() -> None:
    theta, states, eps = histories(25, 2)
    found = plans(theta, states, eps, 100)
    assert found.binding.any(axis=(1, 2)).sum() >= 8
    for row in range(len(theta)):
        z0 = theta[row, 6:9] * states[row, 1:] + theta[row, [9, 11, 10]] * eps[row]
        for first_guess in (0, 8, 40):
            values, binds = foreseen(theta[row], states[row, 0], z0, first_guess)
            # Roots up to .95: the stacked system's end, .95^300, is past rounding here.
            np.testing.assert_allclose(found.values[row, 0], values[:101], rtol=0, atol=1e-10)
            np.testing.assert_array_equal(found.binding[row, 0], binds[:101])


# -------------------------------------------------------------------------- what it promises


def test_a_distant_bound_gives_the_nk_world() -> None:
    rng = np.random.default_rng(3)
    theta = WORLD.sample_parameters(50, rng)
    theta[:, 12] = 1e6
    eps = rng.standard_normal((50, 80, 3))
    nk = get_world("nk")
    ours, linear = WORLD.simulate(theta, eps), nk.simulate(theta[:, :12], eps)
    # Two float64 recursions of the same rule; values are of the order of ten.
    np.testing.assert_allclose(ours.observables, linear.observables, rtol=0, atol=1e-11)
    np.testing.assert_allclose(ours.states, linear.states, rtol=0, atol=1e-13)
    size, state = rng.uniform(-3.0, 3.0, (50, 3)), ours.states[:, -1]
    response = WORLD.irf(theta, 40, size, state).values
    np.testing.assert_allclose(response, nk.irf(theta[:, :12], 40, size).values, atol=1e-11)


def test_the_bound_holds_without_tolerance_and_flags_say_where_it_binds() -> None:
    rng = np.random.default_rng(4)
    theta = WORLD.sample_parameters(100, rng)
    paths = WORLD.simulate(theta, rng.standard_normal((100, 240, 3)))
    assert (paths.status == Status.OK).all()
    rate, r_ss = paths.observables[..., 2], theta[:, 12:]
    assert (rate >= -r_ss).all()
    np.testing.assert_array_equal(rate == -r_ss, paths.flags == 1)
    assert 0.15 < paths.flags.mean() < 0.4  # the bound binds in about a third of quarters


def test_without_new_shocks_the_plan_comes_true() -> None:
    theta, states, eps = histories(60, 5)
    later = np.zeros((60, 40, 3))
    later[:, 0] = eps
    paths = WORLD.simulate(theta, later, states)
    found = plans(theta, states, eps, 39)
    np.testing.assert_allclose(paths.observables, found.values[:, 0], rtol=0, atol=1e-10)
    np.testing.assert_array_equal(paths.flags, found.binding[:, 0])


def test_a_response_is_the_difference_of_two_plans() -> None:
    theta, states, _ = histories(40, 6)
    size = np.random.default_rng(7).uniform(-3.0, 3.0, (40, 3))
    response = WORLD.irf(theta, 20, size, states).values
    baseline = plans(theta, states, np.zeros((40, 3)), 20).values[:, 0]
    for j in range(3):
        shocked = plans(theta, states, size * (np.arange(3) == j), 20).values[:, 0]
        np.testing.assert_allclose(response[:, j], shocked - baseline, rtol=0, atol=1e-10)
    assert (WORLD.irf(theta, 20, 0.0, states).values == 0.0).all()


def test_a_row_does_not_depend_on_its_batch() -> None:
    theta, states, _ = histories(12, 8)
    theta[3, 5] = 0.0  # no smoothing: a coefficient that only this row lacks
    rng = np.random.default_rng(9)
    eps, size = rng.standard_normal((12, 50, 3)), rng.uniform(-3.0, 3.0, (12, 3))
    paths = WORLD.simulate(theta, eps, states)
    response = WORLD.irf(theta, 40, size, states).values
    for row in range(12):
        one = slice(row, row + 1)
        alone = WORLD.simulate(theta[one], eps[one], states[one])
        np.testing.assert_array_equal(alone.observables, paths.observables[one])
        np.testing.assert_array_equal(alone.states, paths.states[one])
        np.testing.assert_array_equal(
            WORLD.irf(theta[one], 40, size[one], states[one]).values, response[one]
        )


def test_bad_rows_are_named_and_spoil_nothing() -> None:
    good = WORLD.pack()
    assert WORLD.check(good)[0] == Status.OK
    rows = {
        "good": {},
        "nan": {"beta": np.nan},
        "infinite": {"r_ss": np.inf},
        "outside": {"r_ss": 5.0},
        "ratio": {"rho_a": 0.9, "kappa": 0.5},
        "deep": {"sigma_m": 0.01, "rho_m": 0.84, "kappa": 0.02, "sigma": 0.5},
        "indeterminate": {"phi_pi": 0.5, "phi_y": 0.0},
        "no intertemporal substitution": {"sigma": 0.0},
        "explosive shock": {"rho_m": 1.1},
        "no steady state": {"r_ss": -1.0},
        "longer than the window": {"rho_a": 0.9995, "r_ss": 0.01},
    }
    base = {"rho_m": 0.3, "rho_a": 0.3, "rho_u": 0.3}
    theta = np.stack([WORLD.pack({**base, **row}) for row in rows.values()])
    expected = [
        Status.OK, Status.NOT_FINITE, Status.NOT_FINITE, Status.OUT_OF_BOUNDS, Status.INADMISSIBLE,
        Status.INADMISSIBLE, Status.INDETERMINATE, Status.NOT_FINITE, Status.NO_STABLE_SOLUTION,
        Status.NO_STABLE_SOLUTION, Status.NO_CONVERGENCE,
    ]  # fmt: skip
    size = np.full((len(theta), 3), -3.0)
    response = WORLD.irf(theta, 40, size)
    assert [Status(s) for s in response.status] == expected
    eps = np.tile([-3.0, -3.0, 0.0], (len(theta), 10, 1))
    paths = WORLD.simulate(theta, eps)
    assert [Status(s) for s in paths.status] == expected
    alone = WORLD.irf(theta[:1], 40, size[:1]).values
    np.testing.assert_array_equal(response.values[:1], alone)
    for row, status in enumerate(expected):
        assert np.isfinite(response.values[row]).all() == status.solved
        assert np.isnan(paths.observables[row]).all() != status.solved


def test_prior_draws_are_admissible_but_for_a_few_deep_ones() -> None:
    rng = np.random.default_rng(10)
    u = rng.random((600, len(WORLD.parameters)))
    theta = WORLD.from_uniforms(u)
    beta, sigma, kappa = theta[:, :3].T
    root = rho_bar(beta, sigma, kappa)
    ratio = kappa * root / (sigma * (1.0 - root) * (1.0 - beta * root))
    np.testing.assert_allclose(ratio, MAX_RATIO, rtol=1e-10)
    np.testing.assert_allclose(theta[:, 7], root * np.sqrt(u[:, 7]))
    np.testing.assert_allclose(theta[:, 6], np.minimum(0.9, root) * u[:, 6])
    np.testing.assert_allclose(theta[:, 8], np.minimum(0.9, root) * u[:, 8])
    status = WORLD.check(theta)
    assert set(status.tolist()) == {int(Status.OK), int(Status.INADMISSIBLE)}
    # With rho_a uniform too, the references keep 487 of 500; the square root costs a few more.
    assert 0.90 < (status == Status.OK).mean() < 0.97
    u[:, 7] **= 2
    assert 0.94 < (WORLD.check(WORLD.from_uniforms(u)) == Status.OK).mean() < 0.995
    # rho_a needs no cap of its own: the largest rho_bar is below its bound.
    assert rho_bar(np.array(0.985), np.array(2.5), np.array(0.01)) < 0.94
