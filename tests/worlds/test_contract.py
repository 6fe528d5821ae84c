"""What every world in the bank promises, whatever its economics."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from emulator import get_world, list_worlds
from emulator.errors import InputError, UnknownNameError, WorldError
from emulator.specs import OBSERVABLE_NAMES, WorldSpec
from emulator.worlds import Status, World
from emulator.worlds.priors import quantiles

pytestmark = pytest.mark.fast

every_world = pytest.mark.parametrize("name", list_worlds())
linear_worlds = pytest.mark.parametrize("name", [n for n in list_worlds() if get_world(n).linear])
other_worlds = pytest.mark.parametrize(
    "name", [n for n in list_worlds() if not get_world(n).linear]
)
worlds_without_chance = pytest.mark.parametrize(
    "name", [n for n in list_worlds() if not get_world(n).hidden_chain]
)

ROWS, HORIZON, QUARTERS = 5, 12, 30


@cache
def world_and_draws(name: str) -> tuple[World[Any], np.ndarray]:
    world = get_world(name)
    return world, world.sample_parameters(ROWS, np.random.default_rng(11))


def innovations(world: World[Any], rows: int = ROWS, quarters: int = QUARTERS) -> np.ndarray:
    return np.random.default_rng(12).standard_normal((rows, quarters, len(world.shocks)))


def chain(world: World[Any], rows: int = ROWS, quarters: int = QUARTERS) -> np.ndarray | None:
    """Uniforms for worlds with a hidden chain, None for the others."""
    if not world.hidden_chain:
        return None
    return np.random.default_rng(13).random((rows, quarters))


def box(world: World[Any]) -> tuple[np.ndarray, np.ndarray]:
    lower = np.array([p.lower for p in world.parameters])
    return lower, np.array([p.upper for p in world.parameters])


# ---------------------------------------------------------------------- description


@every_world
def test_spec_survives_json(name: str) -> None:
    spec = get_world(name).spec
    assert WorldSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


@every_world
def test_spec_stored_without_restrictions_and_notes_can_be_read(name: str) -> None:
    spec = get_world(name).spec
    stored = spec.to_dict()
    del stored["restrictions"]
    for parameter in stored["parameters"]:
        del parameter["prior_note"]
    read = WorldSpec.from_dict(stored)
    assert read.restrictions == ()
    assert read.parameter_names == spec.parameter_names


@every_world
def test_priors_and_restrictions_are_stated(name: str) -> None:
    world = get_world(name)
    theta = world.from_uniforms(np.random.default_rng(1).random((500, len(world.parameters))))
    if (world.check(theta) == Status.INADMISSIBLE).any():
        assert world.restrictions
    # A parameter that is not drawn on its own has a note.
    u = np.full((2, len(world.parameters)), 0.5)
    alone = quantiles(world.parameters, u)[0]
    drawn = world.from_uniforms(u)[0]
    for parameter, own, joint in zip(world.parameters, alone, drawn, strict=True):
        assert bool(parameter.prior_note) == (own != joint), parameter.name


@every_world
def test_names_are_unique_and_refer_to_each_other(name: str) -> None:
    world = get_world(name)
    for names in (world.parameter_names, world.shock_names, world.state_names):
        assert len(set(names)) == len(names)
    assert tuple(o.name for o in world.observables) == OBSERVABLE_NAMES
    assert {s.sigma for s in world.shocks} - {None} <= set(world.parameter_names)
    assert all(p.description and p.unit for p in world.parameters)
    assert all(s.description for s in world.shocks)
    # The sign of a positive shock is documented.
    assert all(re.search(r"\b(rais|lower|ris|fall)", s.description) for s in world.shocks)


@every_world
def test_pack_names_values_and_suggests_the_nearest_name(name: str) -> None:
    world = get_world(name)
    first = world.parameters[0]
    np.testing.assert_array_equal(world.pack(), [p.default for p in world.parameters])
    packed = world.pack({first.name: 123.0})  # bounds are check's business
    assert packed[0] == 123.0
    np.testing.assert_array_equal(packed[1:], world.pack()[1:])
    with pytest.raises(UnknownNameError, match=f"did you mean '{first.name}'"):
        world.pack({first.name + "x": 1.0})
    with pytest.raises(InputError, match="expected a number"):
        world.pack({first.name: "high"})  # type: ignore[dict-item]
    with pytest.raises(InputError, match="expected names and numbers"):
        world.pack([1, 2])  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError):
        world.pack({1: 2.0})  # type: ignore[dict-item]


@every_world
def test_default_is_a_valid_draw(name: str) -> None:
    world = get_world(name)
    assert world.check(world.pack()).tolist() == [Status.OK]


# ---------------------------------------------------------------------- draws and verdicts


@every_world
def test_draws_are_valid_and_follow_the_generator(name: str) -> None:
    world = get_world(name)
    theta, rejected = world.draw(40, np.random.default_rng(1))
    lower, upper = box(world)
    assert theta.shape == (40, len(world.parameters))
    assert ((theta >= lower) & (theta <= upper)).all()
    assert (world.check(theta) == Status.OK).all()
    assert Status.OK not in rejected
    np.testing.assert_array_equal(theta, world.sample_parameters(40, np.random.default_rng(1)))
    assert world.sample_parameters(0, np.random.default_rng(1)).shape == (0, theta.shape[1])


@every_world
def test_shapes_and_types(name: str) -> None:
    world, theta = world_and_draws(name)
    responses = world.irf(theta, HORIZON)
    assert responses.values.shape == (ROWS, len(world.shocks), HORIZON + 1, 3)
    assert responses.values.dtype == np.float64
    assert responses.status.shape == (ROWS,)
    assert responses.status.dtype == np.int8
    assert np.isfinite(responses.values).all()
    paths = world.simulate(theta, innovations(world))
    assert paths.observables.shape == (ROWS, QUARTERS, 3)
    assert paths.states.shape == (ROWS, QUARTERS, len(world.state_names))
    assert paths.flags.shape == (ROWS, QUARTERS)
    assert paths.flags.dtype == np.int8
    assert np.isfinite(paths.observables).all()
    assert np.isfinite(paths.states).all()
    if world.flag is None:
        assert not paths.flags.any()


@every_world
def test_one_draw_may_be_a_vector(name: str) -> None:
    world, theta = world_and_draws(name)
    np.testing.assert_array_equal(
        world.irf(theta[0], HORIZON).values, world.irf(theta[:1], HORIZON).values
    )
    eps = innovations(world)[:1]
    np.testing.assert_array_equal(
        world.simulate(theta[0], eps[0]).observables, world.simulate(theta[:1], eps).observables
    )


@every_world
def test_a_row_alone_is_the_row_in_its_batch_bit_for_bit(name: str) -> None:
    world, theta = world_and_draws(name)
    eps, uniforms = innovations(world), chain(world)
    batch = world.irf(theta, HORIZON, -2.0).values
    paths = world.simulate(theta, eps, uniforms=uniforms)
    for row in range(ROWS):
        alone = world.irf(theta[row], HORIZON, -2.0).values
        np.testing.assert_array_equal(alone[0], batch[row])
        own = None if uniforms is None else uniforms[row : row + 1]
        path = world.simulate(theta[row], eps[row], uniforms=own)
        np.testing.assert_array_equal(path.observables[0], paths.observables[row])
        np.testing.assert_array_equal(path.states[0], paths.states[row])


@every_world
def test_bad_rows_carry_a_status_and_leave_the_others_alone(name: str) -> None:
    world, theta = world_and_draws(name)
    lower, upper = box(world)
    bad = theta.copy()
    bad[0, 0] = np.nan
    bad[2, -1] = np.inf
    bad[4] = upper + 10.0 * (upper - lower)  # far outside: any verdict but OK, no exception
    eps, uniforms = innovations(world), chain(world)
    for clean, spoilt, status in (
        (
            world.irf(theta, HORIZON).values,
            world.irf(bad, HORIZON).values,
            world.irf(bad, HORIZON).status,
        ),
        (
            world.simulate(theta, eps, uniforms=uniforms).observables,
            world.simulate(bad, eps, uniforms=uniforms).observables,
            world.check(bad),
        ),
    ):
        assert status[[0, 2]].tolist() == [Status.NOT_FINITE] * 2
        assert status[[1, 3]].tolist() == [Status.OK] * 2
        assert status[4] != Status.OK
        assert np.isnan(spoilt[[0, 2]]).all()
        np.testing.assert_array_equal(spoilt[[1, 3]], clean[[1, 3]])


@every_world
def test_rows_outside_the_box_are_solved_and_flagged(name: str) -> None:
    world = get_world(name)
    lower, upper = box(world)
    count = len(world.parameters)
    theta = np.tile(world.pack(), (2 * count, 1))
    step = 0.02 * (upper - lower)
    theta[np.arange(count), np.arange(count)] = upper + step
    theta[count + np.arange(count), np.arange(count)] = lower - step
    responses = world.irf(theta, HORIZON)
    solved = np.array([Status(int(s)).solved for s in responses.status])
    assert (responses.status != Status.OK).all()
    assert (responses.status == Status.OUT_OF_BOUNDS).mean() > 0.5
    np.testing.assert_array_equal(np.isfinite(responses.values).all(axis=(1, 2, 3)), solved)
    np.testing.assert_array_equal(np.isnan(responses.values).all(axis=(1, 2, 3)), ~solved)
    np.testing.assert_array_equal(responses.status, world.check(theta))


@every_world
def test_strict_raises_and_names_the_row(name: str) -> None:
    world, theta = world_and_draws(name)
    bad = theta.copy()
    bad[3, 0] = np.nan
    with pytest.raises(WorldError, match="row 3: NOT_FINITE"):
        world.irf(bad, HORIZON, strict=True)
    with pytest.raises(WorldError, match="row 3: NOT_FINITE"):
        world.simulate(bad, innovations(world), strict=True)
    world.irf(theta, HORIZON, strict=True)


@every_world
def test_wrong_shapes_are_named(name: str) -> None:
    world, theta = world_and_draws(name)
    eps = innovations(world)
    with pytest.raises(InputError, match=f"{len(world.parameters)} parameters"):
        world.irf(theta[:, 1:])
    with pytest.raises(InputError, match="theta: expected numbers"):
        world.irf([["a"] * theta.shape[1]])  # type: ignore[list-item]
    with pytest.raises(InputError, match="horizon"):
        world.irf(theta, -1)
    with pytest.raises(InputError, match="size"):
        world.irf(theta, size=np.ones(len(world.shocks) + 1))
    with pytest.raises(InputError, match="size"):
        world.irf(theta, size=np.nan)
    with pytest.raises(InputError, match="state"):
        world.irf(theta, state=np.zeros(len(world.state_names) + 1))
    with pytest.raises(InputError, match="eps"):
        world.simulate(theta, eps[:, :, 1:])
    with pytest.raises(InputError, match="eps"):
        world.simulate(theta, eps[1:])
    with pytest.raises(InputError, match="uniforms"):
        world.simulate(theta, eps, uniforms=np.zeros((ROWS, QUARTERS + 1)))
    for outside in (1.0, -0.1, np.nan):
        with pytest.raises(InputError, match="uniforms"):
            world.simulate(theta, eps, uniforms=np.full((ROWS, QUARTERS), outside))


@every_world
def test_values_that_are_no_numbers_or_not_finite_are_named(name: str) -> None:
    world, theta = world_and_draws(name)
    eps = innovations(world)
    calls = (
        ("theta: .*pack", lambda: world.irf({"phi_pi": 2.0})),  # type: ignore[arg-type]
        ("horizon", lambda: world.irf(theta, "a")),  # type: ignore[arg-type]
        ("horizon", lambda: world.irf(theta, None)),  # type: ignore[arg-type]
        ("horizon", lambda: world.irf(theta, np.inf)),  # type: ignore[arg-type]
        ("size", lambda: world.irf(theta, size="a")),
        ("size", lambda: world.irf(theta, size=None)),  # type: ignore[arg-type]
        ("size", lambda: world.irf(theta, size=10**400)),
        ("state", lambda: world.irf(theta, state="a")),
        ("state", lambda: world.irf(theta, state=np.full(len(world.state_names), np.nan))),
        ("state", lambda: world.simulate(theta, eps, np.full(len(world.state_names), np.inf))),
        ("eps", lambda: world.simulate(theta, "a")),
        ("eps", lambda: world.simulate(theta, np.full_like(eps, np.nan))),
        ("eps", lambda: world.simulate(theta, np.full_like(eps, np.inf))),
    )
    for argument, call in calls:
        with pytest.raises(InputError, match=f"^{argument}"):
            call()


@every_world
def test_a_solution_of_other_rows_is_refused(name: str) -> None:
    world, theta = world_and_draws(name)
    for solution in (world.solve(theta[:2]), world.solve(np.tile(theta, (2, 1)))):
        with pytest.raises(InputError, match=f"solution: .*{ROWS} rows"):
            world.irf(theta, HORIZON, solution=solution)
        with pytest.raises(InputError, match=f"solution: .*{ROWS} rows"):
            world.simulate(theta, innovations(world), solution=solution)


@every_world
def test_rows_without_a_solution_have_no_flags_and_any_state(name: str) -> None:
    world, theta = world_and_draws(name)
    bad = theta.copy()
    bad[1] = np.nan
    eps = 3.0 * innovations(world)
    paths = world.simulate(bad, eps, uniforms=chain(world))
    assert not paths.flags[1].any()
    assert paths.flags.any() == (world.flag is not None)
    again = world.irf(bad, HORIZON, state=paths.states[:, -1])  # row 1's state is NaN
    assert np.isnan(again.values[1]).all()
    assert np.isfinite(again.values[[0, 2, 3, 4]]).all()


@every_world
def test_absurd_parameters_warn_nobody(name: str) -> None:
    # Warnings are errors here, and a batch with an absurd row must not raise.
    world, theta = world_and_draws(name)
    count = len(world.parameters)
    some = np.arange(0, count, 1 + count // 14)  # rows of large models take the slow road
    bad = np.tile(world.pack(), (2 * len(some) + 2, 1))
    bad[np.arange(len(some)), some] = 1e300
    bad[len(some) + np.arange(len(some)), some] = -1e300
    bad[-2:] = [[1e300], [-1e300]]
    batch = np.concatenate([theta, bad])
    responses = world.irf(batch, HORIZON)
    np.testing.assert_array_equal(responses.values[:ROWS], world.irf(theta, HORIZON).values)
    assert (responses.status[ROWS:] != Status.OK).all()
    world.simulate(batch, innovations(world, rows=len(batch), quarters=4))


# ---------------------------------------------------------------------- responses


@every_world
def test_size_may_differ_by_draw_and_shock(name: str) -> None:
    world, theta = world_and_draws(name)
    sizes = np.random.default_rng(14).uniform(-3.0, 3.0, (ROWS, len(world.shocks)))
    values = world.irf(theta, HORIZON, sizes).values
    for row in range(ROWS):
        for shock in range(len(world.shocks)):
            alone = world.irf(theta[row], HORIZON, sizes[row, shock]).values[0, shock]
            np.testing.assert_array_equal(values[row, shock], alone)


@every_world
def test_no_shock_no_response(name: str) -> None:
    world, theta = world_and_draws(name)
    assert not world.irf(theta, HORIZON, 0.0).values.any()


@linear_worlds
def test_responses_of_linear_worlds_scale_with_the_size_and_ignore_the_state(name: str) -> None:
    world, theta = world_and_draws(name)
    unit = world.irf(theta, HORIZON).values
    # Powers of two scale floating-point numbers exactly.
    np.testing.assert_array_equal(world.irf(theta, HORIZON, -2.0).values, -2.0 * unit)
    # Other sizes round once per operation of the recursion.
    tolerance = 1e-12 * np.abs(unit).max()
    np.testing.assert_allclose(
        world.irf(theta, HORIZON, 3.0).values, 3.0 * unit, rtol=0.0, atol=tolerance
    )
    state = world.simulate(theta, innovations(world)).states[:, -1]
    np.testing.assert_array_equal(world.irf(theta, HORIZON, state=state).values, unit)


@other_worlds
def test_responses_of_other_worlds_depend_on_the_state(name: str) -> None:
    world, theta = world_and_draws(name)
    rest = world.irf(theta, HORIZON, -3.0).values
    state = world.simulate(theta, innovations(world)).states[:, -1]
    assert not np.allclose(world.irf(theta, HORIZON, -3.0, state).values, rest)


@every_world
def test_a_shorter_horizon_is_the_start_of_a_longer_one(name: str) -> None:
    world, theta = world_and_draws(name)
    long = world.irf(theta, 80, -2.0).values
    for horizon in (0, HORIZON):
        np.testing.assert_array_equal(
            world.irf(theta, horizon, -2.0).values, long[:, :, : horizon + 1]
        )


# ---------------------------------------------------------------------- paths


@linear_worlds
def test_paths_of_linear_worlds_are_convolutions_of_responses(name: str) -> None:
    world, theta = world_and_draws(name)
    eps = innovations(world)
    unit = world.irf(theta, QUARTERS - 1).values
    expected = np.zeros((ROWS, QUARTERS, 3))
    for lag in range(QUARTERS):
        expected[:, lag:] += np.einsum("bts,bsv->btv", eps[:, : QUARTERS - lag], unit[:, :, lag])
    scale = np.abs(expected).max()
    observables = world.simulate(theta, eps).observables
    # Two orders of summation over at most 30 quarters and 7 shocks.
    np.testing.assert_allclose(observables, expected, rtol=0.0, atol=1e-11 * scale)


@every_world
def test_a_path_continued_from_its_own_state_is_the_uncut_path(name: str) -> None:
    world, theta = world_and_draws(name)
    eps, uniforms = innovations(world), chain(world)
    whole = world.simulate(theta, eps, uniforms=uniforms)
    cut = 11
    first_u, second_u = (None, None) if uniforms is None else (uniforms[:, :cut], uniforms[:, cut:])
    first = world.simulate(theta, eps[:, :cut], uniforms=first_u)
    second = world.simulate(theta, eps[:, cut:], first.states[:, -1], uniforms=second_u)
    for part in ("observables", "states", "flags"):
        joined = np.concatenate([getattr(first, part), getattr(second, part)], axis=1)
        np.testing.assert_array_equal(joined, getattr(whole, part))


@worlds_without_chance
@pytest.mark.parametrize("from_rest", [True, False])
def test_responses_are_differences_of_paths(name: str, from_rest: bool) -> None:
    world, theta = world_and_draws(name)
    eps = innovations(world)
    state = None if from_rest else world.simulate(theta, eps).states[:, -1]
    for size in (1.0, -2.5):
        values = world.irf(theta, HORIZON, size, state).values
        quiet = np.zeros((ROWS, HORIZON + 1, len(world.shocks)))
        baseline = world.simulate(theta, quiet, state).observables
        for shock in range(len(world.shocks)):
            shocked = quiet.copy()
            shocked[:, 0, shock] = size
            difference = world.simulate(theta, shocked, state).observables - baseline
            # A difference of two paths loses the digits they share.
            scale = max(np.abs(baseline).max(), np.abs(values).max())
            np.testing.assert_allclose(values[:, shock], difference, rtol=0.0, atol=1e-10 * scale)


# ---------------------------------------------------------------------- the whole box


@every_world
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_anywhere_in_the_box_there_is_a_verdict_and_it_is_kept(
    name: str, data: st.DataObject
) -> None:
    world = get_world(name)
    lower, upper = box(world)
    position = data.draw(
        arrays(
            np.float64,
            (3, len(world.parameters)),
            elements=st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0.0, 1.0)),
        )
    )
    theta = np.minimum(lower + position * (upper - lower), upper)
    responses = world.irf(theta, 8)
    paths = world.simulate(theta, innovations(world, rows=3, quarters=6))
    np.testing.assert_array_equal(responses.status, paths.status)
    for row in range(3):
        verdict = Status(int(responses.status[row]))
        assert verdict not in (Status.OUT_OF_BOUNDS, Status.NOT_FINITE)
        for values in (responses.values[row], paths.observables[row], paths.states[row]):
            assert np.isfinite(values).all() if verdict.solved else np.isnan(values).all()


@every_world
@pytest.mark.integration
def test_worlds_run_without_torch(name: str) -> None:
    code = (
        "import sys; from emulator import get_world; "
        f"world = get_world({name!r}); world.irf(world.pack(), 2); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
