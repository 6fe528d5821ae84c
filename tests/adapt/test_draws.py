"""Draws for a network of one's own: valid, of one prior, by their number alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from emulator.adapt.draws import ASKED, BLOCK, Draws, ResponseStore, Supply, draw, of_prior
from emulator.errors import InputError
from emulator.limits import MAX_SIZE, MIN_SIZE
from emulator.worlds import get_world
from emulator.worlds.base import Status
from emulator.worlds.nk import NewKeynesian

pytestmark = pytest.mark.fast


def test_draws_are_valid_and_their_responses_are_the_worlds() -> None:
    world = get_world("nk")
    draws = draw(world, 1, "train", 0, 12, 50)
    theta = draws.theta.double().numpy()
    assert (world.check(theta) <= Status.OUT_OF_BOUNDS).all()  # of single precision
    size = draws.size.abs()
    assert ((size >= MIN_SIZE) & (size <= MAX_SIZE)).all()
    exact = world.irf(theta, 12).values
    np.testing.assert_allclose(draws.responses.numpy(), exact, rtol=1e-3, atol=1e-5)


def test_a_block_is_a_function_of_its_number() -> None:
    store = ResponseStore(get_world("rbc"), 1, 4, None)
    some = store.some("train", BLOCK + 10)
    assert torch.equal(some.theta[BLOCK:], store.block("train", 1).theta[:10])
    for other in (
        store.block("validation", 0),
        ResponseStore(store.world, 2, 4, None).block("train", 0),
    ):
        own = of_prior(store.world, other)
        assert not torch.isin(own.theta, some.theta).all(dim=1).any()


def test_a_world_that_is_drawn_by_siblings_has_what_is_dear_in_common() -> None:
    class Dear(NewKeynesian):
        dear = ("kappa",)
        siblings = 5

    draws = draw(Dear(), 1, "test", 0, 4, 20)
    column = Dear().parameter_names.index("kappa")
    groups = draws.theta[:, column].view(4, 5)
    assert (groups == groups[:, :1]).all()
    assert len(draws.theta[:, column].unique()) == 4
    assert len(draws.theta[:, 0].unique()) == 20
    # Blocks of three groups, of which no fourth is there to be chosen.
    asked = torch.cat([draw(Dear(), 1, "train", k, 4, 15).theta for k in range(40)])
    groups = asked[:, column].view(120, 5)
    assert (groups == groups[:, :1]).all()
    at_default = asked == torch.as_tensor(Dear().pack(), dtype=torch.float32)
    # Two standard errors of 120 groups.
    assert at_default.any(dim=1).float().mean() * ASKED == pytest.approx(0.95, abs=0.32)


def test_some_training_draws_are_as_users_ask() -> None:
    world = get_world("nk")
    default = torch.as_tensor(world.pack(), dtype=torch.float32)
    draws = draw(world, 1, "train", 0, 4, 1600)
    kept = (draws.theta == default).sum(dim=1)
    some = kept > 0
    # A few have not one at the default.
    assert some.float().mean() * ASKED == pytest.approx(0.95, abs=0.12)
    assert kept[some].float().mean() == pytest.approx(len(default) / 2, rel=0.15)
    assert len(of_prior(world, draws)) == 1600 - int(some.sum())
    for part in ("validation", "test"):
        assert (draw(world, 1, part, 0, 4, 100).theta != default).all()


def test_a_prior_without_solutions_is_refused() -> None:
    class Barren(NewKeynesian):
        def solve(self, theta):  # type: ignore[no-untyped-def, override]
            solution = super().solve(theta)
            return solution._replace(status=np.full(len(theta), Status.INDETERMINATE, np.int8))

    with pytest.raises(InputError, match=r"0 of \d+ draws have a solution"):
        draw(Barren(), 1, "train", 0, 4, 20)


def test_few_draws_of_a_prior_that_is_mostly_valid_are_found() -> None:
    class Mostly(NewKeynesian):
        def solve(self, theta):  # type: ignore[no-untyped-def, override]
            solution = super().solve(theta)
            odd = np.arange(len(theta)) % 8 == 7
            return solution._replace(
                status=np.where(odd, solution.status, Status.INDETERMINATE).astype(np.int8)
            )

    assert len(draw(Mostly(), 1, "train", 0, 4, 1)) == 1


def _numbered(first: int, count: int) -> Draws:
    numbers = torch.arange(first, first + count, dtype=torch.float32)[:, None]
    return Draws(numbers, numbers, numbers[:, None, None].expand(-1, 1, 1, 3))


@pytest.mark.parametrize("times", [1, 3])
def test_each_chapter_is_gone_through_so_many_times(times: int) -> None:
    supply = Supply(lambda k: _numbered(10 * k, 10), 10, times, seed=1)
    seen = torch.cat([supply.rows(k, 7).theta[:, 0] for k in range(0, 20 * times + 1, 7)])
    counts = torch.bincount(seen[: 20 * times].long())
    assert (counts == times).all()
    assert len(counts) == 20
    first = supply.rows(0, 10).theta[:, 0]
    assert torch.equal(first, seen[:10])  # from any place again
    assert not torch.equal(first, first.sort().values)


def test_a_fixed_set_comes_in_a_new_order_each_time() -> None:
    supply = Supply(lambda k: _numbered(0, 10), 10, None, seed=1)
    rounds = supply.rows(0, 30).theta[:, 0].view(3, 10)
    assert (rounds.sort(dim=1).values == torch.arange(10.0)).all()
    assert not torch.equal(rounds[0], rounds[1])
    assert supply.drawn == 10
