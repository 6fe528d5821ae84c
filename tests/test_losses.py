"""The terms of the loss: known answers and what each is lowest for."""

from __future__ import annotations

import pytest
import torch

from emulator.limits import QUANTILES
from emulator.training.losses import (
    horizon_weights,
    quantile_loss,
    response_loss,
    smoothness_loss,
    trajectory_loss,
)

pytestmark = pytest.mark.fast

SIGMA = torch.tensor([[1.0, 2.0, 0.0], [0.5, 1.0, 3.0]])  # one response is identically zero


def _responses() -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    return torch.randn(6, 2, 11, 3, generator=rng), torch.randn(6, 2, 11, 3, generator=rng)


def test_the_loss_is_the_nrmse_of_the_specification() -> None:
    prediction, target = _responses()
    expected = [
        (prediction - target)[n, s, :, v].square().mean().sqrt() / SIGMA[s, v]
        for n in range(6)
        for s in range(2)
        for v in range(3)
        if SIGMA[s, v] > 0
    ]
    loss = response_loss(prediction, target, SIGMA)
    torch.testing.assert_close(loss, torch.stack(expected).mean(), rtol=1e-6, atol=0)
    uniform = response_loss(prediction, target, SIGMA, horizon_weights("uniform", 11))
    torch.testing.assert_close(uniform, loss)


@pytest.mark.parametrize("kind", ["uniform", "exponential", "impact"])
def test_horizon_weights_have_mean_one_and_never_rise(kind) -> None:
    weights = horizon_weights(kind, 41)
    torch.testing.assert_close(weights.mean(), torch.tensor(1.0))
    assert (weights.diff() <= 0).all()


def test_the_exponential_weights_fall_by_e_in_twenty_quarters() -> None:
    weights = horizon_weights("exponential", 41)
    torch.testing.assert_close(weights[0] / weights[20], torch.tensor(1.0).exp())


def test_weights_move_the_loss_to_the_horizons_they_favour() -> None:
    target = torch.zeros(1, 2, 11, 3)
    early, late = target.clone(), target.clone()
    early[:, :, 0], late[:, :, -1] = 1.0, 1.0
    weights = horizon_weights("impact", 11)
    assert response_loss(early, target, SIGMA, weights) > response_loss(
        late, target, SIGMA, weights
    )


def test_smoothness_sees_wiggles_and_not_levels_or_slopes() -> None:
    h = torch.arange(11.0)[:, None]
    target = torch.zeros(1, 2, 11, 3)
    # The floor under the root is 1e-4.
    assert smoothness_loss(target + 3.0 - 0.2 * h, target, SIGMA) < 2e-4
    assert smoothness_loss(target + 0.1 * (-1.0) ** h, target, SIGMA) > 0.1
    kinked = torch.where(h < 5, h, 5.0) + target  # the truth's own kink costs nothing
    assert smoothness_loss(kinked, kinked, SIGMA) < 2e-4


def test_the_pinball_loss_is_lowest_at_the_quantiles() -> None:
    rng = torch.Generator().manual_seed(0)
    target = torch.randn(4000, 2, 1, 3, generator=rng)
    best = torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor(QUANTILES))
    exact = quantile_loss(best.expand(4000, 2, 1, 3, 5), target, SIGMA)
    for level in range(5):
        for move in (-0.2, 0.2):
            other = best.clone()
            other[level] += move
            assert quantile_loss(other.expand(4000, 2, 1, 3, 5), target, SIGMA) > exact


def test_the_pinball_loss_of_the_median_alone_is_half_the_absolute_error() -> None:
    prediction, target = _responses()
    same = prediction[..., None].expand(-1, -1, -1, -1, 5)
    kept = SIGMA > 0
    error = ((prediction - target).abs().mean(dim=2))[:, kept] / SIGMA[kept]
    # Levels are symmetric around one half, so the five weights average to one half.
    torch.testing.assert_close(quantile_loss(same, target, SIGMA), 0.5 * error.mean())


def test_the_trajectory_loss_is_the_nrmse_of_paths() -> None:
    target = torch.zeros(2, 5, 3)
    prediction = torch.tensor([1.0, 2.0, 3.0]).expand(2, 5, 3)
    loss = trajectory_loss(prediction, target, torch.tensor([1.0, 2.0, 3.0]))
    torch.testing.assert_close(loss, torch.tensor(1.0))
