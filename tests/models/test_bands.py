"""Bands that hold what they say, whatever a network made of them."""

from __future__ import annotations

import pytest
import torch

from emulator.models.bands import FEWEST, INSIDE, LENGTHS, SPANS, BandWidths
from emulator.models.universal import UniversalConfig
from emulator.regimes import Inputs, Regime, Task, build_inputs
from tests.specs import LARGE, SMALL, SPECS, sample

pytestmark = pytest.mark.fast

POINTS = 9


def _bands(inputs: Inputs, width: float, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Quantiles whose outer ones are `width` from their median, below, and twice that above, and
    normal errors of unit s.d. around it."""
    generator = torch.Generator().manual_seed(seed)
    shape = (len(inputs), len(inputs.shocks), POINTS, 3)
    median = torch.randn(shape, generator=generator)
    distances = width * torch.tensor([-1.0, -0.4, 0.0, 0.8, 2.0])
    return median[..., None] + distances, median + torch.randn(shape, generator=generator)


def _off(quantiles: torch.Tensor, truth: torch.Tensor) -> float:
    """How far the share of answers in a band is from what it says, at most, over bands, shocks and
    observables."""
    shares = []
    for k, share in enumerate(INSIDE):
        within = (quantiles[..., k] <= truth) & (truth <= quantiles[..., -1 - k])
        shares.append((within.float().mean(dim=(0, 2)) - share).abs().max())
    return float(max(shares))


@pytest.mark.parametrize("width", [0.05, 1.0, 40.0])
def test_bands_hold_their_share_whatever_the_width_was(width: float) -> None:
    widths, scores = BandWidths(SPECS), BandWidths.scores()
    for seed in range(3):  # in batches
        inputs = build_inputs(sample(LARGE, 400), LARGE, Regime.A)
        quantiles, truth = _bands(inputs, width, seed)
        widths.see(scores, inputs, quantiles, truth)
    widths.settle(scores)
    inputs = build_inputs(sample(LARGE, 2000), LARGE, Regime.A)
    quantiles, truth = _bands(inputs, width, seed=9)
    out = widths(quantiles, inputs)
    assert _off(out, truth) < 0.02
    assert torch.equal(out[..., 2], quantiles[..., 2])
    assert (out.diff(dim=-1) > 0).all()
    # What else is asked keeps its bands: from a state, from data, of another world.
    others = [
        build_inputs(sample(LARGE, 2), LARGE, Regime.A, Task.state_dependent),
        build_inputs(sample(LARGE, 2), LARGE, Regime.B1),
        build_inputs(sample(SMALL, 2), SMALL, Regime.A),
    ]
    for other in others:
        before, _ = _bands(other, width)
        torch.testing.assert_close(widths(before, other), before)


def test_bands_hold_their_share_early_and_late() -> None:
    widths, scores = BandWidths(SPECS), BandWidths.scores()
    larger = torch.linspace(0.2, 3.0, POINTS)[:, None]  # errors, which the bands do not follow
    inputs = build_inputs(sample(LARGE, 2000), LARGE, Regime.A)
    rows = [_bands(inputs, 1.0, seed) for seed in range(2)]
    found = [(quantiles, m + larger * (truth - m)) for quantiles, truth in rows
             for m in [quantiles[..., 2]]]  # fmt: skip
    widths.see(scores, inputs, *found[0])
    widths.settle(scores)
    quantiles, truth = found[1]
    spans = [(start, POINTS if last is None else last + 1) for start, last in SPANS]
    spans = [span for span in spans if span[0] < POINTS]
    assert len(spans) == 3
    before, after = (
        max(_off(bands[:, :, start:end], truth[:, :, start:end]) for start, end in spans)
        for bands in (quantiles, widths(quantiles, inputs))
    )
    assert after < 0.06 < 0.3 < before
    assert _off(widths(quantiles, inputs), truth) < 0.015


def test_a_second_factor_makes_bands_hold_whole_curves() -> None:
    """Errors that stay on one side: a curve leaves its bands for long or not at all."""
    widths, scores = BandWidths(SPECS), BandWidths.scores()
    inputs = build_inputs(sample(LARGE, 4000), LARGE, Regime.A)

    def drawn(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        quantiles, truth = _bands(inputs, 1.0, seed)
        median, lasting = quantiles[..., 2], torch.randn(truth[:, :, :1].shape)
        return quantiles, median + 0.6 * (truth - median) + 0.8 * lasting

    torch.manual_seed(0)
    widths.see(scores, inputs, *drawn(0))
    widths.settle(scores)
    quantiles, truth = drawn(1)
    points = widths(quantiles, inputs)
    curves = widths.around_curves(points, inputs)
    assert curves is not None
    for low, high, share in ((0, -1, 0.9), (1, -2, 0.5)):
        for bands, whole in ((points, False), (curves, True)):
            inside = (bands[..., low] <= truth) & (truth <= bands[..., high])
            held = inside.all(dim=2) if whole else inside
            assert abs(held.float().mean().item() - share) < 0.015
            assert whole or inside.all(dim=2).float().mean() < share - 0.1
    assert (curves.diff(dim=-1) >= 0).all()
    other = build_inputs(sample(LARGE, 2), LARGE, Regime.B1)  # of which nothing was seen
    assert widths.around_curves(_bands(other, 1.0)[0], other) is None


def test_where_no_world_is_named_a_shocks_factor_is_that_of_all_worlds_that_have_it() -> None:
    widths, scores = BandWidths(SPECS), BandWidths.scores()
    blind = [build_inputs(sample(spec, FEWEST), spec, Regime.B2) for spec in SPECS]
    for inputs, width in zip(blind, (0.5, 1.0), strict=True):
        widths.see(scores, inputs, *_bands(inputs, width))
    widths.settle(scores)
    small, large = (
        widths(_bands(i, 1.0)[0], i)[..., -1] - _bands(i, 1.0)[0][..., 2] for i in blind
    )
    torch.testing.assert_close(small[:5, 0], large[:5, 0])  # both have the first shock
    assert (small[:5, 1] - large[:5, 1]).abs().max() > 0.1


def test_a_wider_band_holds_the_narrower_one() -> None:
    widths = BandWidths(SPECS)
    widths.factors.copy_(torch.tensor([0.1, 3.0]))  # the wide one, the narrow one
    inputs = build_inputs(sample(SMALL), SMALL, Regime.A)
    quantiles, _ = _bands(inputs, 1.0)
    out = widths(quantiles, inputs)
    assert (out.diff(dim=-1) >= 0).all()
    torch.testing.assert_close((out - quantiles)[..., 2], torch.zeros_like(out[..., 2]))
    inner = 3.0 * (quantiles[..., [1, 3]] - quantiles[..., 2, None])
    torch.testing.assert_close(out[..., [1, 3]], quantiles[..., 2, None] + inner)


def test_between_lengths_measured_factors_go_by_the_logarithm() -> None:
    widths, scores = BandWidths(SPECS), BandWidths.scores()
    for length, width in zip(LENGTHS[:2], (1.0, 0.25), strict=True):
        inputs = build_inputs(sample(LARGE, FEWEST), LARGE, Regime.B1, history_length=length)
        widths.see(scores, inputs, *_bands(inputs, width))  # the same errors at either length
    widths.settle(scores)

    def at(length: int) -> torch.Tensor:
        inputs = build_inputs(sample(LARGE, 2), LARGE, Regime.B1, history_length=length)
        quantiles, _ = _bands(inputs, 1.0)
        return widths(quantiles, inputs)[0, 0, 0, :, -1] - quantiles[0, 0, 0, :, 2]

    short, long = at(LENGTHS[0]), at(LENGTHS[1])
    torch.testing.assert_close(long, 4.0 * short)
    torch.testing.assert_close(at(60), (short + long) / 2.0, atol=0, rtol=1e-2)  # 60**2 = 40 * 90
    torch.testing.assert_close(at(LENGTHS[2]), long)  # none seen: as the next shorter one
    torch.testing.assert_close(at(150), long)


def test_too_few_rows_and_responses_that_never_move_change_nothing() -> None:
    widths, scores = BandWidths(SPECS), BandWidths.scores()
    inputs = build_inputs(sample(SMALL, FEWEST - 1), SMALL, Regime.A)
    widths.see(scores, inputs, *_bands(inputs, 1.0))
    still = build_inputs(sample(LARGE, FEWEST), LARGE, Regime.A)
    zero = torch.zeros(FEWEST, 3, POINTS, 3)
    widths.see(scores, still, torch.zeros(*zero.shape, 5), zero)
    widths.settle(scores)
    assert (widths.factors == 1).all()


def test_a_model_calibrates_its_own_bands_and_keeps_its_answers() -> None:
    torch.manual_seed(0)
    config = UniversalConfig(hidden_dim=16, world_embed_dim=4, param_embed_dim=8, poles=4)
    model = config.build(SPECS, POINTS - 1)
    rows = []
    for spec in SPECS:
        for regime in (Regime.A, Regime.B1):
            inputs = build_inputs(sample(spec, FEWEST), spec, regime, history_length=LENGTHS[0])
            shape = (FEWEST, len(spec.shocks), POINTS, 3)
            generator = torch.Generator().manual_seed(1)
            rows.append((inputs, 0.2 * torch.randn(shape, generator=generator)))
    before = [model.eval().answer([inputs])[0] for inputs, _ in rows]
    model.calibrate(rows)
    factors = model.widths.factors.clone()
    model.calibrate(rows)  # whatever the factors were
    assert torch.equal(model.widths.factors, factors)
    for (inputs, truth), was in zip(rows, before, strict=True):
        now = model.answer([inputs])[0]
        assert torch.equal(now.response, was.response)
        assert now.quantiles is not None
        assert _off(now.quantiles, truth) < 1e-3
