"""Samples are pure functions of (seed, world, index), and say what the worlds say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from emulator.data.samples import draw_samples
from emulator.data.schema import Design
from emulator.limits import MAX_SIZE, MIN_SIZE
from emulator.seeding import Purpose, stream, stream_key
from emulator.worlds import Status, get_world, list_worlds
from emulator.worlds.nk import NewKeynesian
from emulator.worlds.zlb import ZeroLowerBound
from tests.data.configs import WORLDS, Siblings

pytestmark = pytest.mark.slow

DESIGN = Design(quarters=50, run_in=10, horizon=6)


@pytest.mark.parametrize("name", list_worlds())
def test_a_sample_does_not_depend_on_its_company(name: str) -> None:
    world = get_world(name)
    first = 26 if world.dear else 0
    together = draw_samples(world, 3, range(first, 30), DESIGN)
    chosen = [28, 26, 29]
    apart = draw_samples(world, 3, chosen, DESIGN)
    alone = draw_samples(world, 3, [28], DESIGN)
    for key, values in together.arrays.items():
        rows = np.array(chosen) - first
        np.testing.assert_array_equal(values[rows], apart.arrays[key], err_msg=key)
        np.testing.assert_array_equal(values[rows[:1]], alone.arrays[key], err_msg=key)


@pytest.mark.parametrize("name", list_worlds())
def test_stored_paths_and_responses_are_the_world_s_own(name: str) -> None:
    world = get_world(name)
    rows = 3 if world.dear else 10
    samples = draw_samples(world, 5, range(rows), DESIGN)
    a = samples.arrays
    assert (world.check(a["theta"]) == Status.OK).all()
    chain = None
    if world.hidden_chain:
        key = stream_key(5, name)
        chain = [stream(key, i, Purpose.HIDDEN_CHAIN).random(DESIGN.quarters) for i in range(rows)]
    paths = world.simulate(a["theta"], a["eps"], uniforms=chain)
    np.testing.assert_array_equal(a["trajectories"], paths.observables.astype(np.float32))
    np.testing.assert_array_equal(a["state"], paths.states[:, -1])
    size = a["shock_size"]
    unit = size[:, :, None, None]
    exact = world.irf(a["theta"], DESIGN.horizon, size).values
    np.testing.assert_array_equal(a["irfs"], (exact / unit).astype(np.float32))
    if world.flag is not None:
        np.testing.assert_array_equal(a["flags"], paths.flags)
    if not world.linear:
        exact = world.irf(a["theta"], DESIGN.horizon, size, a["state"]).values
        np.testing.assert_array_equal(a["irfs_state"], (exact / unit).astype(np.float32))


def test_random_numbers_come_from_the_sample_s_own_streams() -> None:
    world, key = get_world("nk"), stream_key(11, "nk")
    samples = draw_samples(world, 11, [0, 8], DESIGN)
    for row, index in enumerate((0, 8)):
        eps = stream(key, index, Purpose.INNOVATIONS).standard_normal((DESIGN.quarters, 3))
        np.testing.assert_array_equal(samples.arrays["eps"][row], eps.astype(np.float32))
    # nk rejects nothing, so theta is the first draw of the parameter stream.
    assert not samples.rejections
    first = stream(key, 8, Purpose.PARAMETERS).random(len(world.parameters))
    np.testing.assert_array_equal(samples.arrays["theta"][1], world.from_uniforms(first[None])[0])


def test_rejected_draws_are_counted_and_the_next_of_the_stream_is_taken() -> None:
    world, key = get_world("lss"), stream_key(2, "lss")
    rows = range(60)
    samples = draw_samples(world, 2, rows, DESIGN)
    rejected = 0
    for i in rows:
        generator = stream(key, i, Purpose.PARAMETERS)
        while True:
            theta = world.from_uniforms(generator.random((1, len(world.parameters))))
            if world.check(theta)[0] == Status.OK:
                break
            rejected += 1
        np.testing.assert_array_equal(samples.arrays["theta"][i], theta[0])
    assert rejected > 0
    assert sum(samples.rejections.values()) == rejected


def test_shock_sizes_fill_both_intervals() -> None:
    size = (
        draw_samples(get_world("nk"), 1, range(600), DESIGN, responses=False)
        .arrays["shock_size"]
        .ravel()
    )
    modulus = np.abs(size)
    assert modulus.min() >= MIN_SIZE
    assert modulus.max() <= MAX_SIZE
    # 1,800 draws: the mean of a uniform has a standard error of .019, the share of signs .012.
    assert abs(modulus.mean() - (MIN_SIZE + MAX_SIZE) / 2) < 0.1
    assert abs((size > 0).mean() - 0.5) < 0.06


@pytest.mark.parametrize("name", WORLDS)
def test_measurement_noise_is_a_fraction_of_each_series_and_touches_nothing_else(
    name: str,
) -> None:
    world, rows = get_world(name), range(40)
    long = Design(quarters=240, run_in=40, horizon=2)
    clean = draw_samples(world, 1, rows, long).arrays
    noisy = draw_samples(world, 1, rows, long.model_copy(update={"measurement_noise": 0.5})).arrays
    for key in clean.keys() - {"trajectories"}:
        np.testing.assert_array_equal(clean[key], noisy[key])
    noise = noisy["trajectories"].astype(float) - clean["trajectories"]
    scale = 0.5 * clean["trajectories"][:, 40:].astype(float).std(axis=1, keepdims=True)
    ratio = noise / scale
    # 28,800 standard normal numbers: s.e. of the mean .006, of the s.d. .004.
    assert abs(ratio.mean()) < 0.03
    assert abs(ratio.std() - 1.0) < 0.03


def test_siblings_share_dear_parameters_and_each_has_the_prior_s_law() -> None:
    world = Siblings()
    samples = draw_samples(world, 3, range(1498), DESIGN, responses=False)
    theta, dear = samples.arrays["theta"], [world.parameter_names.index(p) for p in world.dear]
    assert samples.rejections["INADMISSIBLE"] > 50
    households, household, counts = np.unique(
        theta[:, dear], axis=0, return_inverse=True, return_counts=True
    )
    # One more a group for each attempt that some of its samples alone needed.
    assert 500 < len(households) < 700
    assert counts.max() == 3
    group = samples.indices // 3
    assert len(set(zip(household.ravel(), group, strict=True))) == len(households)
    assert len(np.unique(np.delete(theta, dear, axis=1), axis=0)) == len(theta)
    # The accepted draws of the world that has no siblings; of 500 groups and 1,498 draws.
    other = ZeroLowerBound().sample_parameters(1498, np.random.default_rng(0))
    gap = (theta.mean(axis=0) - other.mean(axis=0)) / other.std(axis=0)
    assert np.abs(gap).max() < 2.6 * np.sqrt(1 / 500 + 1 / 1498)


class Defeated(NewKeynesian):
    """A world whose paths fail where it is solved."""

    def _simulate(self, theta: Any, *arguments: Any) -> Any:
        observables, states, flags = super()._simulate(theta, *arguments)
        observables[theta[:, self.parameter_names.index("phi_pi")] > 2.5] = np.nan
        return observables, states, flags


def test_samples_whose_paths_fail_are_drawn_again_and_solved_once() -> None:
    world = Defeated()
    samples = draw_samples(world, 3, range(40), DESIGN)
    theta = samples.arrays["theta"]
    assert samples.rejections["NO_CONVERGENCE"] > 5
    assert (theta[:, world.parameter_names.index("phi_pi")] <= 2.5).all()
    for found, exact in zip(samples.solution, world.solve(theta), strict=True):
        np.testing.assert_array_equal(found, exact)
