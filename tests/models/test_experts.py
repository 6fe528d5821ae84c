"""Experts: the part of a block that belongs to one world."""

from __future__ import annotations

import pytest
import torch

from emulator.models.blocks import Experts
from emulator.models.universal import UniversalConfig
from emulator.regimes import Regime, build_inputs
from tests.specs import LARGE, SPECS, sample

pytestmark = pytest.mark.fast

UNIVERSAL = UniversalConfig(hidden_dim=16, world_embed_dim=4, param_embed_dim=8, poles=4)


def test_a_world_teaches_its_own_experts_alone() -> None:
    torch.manual_seed(0)
    model = UNIVERSAL.build(SPECS, 10)
    model(build_inputs(sample(LARGE), LARGE, Regime.A)).square().mean().backward()
    experts = [m for m in model.modules() if isinstance(m, Experts)]
    assert len(experts) == UNIVERSAL.blocks + UNIVERSAL.shock_blocks
    for found in experts:
        assert all(p.grad.any() for p in found.worlds["large"].parameters())
        assert all(p.grad is None for p in found.worlds["small"].parameters())


def test_without_experts_worlds_share_every_block() -> None:
    model = UNIVERSAL.model_copy(update={"expert_dim": 0}).build(SPECS, 10)
    assert not any(isinstance(m, Experts) for m in model.modules())
    inputs = build_inputs(sample(LARGE), LARGE, Regime.A)
    assert model(inputs).shape == (len(inputs), 3, 11, 3)
