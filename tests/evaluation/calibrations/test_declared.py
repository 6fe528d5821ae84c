"""Calibrations that are declared: within bounds, solved, and as their sources have them."""

from __future__ import annotations

import pytest

from emulator.errors import InputError, UnknownNameError
from emulator.evaluation.calibrations.declared import (
    CUSTOMARY,
    Calibration,
    customary,
    default,
    edges,
)
from emulator.worlds import get_world, list_worlds

pytestmark = pytest.mark.fast

SPECS = [get_world(name).spec for name in list_worlds()]


def test_every_one_lies_in_the_prior_of_its_world_and_names_its_source() -> None:
    for calibration in CUSTOMARY:
        world = get_world(calibration.world)
        assert world.check([calibration.theta(world.spec)]).tolist() == [0], calibration
        assert calibration.source
    assert len({(c.world, c.name) for c in CUSTOMARY}) == len(CUSTOMARY)


def test_galis_slope_of_the_phillips_curve_follows_from_his_parameters() -> None:
    (gali,) = [c for c in CUSTOMARY if c.name == "Gali"]
    beta, sigma, phi, alpha, eps, calvo = 0.99, 1.0, 5.0, 0.25, 9.0, 0.75
    slope = (1 - calvo) * (1 - beta * calvo) / calvo * (1 - alpha) / (1 - alpha + alpha * eps)
    kappa = slope * (sigma + (phi + alpha) / (1 - alpha))
    assert gali.values["kappa"] == pytest.approx(kappa, abs=5e-5)


def test_what_is_not_said_is_the_default_and_what_is_wrong_is_refused() -> None:
    spec = get_world("nk").spec
    theta = Calibration("nk", "mine", {"rho_i": 0.0}).theta(spec)
    assert theta == list(get_world("nk").pack({"rho_i": 0.0}))
    with pytest.raises(InputError, match=r"'mine' of nk: expected rho_i within \[0, 0.9\], got 1"):
        Calibration("nk", "mine", {"rho_i": 1.0}).theta(spec)
    with pytest.raises(UnknownNameError, match="rho_i"):
        Calibration("nk", "mine", {"rho_ii": 0.5}).theta(spec)


def test_edges_move_one_parameter_to_each_end() -> None:
    spec = get_world("nk").spec
    found = list(edges(spec))
    assert len(found) == 2 * len(spec.parameters)
    rest = default(spec).theta(spec)
    for edge in found:
        ((name, value),) = edge.values.items()
        place = spec.parameter_names.index(name)
        assert value in (spec.parameters[place].lower, spec.parameters[place].upper)
        theta = edge.theta(spec)
        assert edge.parameter == name
        assert theta[:place] + theta[place + 1 :] == rest[:place] + rest[place + 1 :]


def test_every_world_has_its_default_once() -> None:
    found = customary(SPECS)
    for spec in SPECS:
        rest = default(spec).theta(spec)
        alike = [c.name for c in found if c.world == spec.name and c.theta(spec) == rest]
        assert len(alike) == 1, alike
    assert [c for c in found if c.source != default(SPECS[0]).source] == list(CUSTOMARY)
