"""Sizes of shocks, and one shock asked for alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import emulator
from emulator.models.baselines.mlp import MLPConfig
from emulator.models.universal import UniversalConfig
from tests.conftest import TINY_MODEL
from tests.inference.histories import random_walk

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def state_dependent_weights() -> emulator.Emulator:
    """Weights of a linear and a nonlinear world, never trained, none of them zero."""
    specs = [emulator.get_world(name).spec for name in ("nk", "zlb")]
    made = UniversalConfig.model_validate(TINY_MODEL).build(specs, 20)
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for part in made.parameters():
            part.add_(0.05 * torch.randn(part.shape, generator=rng))
    return emulator.Emulator(made, {"regime": "all"})


def test_the_response_is_to_the_whole_shock(model: emulator.Emulator) -> None:
    one, minus_two = (model.irf("nk", shock="demand", size=s) for s in (1.0, -2.0))
    np.testing.assert_allclose(minus_two, -2.0 * one, rtol=1e-6)
    assert minus_two.attrs["size"] == -2.0


@pytest.mark.parametrize("world", ["nk", "zlb"])
@pytest.mark.parametrize(
    ("theta", "history", "state_dependent"),
    [(True, False, False), (True, True, True), (False, True, False), (False, True, True)],
)
def test_one_shock_alone_is_that_shock_among_all(
    state_dependent_weights: emulator.Emulator, world: str, theta: bool, history: bool,
    state_dependent: bool,
) -> None:  # fmt: skip
    economy = emulator.get_world(world)
    given: dict[str, Any] = {
        "theta": economy.sample_parameters(20, np.random.default_rng(0)) if theta else None,
        "history": random_walk(60, 20) if history else None,
        "state_dependent": state_dependent, "size": -1.5, "horizon": 20,
    }  # fmt: skip
    model = state_dependent_weights
    for bands in (False, True):
        every = model.respond(world, **given, bands=bands).values
        for k, shock in enumerate(economy.shock_names):
            alone = model.respond(world, **given, bands=bands, shock=shock).values
            # A batch of another size may round differently: float32 products, of order ten.
            np.testing.assert_allclose(alone[:, 0], every[:, k], rtol=1e-6, atol=1e-5)


def test_one_shock_of_a_model_that_mixes_sizes_is_answered_among_all(
    state_dependent_weights: emulator.Emulator,
) -> None:
    specs = list(state_dependent_weights.model.specs.values())
    torch.manual_seed(0)
    mixing = MLPConfig(hidden_dim=8).build(specs, 12)
    plain = emulator.Emulator(mixing, state_dependent_weights.provenance)
    every = plain.respond("zlb", size=2.0, horizon=12).values
    alone = plain.respond("zlb", size=2.0, horizon=12, shock="demand").values
    np.testing.assert_array_equal(alone[:, 0], every[:, 1])
