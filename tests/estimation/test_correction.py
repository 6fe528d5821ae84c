"""Posteriors through something that answers like a network, corrected by exact solutions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import emulator
from emulator.errors import InputError
from emulator.estimation import correction, drawn, posterior, runs
from emulator.estimation.arguments import dear_by
from emulator.estimation.correction import Exact, corrected
from emulator.estimation.emulated import STATES, Emulated, emulated
from emulator.estimation.likelihoods import log_likelihood
from emulator.estimation.posterior import Target, sample
from emulator.estimation.priors import OwnPrior
from emulator.estimation.runs import LONG_AGO, target_of
from emulator.models.weights import PRETRAINED
from emulator.specs import Parameter, Shock
from emulator.worlds import World
from emulator.worlds.linear import LinearWorld, StateSpace

NOISE = np.array([0.3, 0.3, 0.3])


class Small(LinearWorld[StateSpace]):
    """One shock that dies out by `rho` moves all observables by `scale`."""

    name = "small"
    title = "Small"
    source = "here"
    parameters = (
        Parameter("rho", "persistence", "1", 0.0, 0.95, 0.5),
        Parameter("scale", "impact", "1", 0.2, 3.0, 1.0),
    )
    shocks = (Shock("demand", "moves all", None),)
    state_names = ("x",)
    dear = ("rho",)

    def _solve(self, theta: np.ndarray) -> StateSpace:
        rho, scale = theta[:, 0], theta[:, 1]
        rows = len(theta)
        one = np.ones((rows, 1, 1))
        shown = scale[:, None, None] * np.array([1.0, 0.5, -0.5])[:, None]
        return StateSpace(
            rho[:, None, None] * one, one, shown * rho[:, None, None], shown,
            np.zeros(rows, dtype=np.int8),
        )  # fmt: skip


def wrong(world: World, shift: float = 0.03) -> Emulated:
    """A world by responses that are a little off: too strong, and too lasting."""

    def answer(theta: np.ndarray) -> np.ndarray:
        moved = theta + np.array([shift, shift])
        return world.irf(np.clip(moved, None, [0.999, 9.0]), 40).values

    return emulated(world, answer, states=2)


def exact_of(world: World, theta: np.ndarray, history: np.ndarray) -> Exact:
    solution = world.solve(theta)
    values = log_likelihood(solution, history, LONG_AGO, NOISE)
    return Exact(*solution[:4], solution.status, values)


@pytest.fixture(scope="module")
def small_history() -> np.ndarray:
    world, rng = Small(), np.random.default_rng(4)
    eps = rng.standard_normal((1, 200, 1))
    values = world.simulate(np.array([[0.7, 1.0]]), eps).observables[0, -60:]
    return values + NOISE * rng.standard_normal(values.shape)


@pytest.mark.fast
@pytest.mark.parametrize("name", ["nk", "var", "rbc"])
def test_exact_responses_give_the_likelihood_of_the_exact_state_space(name: str) -> None:
    """41 quarters say how the rest goes on where states are few."""
    world = emulator.get_world(name)
    rng = np.random.default_rng(6)
    theta = world.sample_parameters(20, rng)
    stand_in = emulated(world, lambda some: world.irf(some, 40).values)
    assert stand_in.parameter_names == world.parameter_names
    eps = rng.standard_normal((1, 400, len(world.shocks)))
    history = world.simulate(theta[:1], eps).observables[0, -120:].copy()
    history[40:44, 1] = np.nan
    exact = log_likelihood(world.solve(theta), history, LONG_AGO)
    found = log_likelihood(stand_in.solve(theta), history, LONG_AGO)
    near = np.abs(exact) < 1e5
    assert near.sum() > 5
    np.testing.assert_allclose(found[near], exact[near], atol=2e-3, rtol=1e-6)


@pytest.mark.fast
def test_a_stand_in_has_the_prior_of_its_world() -> None:
    world = emulator.get_world("sw07")
    stand_in = emulated(world, lambda some: world.irf(some, 40).values)
    u = np.random.default_rng(1).random((5, len(world.parameters)))
    assert np.array_equal(stand_in.from_uniforms(u), world.from_uniforms(u))
    assert len(stand_in.state_names) == STATES
    with pytest.raises(InputError, match="not linear"):
        emulated(emulator.get_world("zlb"), lambda some: some)


@pytest.mark.slow
def test_a_network_that_is_a_little_wrong_is_corrected(small_history: np.ndarray) -> None:
    """The mean and s.d. of the corrected posterior and its evidence are those of a grid."""
    world = Small()
    target = Target(OwnPrior(wrong(world)), small_history, LONG_AGO, NOISE)
    found = sample(target, 2000, np.random.default_rng(2))
    exact = exact_of(world, found.theta, small_history)
    after = corrected(found, exact, 1.0, np.random.default_rng(3))
    axes = [np.linspace(p.lower, p.upper, 121) for p in world.parameters]
    grid = np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=1)
    logs = log_likelihood(world.solve(grid), small_history, LONG_AGO, NOISE)
    weights = np.exp(logs - logs.max())
    evidence = logs.max() + np.log(weights.mean())
    weights /= weights.sum()
    mean = weights @ grid
    sd = np.sqrt(weights @ np.square(grid - mean))
    error = sd / np.sqrt(after.effective)
    assert 400 < after.effective < 2000
    assert (np.abs(found.theta.mean(axis=0) - mean) > 4.0 * error).any()
    assert (np.abs(after.posterior.theta.mean(axis=0) - mean) < 3.0 * error).all()
    np.testing.assert_allclose(after.posterior.theta.std(axis=0), sd, rtol=0.1)
    assert after.posterior.log_evidence == pytest.approx(evidence, abs=0.1)
    assert np.array_equal(after.posterior.theta, found.theta[after.chosen])
    assert np.array_equal(after.posterior.log_l, exact.log_l[after.chosen])


@pytest.mark.fast
def test_a_network_far_from_its_world_is_refused() -> None:
    theta = np.array([[0.5, 1.0]] * 3)
    found = posterior.Posterior(theta, np.zeros(3), np.arange(3), -1.0, 1, 1, 0.0, 0.3)
    exact = exact_of(Small(), theta, np.zeros((4, 3)))._replace(log_l=np.full(3, -np.inf))
    with pytest.raises(InputError, match="not good enough"):
        corrected(found, exact, 1.0, np.random.default_rng(0))


@pytest.fixture
def through_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """nk is dear to solve, and weights know it a little wrong."""
    monkeypatch.setattr(type(emulator.get_world("nk")), "dear", ("kappa",))

    def through(world: World, weights: tuple[str, ...]) -> tuple[Emulated, str]:
        def answer(theta: np.ndarray) -> np.ndarray:
            return 1.02 * world.irf(theta, 40).values

        return emulated(world, answer, states=8), weights[0]

    for module in (runs, drawn):
        monkeypatch.setattr(module, "through", through)


@pytest.fixture(scope="module")
def history() -> np.ndarray:
    world = emulator.get_world("nk")
    eps = np.random.default_rng(3).normal(size=(1, 160, 3))
    return world.simulate(world.pack(), eps).observables[0, -40:].copy()


@pytest.mark.slow
@pytest.mark.usefixtures("through_a_network")
def test_a_correction_that_was_stopped_goes_on_to_the_same_numbers(
    history: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = {"output": 3.0, "inflation": 3.0, "rate": 3.0}  # it is soon found
    asked = {"weights": ["pretrained"], "noise": noise, "draws": 96, "runs": 2, "horizon": 8}
    steps: list[tuple[int, int]] = []
    whole = emulator.estimate(
        "nk", history, **asked, progress=lambda done, total, _: steps.append((done, total))
    )["nk"]
    # runs, batches of the prior's and theirs; what follows from draws
    assert steps == [*((k, 10) for k in range(11)), (0, 1)]
    said = whole.correction
    assert said is not None
    assert said.solutions == 96
    assert 40 < said.effective < 96.0
    exact = emulator.get_world("nk")
    again = log_likelihood(exact.solve(whole.theta), history, LONG_AGO, np.full(3, 3.0))
    np.testing.assert_allclose(whole.log_likelihood.ravel(), again)
    np.testing.assert_allclose(
        whole.bands.mean, exact.irf(whole.theta, 8).values.mean(axis=0), atol=1e-9
    )
    solve, calls = correction._solve, []

    def stopping(job: correction.Batch) -> object:
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return solve(job)

    monkeypatch.setattr(correction, "_solve", stopping)
    kept = {**asked, "output": tmp_path / "kept"}
    with pytest.raises(KeyboardInterrupt):
        emulator.estimate("nk", history, **kept)
    monkeypatch.setattr(correction, "_solve", solve)
    monkeypatch.setattr(posterior, "advance", lambda *_: pytest.fail("a run was done again"))
    found = emulator.estimate("nk", history, resume=True, **kept)["nk"]
    assert np.array_equal(found.draws, whole.draws)
    assert found.log_evidence == whole.log_evidence
    assert found.correction == said
    with pytest.raises(InputError, match="is of another history"):
        emulator.estimate("nk", history, resume=True, **{**kept, "weights": [PRETRAINED / "hank"]})


@pytest.mark.slow
def test_weights_are_for_worlds_that_are_dear_to_solve(history: np.ndarray) -> None:
    with pytest.raises(InputError, match="none of nk is dear to solve"):
        emulator.estimate("nk", history, weights=["pretrained"])


def test_a_world_dear_to_solve_is_drawn_through_the_weights_shipped_for_it() -> None:
    history = np.zeros((40, 3))
    targets = {name: target_of(emulator.get_world(name), history, np.zeros(3))
               for name in ("nk", "hank")}  # fmt: skip
    assert dear_by(targets, ()) == {"hank": (str(PRETRAINED / "hank"),)}
    assert dear_by(targets, ("mine",)) == {"hank": ("mine",)}
    assert dear_by({"nk": targets["nk"]}, ()) == {}
    with pytest.raises(InputError, match="none of nk is dear to solve"):
        dear_by({"nk": targets["nk"]}, ("mine",))
