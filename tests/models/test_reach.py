"""Reach: how far from its training rows a layer may go."""

from __future__ import annotations

import pytest
import torch

from emulator.models.gated import MARGIN, Gated, Reach
from emulator.models.universal import UniversalConfig
from emulator.regimes import Inputs, Regime, Task, build_inputs
from tests.specs import LARGE, SMALL, SPECS, sample

pytestmark = pytest.mark.fast

UNIVERSAL = UniversalConfig(
    hidden_dim=16, world_embed_dim=4, param_embed_dim=8, poles=4, group_width=8, trunk_width=16
)


def test_layers_stay_within_a_quarter_of_the_range_of_rows() -> None:
    reach = Reach(1, 2).eval()
    rows = torch.tensor([[[0.0, -1.0], [4.0, 1.0], [2.0, 0.0]]])
    wide = torch.tensor([[[-9.0, -9.0], [9.0, 9.0], [2.0, 0.5]]])
    assert torch.equal(reach(wide), wide)  # has seen no rows
    with Reach.measured(reach):
        for row in rows.split(1, dim=1):  # whatever the batches
            assert torch.equal(reach(row), row)
    held = [[-4.0 * MARGIN, -1.0 - 2.0 * MARGIN], [4.0 + 4.0 * MARGIN, 1.5], [2, 0.5]]
    assert torch.equal(reach(wide), torch.tensor([held]))
    assert torch.equal(reach.train()(wide), wide)


def test_an_interrupted_measurement_changes_nothing() -> None:
    reach = Reach(1, 2).eval()

    def show() -> None:
        with Reach.measured(reach):
            reach(torch.ones(1, 1, 2))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        show()
    assert torch.equal(reach(3.0 * torch.ones(1, 1, 2)), 3.0 * torch.ones(1, 1, 2))


@pytest.mark.parametrize("residual", [True, False])
def test_what_layers_give_far_away_is_bounded_by_what_rows_showed(residual: bool) -> None:
    torch.manual_seed(0)
    layers = Gated(2, 5, 16, 3, residual=residual).eval()
    rows = torch.randn(2, 200, 5)
    with torch.no_grad(), Reach.measured(layers):
        near = layers(rows)
    with torch.no_grad():
        assert torch.equal(layers(rows), near)
        far = layers(1e4 * rows)
        first = 0.0 if layers.first is None else layers.first(1e4 * rows)
    highest = sum(r.highest for r in layers.reach) if residual else layers.reach[-1].highest
    lowest = sum(r.lowest for r in layers.reach) if residual else layers.reach[-1].lowest
    rounding = 1e-6 * far.abs().max()
    assert (far - first <= highest + rounding).all()
    assert (far - first >= lowest - rounding).all()


def _asked() -> list[Inputs]:
    large = build_inputs(sample(LARGE), LARGE, Regime.A)
    state = build_inputs(sample(LARGE), LARGE, Regime.C, Task.state_dependent)
    return [large, state, build_inputs(sample(LARGE), LARGE, Regime.B1)]


def test_a_model_measures_the_worlds_it_is_shown() -> None:
    torch.manual_seed(0)
    model = UNIVERSAL.build(SPECS, 10)
    answers = [model.eval()(inputs) for inputs in _asked()]
    model.measure(_asked())
    networks = model.pathways["from_parameters"]
    for world, finite in (("large", True), ("small", False)):
        reaches = [m for m in networks[world].modules() if isinstance(m, Reach)]
        assert reaches
        for reach in reaches:
            assert torch.isfinite(reach.lowest).all() == finite
            assert torch.isfinite(reach.highest).all() == finite
    for inputs, answer in zip(_asked(), answers, strict=True):
        assert torch.equal(model(inputs), answer)  # rows that were seen are answered as before
    small = build_inputs(sample(SMALL), SMALL, Regime.A)
    assert torch.isfinite(model(small)).all()


def test_ranges_travel_with_the_weights() -> None:
    torch.manual_seed(0)
    model = UNIVERSAL.build(SPECS, 10)
    model.measure(_asked())
    other = UNIVERSAL.build(SPECS, 10)
    other.load_state_dict(model.state_dict())
    found = [m for m in other.modules() if isinstance(m, Reach)]
    for ours, theirs in zip(
        (m for m in model.modules() if isinstance(m, Reach)), found, strict=True
    ):
        assert torch.equal(ours.lowest, theirs.lowest)
        assert torch.equal(ours.highest, theirs.highest)
