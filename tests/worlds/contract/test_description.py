"""A world's description: names, priors, restrictions, defaults."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from emulator import get_world
from emulator.errors import InputError, UnknownNameError
from emulator.specs import OBSERVABLE_NAMES, WorldSpec
from emulator.worlds import Status
from emulator.worlds.priors import quantiles
from tests.worlds.contract.draws import (
    chain,
    every_world,
    innovations,
    world_and_draws,
    worlds_with_floors,
)

pytestmark = pytest.mark.fast


@every_world
def test_spec_survives_json(name: str) -> None:
    spec = get_world(name).spec
    assert WorldSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    # What was written before worlds were drawn by siblings has no word on them, and keeps its hash.
    assert ("siblings" in spec.to_dict()) == (spec.siblings > 1) == bool(get_world(name).dear)


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


@worlds_with_floors
def test_no_path_falls_below_a_floor(name: str) -> None:
    world, theta = world_and_draws(name)
    paths = world.simulate(theta, 3.0 * innovations(world), uniforms=chain(world)).observables
    for observable, parameter in world.floors:
        lowest = paths[:, :, OBSERVABLE_NAMES.index(observable)].min(axis=1)
        floor = -theta[:, world.parameter_names.index(parameter)]
        assert (lowest >= floor).all()
        assert (lowest == floor).any()  # it is reached, so no other would do


@every_world
def test_priors_and_restrictions_are_stated(name: str) -> None:
    world = get_world(name)
    rows = 5 if world.dear else 500
    theta = world.from_uniforms(np.random.default_rng(1).random((rows, len(world.parameters))))
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
    assert {observable for observable, _ in world.floors} <= set(OBSERVABLE_NAMES)
    assert {parameter for _, parameter in world.floors} <= set(world.parameter_names)
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
