"""What a world cannot use is refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.errors import InputError, WorldError
from tests.worlds.contract.draws import (
    HORIZON,
    QUARTERS,
    ROWS,
    every_world,
    innovations,
    world_and_draws,
)

pytestmark = pytest.mark.fast


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
