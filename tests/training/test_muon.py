"""Muon: what it promises of one step."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from emulator.models.universal import UniversalConfig
from emulator.training.config import TrainingConfig
from emulator.training.muon import Muon, groups, orthogonal
from emulator.training.optimisation import optimiser_and_schedule
from tests.specs import SPECS

pytestmark = pytest.mark.fast


@pytest.mark.parametrize("shape", [(6, 6), (4, 12), (12, 4)])
def test_an_orthogonalised_matrix_keeps_its_directions_and_evens_out_its_scales(shape) -> None:
    torch.manual_seed(0)
    u, _, v = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    scales = torch.logspace(0, -1.9, min(shape))
    out = orthogonal(u * scales @ v)
    values = torch.linalg.svdvals(out)
    assert values.min() > 0.72  # what the docstring promises
    assert values.max() < 1.28
    inner = u.mT @ out @ v.mT
    assert (inner - torch.diag(inner.diagonal())).abs().max() < 1e-4


def test_matrices_of_any_size_stay_finite() -> None:
    """Momentum decays through every size where a parameter's gradient has become zero."""
    torch.manual_seed(0)
    matrix = torch.randn(64, 64)
    for exponent in range(-44, 19):
        out = orthogonal(matrix * 10.0**exponent)
        assert torch.isfinite(out).all(), exponent
        assert torch.linalg.svdvals(out).max() < 1.28, exponent


def test_only_matrices_between_layers_are_orthogonalised() -> None:
    model = nn.ModuleDict({"table": nn.Embedding(3, 4), "layer": nn.Linear(4, 5)})
    inner, rest = groups(model, 0.1)
    assert [p.shape for p in inner["params"]] == [(5, 4)]
    assert {tuple(p.shape) for p in rest["params"]} == {(3, 4), (5,)}
    assert inner["weight_decay"] == 0.1
    assert rest["weight_decay"] == 0.0


def test_the_universal_models_tables_are_left_to_adam() -> None:
    model = UniversalConfig(hidden_dim=16, world_embed_dim=4, param_embed_dim=8, poles=4).build(
        SPECS, 10
    )
    inner = {id(p) for p in groups(model, 0.1)[0]["params"]}
    tables = [
        n for n, p in model.named_parameters() if n.endswith("table.weight") and id(p) in inner
    ]
    assert not tables
    layers = {n for n, p in model.named_parameters() if id(p) in inner}
    assert {
        f"pathways.from_data.{name}.weight" for name in ("trunk.0.up", "modal.residue")
    } <= layers
    # Those of recurrences begin so (weight_ih_l0), those of attention end so (in_proj_weight).
    last = {n.rpartition(".")[2] for n in layers}
    assert all(n.startswith("weight") or n.endswith("_weight") for n in last)


def test_adamw_is_there_too_and_decays_matrices_only() -> None:
    model = UniversalConfig(hidden_dim=16, world_embed_dim=4, param_embed_dim=8, poles=4).build(
        SPECS, 10
    )
    settings = TrainingConfig(optimizer="adamw", weight_decay=0.2)
    optimiser, _ = optimiser_and_schedule(model, settings, 10)
    assert isinstance(optimiser, torch.optim.AdamW)
    for group in optimiser.param_groups:
        assert all((p.ndim >= 2) == (group["weight_decay"] == 0.2) for p in group["params"])


def test_a_step_changes_entries_by_the_rate() -> None:
    torch.manual_seed(0)
    model = nn.Linear(40, 30)
    before = model.weight.detach().clone(), model.bias.detach().clone()
    optimiser = Muon(groups(model, 0.0), lr=0.01, weight_decay=0.0)
    model(torch.randn(64, 40)).square().sum().backward()
    optimiser.step()
    moved = (model.weight - before[0]).square().mean().sqrt()
    assert 0.006 < moved < 0.012  # a matrix: the rate times singular values of .7 to 1.2
    torch.testing.assert_close((model.bias - before[1]).abs(), torch.full((30,), 0.01))  # Adam


def test_it_solves_a_badly_scaled_regression_that_adam_does_not_in_as_many_steps() -> None:
    torch.manual_seed(0)
    x = torch.randn(512, 20) * torch.logspace(0, -2, 20)
    y = x @ torch.randn(20, 10)

    def loss_after(muon: bool) -> float:
        layer = nn.Linear(20, 10)
        nn.init.zeros_(layer.weight)
        optimiser: torch.optim.Optimizer = (
            Muon(groups(layer, 0.0), 0.02, 0.0)
            if muon
            else torch.optim.AdamW(layer.parameters(), 0.02)
        )
        for step in range(200):
            for group in optimiser.param_groups:
                group["lr"] = 0.02 * (1.0 - step / 200)
            optimiser.zero_grad()
            loss = (layer(x) - y).square().mean()
            loss.backward()
            optimiser.step()
        return loss.item()

    assert loss_after(True) < 0.5 * loss_after(False)
