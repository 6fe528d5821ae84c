"""Standard errors of what is measured over draws."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from emulator.adapt.draws import Draws
from emulator.adapt.measured import group_of, standard_error
from emulator.worlds import get_world
from emulator.worlds.hank import HeterogeneousAgents

pytestmark = pytest.mark.fast


def _draws(theta: np.ndarray) -> Draws:
    rest = torch.zeros(len(theta), 1), torch.zeros(len(theta), 1, 2, 3)
    return Draws(torch.as_tensor(theta, dtype=torch.float32), *rest)


def test_siblings_that_err_alike_count_as_one() -> None:
    errors = torch.rand(30, generator=torch.Generator().manual_seed(0)).double()
    alone = standard_error(errors, torch.arange(30))
    assert alone == pytest.approx(float(errors.std() / np.sqrt(30)))
    group = torch.arange(30).repeat_interleave(10)
    assert standard_error(errors.repeat_interleave(10), group) == pytest.approx(alone)


def test_it_is_how_far_means_of_groups_of_any_size_spread() -> None:
    rng = np.random.default_rng(1)
    means, stated = [], []
    for _ in range(400):
        sizes = rng.integers(1, 12, 40)
        group = torch.as_tensor(np.repeat(np.arange(40), sizes))
        errors = rng.normal(size=40)[group] + 0.5 * rng.normal(size=len(group))
        means.append(errors.mean())
        stated.append(standard_error(torch.as_tensor(errors), group))
    # The s.d. of 400 means is known to 3.5 %: three standard errors and a little.
    assert np.mean(stated) == pytest.approx(np.std(means), rel=0.12)


@pytest.mark.parametrize("world", [HeterogeneousAgents(), get_world("nk")], ids=lambda w: w.name)
def test_draws_are_grouped_by_what_is_dear_to_solve(world: Any) -> None:
    theta = world.from_uniforms(np.random.default_rng(0).random((12, len(world.parameters))))
    dear = [world.parameter_names.index(name) for name in world.dear]
    theta[:, dear] = theta[[0] * 5 + [5] * 7][:, dear]
    group = group_of(_draws(theta), SimpleNamespace(world=world))  # type: ignore[arg-type]
    assert len(set(group.tolist())) == (2 if world.dear else 12)
    assert len(set(group[:5].tolist())) == (1 if world.dear else 5)
