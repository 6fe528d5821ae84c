"""Reach: how far from its training rows a block may go."""

from __future__ import annotations

import pytest
import torch

from emulator.models.blocks import MARGIN, Block, Reach, Segment
from emulator.models.universal import UniversalConfig
from emulator.regimes import Inputs, Regime, build_inputs
from tests.specs import LARGE, SMALL, SPECS, sample

pytestmark = pytest.mark.fast

UNIVERSAL = UniversalConfig(hidden_dim=16, world_embed_dim=4, param_embed_dim=8, poles=4)


def test_added_parts_stay_within_a_quarter_of_the_range_of_rows() -> None:
    reach = Reach(2, ["small", "large"]).eval()
    rows = torch.tensor([[0.0, -1.0], [4.0, 1.0], [2.0, 0.0]])
    with Reach.measured(reach):
        for row in rows[:, None]:  # whatever the batches
            assert torch.equal(reach(row, [Segment("small", 1)]), row)
    wide = torch.tensor([[-9.0, -9.0], [9.0, 9.0], [2.0, 0.5]])
    held = torch.tensor([[-4.0 * MARGIN, -1.0 - 2.0 * MARGIN], [4.0 + 4.0 * MARGIN, 1.5], [2, 0.5]])
    assert torch.equal(reach(wide, [Segment("small", 3)]), held)
    assert torch.equal(reach(wide, [Segment("large", 3)]), wide)  # has shown no rows
    both = reach(torch.cat([wide, wide]), [Segment("large", 3), Segment("small", 3)])
    assert torch.equal(both, torch.cat([wide, held]))
    assert torch.equal(reach.train()(wide, [Segment("small", 3)]), wide)


def test_an_interrupted_measurement_changes_nothing() -> None:
    reach = Reach(2, ["small"]).eval()

    def show(*widths: int) -> None:
        with Reach.measured(reach):
            for width in widths:
                reach(torch.ones(1, width), [Segment("small", 1)])

    with pytest.raises(RuntimeError, match="size of tensor"):
        show(2, 3)  # the second does not fit the first
    assert torch.equal(reach(torch.ones(1, 2), [Segment("small", 1)]), torch.ones(1, 2))


def test_what_blocks_add_far_away_is_bounded_by_what_rows_showed() -> None:
    torch.manual_seed(0)
    block = Block(16, 4, ["small"], expert=8).eval()
    condition, here = torch.zeros(1, 4), [Segment("small", 200)]
    rows = torch.randn(200, 16)
    with torch.no_grad(), Reach.measured(block):
        near = block(rows, condition, segments=here) - rows
    with torch.no_grad():
        assert torch.allclose(block(rows, condition, segments=here) - rows, near, atol=1e-6)
        far = 1e4 * rows
        added = block(far, condition, segments=here) - far
    assert block.reach is not None
    assert block.experts is not None
    parts = (block.reach, block.experts.reach)
    highest, lowest = sum(part.highest[0] for part in parts), sum(part.lowest[0] for part in parts)
    rounding = 1e-6 * far.abs().max()
    assert (added <= highest + rounding).all()
    assert (added >= lowest - rounding).all()
    assert torch.isclose(added, highest, atol=rounding).any()


def _asked() -> list[Inputs]:
    large = build_inputs(sample(LARGE), LARGE, Regime.A)
    return [large, build_inputs(sample(LARGE), LARGE, Regime.B1)]


def test_a_model_measures_the_worlds_it_is_shown() -> None:
    torch.manual_seed(0)
    model = UNIVERSAL.build(SPECS, 10)
    answers = [model.eval()(inputs) for inputs in _asked()]
    model.measure(_asked())
    reaches = [module for module in model.modules() if isinstance(module, Reach)]
    assert len(reaches) == 2 * (UNIVERSAL.blocks + UNIVERSAL.shock_blocks)
    for reach in reaches:
        row = reach.rows["large"]
        assert torch.isfinite(reach.lowest[row]).all()
        assert torch.isfinite(reach.highest[row]).all()
        assert torch.isinf(reach.lowest[reach.rows["small"]]).all()
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
