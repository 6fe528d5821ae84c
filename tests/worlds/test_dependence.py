"""What moves what, against what the equations say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from emulator.data.schema import fingerprint
from emulator.specs import WorldSpec
from emulator.worlds import get_world
from emulator.worlds.dependence import dependence, described
from tests.specs import SMALL

pytestmark = pytest.mark.fast


def test_a_shocks_response_is_moved_by_its_own_persistence_and_by_no_s_d() -> None:
    """In nk every shock has an autoregression of its own, and the rest is common."""
    world = get_world("nk")
    found = dependence(world)
    common = {"beta", "sigma", "kappa", "phi_pi", "phi_y", "rho_i"}
    for shock, own, moved in zip(
        "mau", ("rho_m", "rho_a", "rho_u"), found.parameters.T, strict=True
    ):
        names = {n for n, moves in zip(world.parameter_names, moved, strict=True) if moves}
        assert names == common | {own}, shock
    assert not found.size.any()


def test_output_is_real_in_rbc_so_that_policy_moves_inflation_alone() -> None:
    """What moves a monetary shock's response there is the rule and its own persistence."""
    world = get_world("rbc")
    moved = dependence(world).parameters[:, world.shock_names.index("monetary")]
    names = {n for n, moves in zip(world.parameter_names, moved, strict=True) if moves}
    assert names == {"phi_pi", "rho_m"}


def test_where_a_bound_binds_the_size_moves_responses_and_so_does_the_own_s_d() -> None:
    world = get_world("zlb")
    found = dependence(world, draws=12)
    assert found.size.all()
    own = [world.parameter_names.index(f"sigma_{k}") for k in "mau"]
    assert np.array_equal(found.parameters[own], np.eye(3, dtype=bool))
    assert found.parameters[world.parameter_names.index("r_ss")].all()


def test_the_table_is_the_same_each_time_and_travels_with_the_description() -> None:
    spec = described(get_world("nk"))
    assert spec == described(get_world("nk"))
    assert WorldSpec.from_dict(spec.to_dict()) == spec
    assert np.array_equal(spec.moves, dependence(get_world("nk")).parameters)
    # It follows from the world: data sets drawn before it was known are of the same world.
    assert fingerprint(spec) == fingerprint(get_world("nk").spec)


def test_a_table_of_other_sizes_and_a_floor_without_a_parameter_are_refused() -> None:
    with pytest.raises(ValueError, match="moves is not of its parameters and shocks"):
        replace(SMALL, moves=((True, True),))
    with pytest.raises(ValueError, match="size_moves"):
        replace(SMALL, size_moves=(True,))
    with pytest.raises(ValueError, match="no such floor, rate at nothing"):
        replace(SMALL, floors=(("rate", "nothing"),))


def test_a_world_declared_recursive_is_so_in_every_draw() -> None:
    world = get_world("lss")
    assert world.spec.recursive
    impact = world.irf(world.sample_parameters(20, np.random.default_rng(0)), 0).values[:, :, 0]
    assert not np.tril(impact, -1).any()  # (S, V): shock j leaves those before it
    assert (np.diagonal(impact, axis1=1, axis2=2) > 0.0).all()
