"""Likelihoods of the Bayes floor against densities written out in full."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from emulator.errors import InputError
from emulator.estimation import hamilton
from emulator.estimation.kalman import LATER, _rows, kalman
from emulator.estimation.kalman_parts import rest_to_start
from emulator.estimation.likelihoods import log_likelihood
from emulator.worlds import get_world
from emulator.worlds.doubling import covariances


def _path_map(world, theta: np.ndarray, quarters: int, **options) -> np.ndarray:
    """The matrix (3 T, S T) from innovations to observables, by simulating one at a time."""
    shocks = len(world.shocks)
    eps = np.eye(quarters * shocks).reshape(-1, quarters, shocks)
    rows = np.repeat(theta[None], len(eps), axis=0)
    return world.simulate(rows, eps, **options).observables.reshape(len(eps), -1).T


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lss", "var", "nk", "rbc", "sw07"])
@pytest.mark.parametrize(("run_in", "length"), [(0, 4), (1, 4), (11, 5)])
def test_the_kalman_filter_gives_the_joint_density_of_the_window(
    name: str, run_in: int, length: int
) -> None:
    world = get_world(name)
    rng = np.random.default_rng(1)
    theta = world.sample_parameters(3, rng)
    quarters = run_in + length
    eps = rng.normal(size=(1, quarters, len(world.shocks)))
    history = world.simulate(theta[:1], eps).observables[0, run_in:]
    expected = []
    for row in theta:
        load = _path_map(world, row, quarters)[3 * run_in :]
        covariance = load @ load.T
        # scipy's eigenvalue cut would drop small directions; Cholesky drops none
        z = np.linalg.solve(root := np.linalg.cholesky(covariance), history.ravel())
        log_det = 2.0 * np.log(np.diag(root)).sum()
        expected.append(-0.5 * (z @ z + log_det + len(z) * np.log(2.0 * np.pi)))
    # a Cholesky factor of an ill-conditioned matrix of 15 rows keeps six digits
    np.testing.assert_allclose(
        log_likelihood(world.solve(theta), history, run_in), expected, rtol=1e-6, atol=1e-5
    )


@pytest.mark.slow
def test_a_gain_that_stands_still_costs_no_digits_over_a_long_history() -> None:
    world = get_world("lss")
    rng = np.random.default_rng(2)
    theta = world.sample_parameters(2, rng)
    history = world.simulate(theta[:1], rng.normal(size=(1, 100, 3))).observables[0, 20:]
    load = _path_map(world, theta[0], 100)[60:]
    root = np.linalg.cholesky(load @ load.T)
    z = np.linalg.solve(root, history.ravel())
    expected = -0.5 * (z @ z + len(z) * np.log(2 * np.pi)) - np.log(np.diag(root)).sum()
    got = log_likelihood(world.solve(theta), history, 20)[0]
    assert got == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
def test_the_state_after_a_long_run_in_has_its_unconditional_variance() -> None:
    world = get_world("nk")
    space = world.solve(world.sample_parameters(4, np.random.default_rng(3)))
    a, b = (np.ascontiguousarray(np.moveaxis(part, 0, -1)) for part in (space.a, space.b))
    limit = np.moveaxis(covariances(space.a, space.b, 4), 0, -1)
    covariance, power = rest_to_start(a, b, 3000)
    np.testing.assert_allclose(covariance, limit, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(power, 0.0, atol=1e-12)
    assert np.array_equal(rest_to_start(a, b, 0)[0], np.zeros((4, 4, 4)))
    once = np.einsum("isl,jsl->ijl", b, b)
    np.testing.assert_allclose(rest_to_start(a, b, 1)[0], once, rtol=1e-12)
    third = np.moveaxis(np.linalg.matrix_power(space.a, 3), 0, -1)
    np.testing.assert_allclose(rest_to_start(a, b, 3)[1], third, atol=1e-12)


def _textbook(space, row: int, history: np.ndarray, run_in: int) -> float:
    """The log likelihood by the covariance form of the filter, which never stands still, in
    extended precision: in double its own rounding reaches 1e-7 in nk."""
    a, b, c, d = (part[row].astype(np.longdouble) for part in space[:4])
    p = np.zeros_like(a)
    for _ in range(run_in):
        p = a @ p @ a.T + b @ b.T
    m, total = np.zeros(len(a), np.longdouble), np.longdouble(0.0)
    for y in history:
        f = c @ p @ c.T + d @ d.T
        half = np.column_stack([y - c @ m, (a @ p @ c.T + b @ d.T).T])  # R^{-1} of it, F = R R'
        for i in range(3):
            root = np.sqrt(f[i, i])
            half[i], f[i] = half[i] / root, f[i] / root
            for j in range(i + 1, 3):
                half[j], f[j] = half[j] - f[i, j] * half[i], f[j] - f[i, j] * f[i]
            total -= np.log(root)
        v, gain = half[:, 0], half[:, 1:].T
        total -= 0.5 * (v @ v + 3.0 * np.log(2.0 * np.pi))
        m = a @ m + gain @ v
        p = a @ p @ a.T + b @ b.T - gain @ gain.T
    return float(total)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["var", "nk", "sw07"])
def test_parameters_side_by_side_have_the_likelihoods_of_a_filter_that_never_stands_still(
    name: str,
) -> None:
    world = get_world(name)
    rng = np.random.default_rng(6)
    theta = world.sample_parameters(35, rng)  # more than are side by side at once
    eps = rng.normal(size=(1, 160, len(world.shocks)))
    history = world.simulate(theta[:1], eps).observables[0, 40:]
    space = world.solve(theta)
    found = log_likelihood(space, history, 40)
    for row in (0, 3, 34):
        assert found[row] == pytest.approx(_textbook(space, row, history, 40), rel=1e-9)
    alone = log_likelihood(type(space)(*(part[33:34] for part in space)), history, 40)
    assert alone[0] == found[33]


def _many_states(rng: np.random.Generator, states: int = 12, shocks: int = 4) -> list[np.ndarray]:
    """Five linear systems; the first has a unit root."""
    a = rng.standard_normal((5, states, states)) / np.sqrt(states)
    a *= (np.linspace(1.0, 0.5, 5) / np.abs(np.linalg.eigvals(a)).max(axis=1))[:, None, None]
    shapes = ((5, states, shocks), (5, 3, states), (5, 3, shocks))
    return [a, *(rng.standard_normal(shape) for shape in shapes)]


@pytest.mark.parametrize("run_in", [0, 2, LATER, 300])
@pytest.mark.parametrize(("scale", "noise"), [(1.0, 0.0), (1.0, 0.5), (0.01, 0.0)])
def test_the_filter_of_many_states_is_the_textbooks(
    run_in: int, scale: float, noise: float
) -> None:
    rng = np.random.default_rng(8)
    space = _many_states(rng)
    space[3] *= scale
    b, d = space[1], space[3]
    # as shocks that move nothing else, noise needs no place in the textbook's filter
    whole = (
        space[0], np.concatenate([b, np.zeros((5, 12, 3))], axis=2), space[2],
        np.concatenate([d, np.broadcast_to(noise * np.eye(3), (5, 3, 3))], axis=2),
    )  # fmt: skip
    within = 1e-8 if run_in else 1e-6  # at rest shocks that barely move observables cost digits
    for row in range(5):
        history = _drawn(whole, row, run_in, rng)
        (found,) = kalman(*(p[row : row + 1] for p in space), history, run_in, np.full(3, noise))
        assert found == pytest.approx(_textbook(whole, row, history, run_in), rel=within)


def _drawn(space, row: int, run_in: int, rng: np.random.Generator) -> np.ndarray:
    """The 150 quarters that begin `run_in` quarters after rest."""
    a, b, c, d = (part[row] for part in space)
    x, out = np.zeros(len(a)), []
    for eps in rng.standard_normal((run_in + 150, b.shape[1])):
        out.append(c @ x + d @ eps)
        x = a @ x + b @ eps
    return np.array(out[run_in:])


def test_rows_that_would_lose_digits_are_filtered_with_their_covariance() -> None:
    """Two observables are apart by a ten-thousandth."""
    rng = np.random.default_rng(9)
    a, b, c, d = _many_states(rng)
    c[2, 1], d[2, 1] = c[2, 0], d[2, 0]
    d[2, 1, 3] += 1e-4
    history = 3.0 * rng.standard_normal((60, 3))
    history[:, 1] = history[:, 0] + 1e-4 * history[:, 1]
    found = kalman(a, b, c, d, history, 300)
    space = (a, b, c, d)
    for row in range(5):  # the covariance form itself keeps six digits of such a row
        within = 1e-5 if row == 2 else 1e-8
        assert found[row] == pytest.approx(_textbook(space, row, history, 300), rel=within)
    everything = (a[2:3], b[2:3], c[2:3], d[2:3], history, 300, np.zeros(3))
    assert not _rows(*everything, True)[1][0]
    assert found[2] == _rows(*everything, False)[0][0]


@pytest.mark.slow
def test_a_row_without_a_solution_has_no_likelihood_and_leaves_its_neighbours_alone() -> None:
    for name, field in (("nk", "a"), ("switching", "ergodic")):
        world = get_world(name)
        rng = np.random.default_rng(7)
        solution = world.solve(world.sample_parameters(3, rng))
        history = rng.standard_normal((12, 3))
        expected = log_likelihood(solution, history, 8)
        getattr(solution, field)[1] = np.nan
        found = log_likelihood(solution, history, 8)
        assert np.isnan(found[1])
        assert np.array_equal(found[[0, 2]], expected[[0, 2]])


def _by_all_regime_paths(solution, history: np.ndarray, run_in: int) -> tuple[float, float]:
    """log p(history) and the last quarter's regime by the sum over every path of regimes."""
    quarters = run_in + len(history)
    stay, q = solution.stay[0], solution.ergodic[0]
    joint = np.zeros(2)
    for path in itertools.product((0, 1), repeat=quarters):
        chance = (1.0 - q, q)[path[0]]
        for before, now in itertools.pairwise(path):
            chance *= stay[before] if now == before else 1.0 - stay[before]
        load = np.zeros((quarters, 3, quarters, 3))
        for t, regime in enumerate(path):
            if t:
                load[t] = np.einsum("ij,jkl->ikl", solution.lags[0, regime], load[t - 1])
            load[t, :, t] = solution.impact[0, regime]
        window = load[run_in:].reshape(3 * len(history), -1)
        normal = multivariate_normal(cov=window @ window.T, allow_singular=False)
        joint[path[-1]] += chance * normal.pdf(history.ravel())
    return float(np.log(joint.sum())), float(joint[1] / joint.sum())


@pytest.mark.slow
@pytest.mark.parametrize("run_in", [0, 1, 4])
def test_the_hamilton_filter_sums_over_every_path_of_regimes(run_in: int) -> None:
    world = get_world("switching")
    rng = np.random.default_rng(4)
    theta = world.sample_parameters(1, rng)
    eps = rng.normal(size=(1, run_in + 4, 3))
    paths = world.simulate(theta, eps, uniforms=rng.random((1, run_in + 4)))
    history = np.ascontiguousarray(paths.observables[0, run_in:])
    solution = world.solve(theta)
    likelihood, turbulent = _by_all_regime_paths(solution, history, run_in)
    got = hamilton.filtered(solution, history, run_in)
    assert got.log_likelihood[0] == pytest.approx(likelihood, rel=1e-10)
    assert got.turbulent[0] == pytest.approx(turbulent, rel=1e-10)


@pytest.mark.slow
def test_regimes_long_before_the_history_hardly_matter() -> None:
    world = get_world("switching")
    rng = np.random.default_rng(5)
    theta = world.sample_parameters(200, rng)
    first = world.simulate(
        theta, rng.normal(size=(200, 21, 3)), uniforms=rng.random((200, 21))
    ).observables[:, -1]
    solution = world.solve(theta)
    stay, lags, impact, ergodic, _ = (np.moveaxis(part, 0, -1) for part in solution)
    chance = np.array([[stay[0], 1.0 - stay[0]], [1.0 - stay[1], stay[1]]])
    differences = []
    for row in range(200):
        one = [
            np.ascontiguousarray(part[..., row : row + 1])
            for part in (chance, lags, impact, np.array([1.0 - ergodic, ergodic]))
        ]
        logs = [
            np.log(hamilton.first_quarter(*one, first[row], 20, depth).sum())
            for depth in (hamilton.DEPTH, 9)
        ]
        differences.append(abs(logs[0] - logs[1]))
    # In 1,000 draws the mean is .006 and the 99th percentile .07, of a whole history's hundreds; in
    # 200 draws, over seven seeds, .004 to .008 and .04 to .09.
    assert np.mean(differences) < 0.01
    assert np.quantile(differences, 0.99) < 0.12


@pytest.mark.fast
def test_zlb_has_no_likelihood_and_says_where_that_is_explained() -> None:
    world = get_world("zlb")
    with pytest.raises(InputError, match=r"docs/floors\.md"):
        log_likelihood(world.solve(world.pack()[None]), np.zeros((3, 3)), 0)


@pytest.mark.slow
def test_rows_without_a_solution_have_no_likelihood() -> None:
    world = get_world("nk")
    theta = np.stack([world.pack(), world.pack({"phi_pi": 0.2, "phi_y": 0.0})])
    values = log_likelihood(world.solve(theta), np.ones((4, 3)), 3)
    assert np.isfinite(values[0])
    assert np.isnan(values[1])
