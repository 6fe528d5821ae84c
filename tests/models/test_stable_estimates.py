"""Estimates that explode are shrunk, all roots alike; others stay as they are to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from emulator.models.baselines.bvar import BVARConfig
from emulator.models.baselines.history import (
    MAX_LAGS,
    Estimates,
    moving_average,
    spectral_radius,
    stable,
)
from emulator.models.baselines.var import VARConfig, estimate
from emulator.regimes import Inputs, Task
from tests.specs import SMALL

pytestmark = pytest.mark.fast


def _growing(rows: int, growth: float) -> torch.Tensor:
    """Paths that grow by a factor a quarter, and noise."""
    rng = np.random.default_rng(0)
    out = np.zeros((rows, 120, 3))
    for t in range(1, 120):
        out[:, t] = growth * out[:, t - 1] + rng.normal(size=(rows, 3))
    return torch.as_tensor(out.astype(np.float32))


def _companion(coefficients: np.ndarray) -> np.ndarray:
    lags = len(coefficients)
    below = np.eye(3 * (lags - 1), 3 * lags)
    return np.vstack([np.hstack(list(coefficients)), below])


def _estimates(scale: float) -> Estimates:
    """A VAR(2) with complex roots, all of them times `scale`, twice: the second one stable."""
    rng = np.random.default_rng(3)
    matrices = rng.normal(size=(2, 3, 3)) * np.array([0.5, 0.3])[:, None, None]
    radius = np.abs(np.linalg.eigvals(_companion(matrices))).max()
    coefficients = np.zeros((2, MAX_LAGS, 3, 3))
    for row, target in enumerate((scale, 0.9)):
        factor = target / radius
        coefficients[row, :2] = matrices * np.array([factor, factor**2])[:, None, None]
    two = torch.tensor([2, 2])
    eye = torch.eye(3).double().expand(2, 3, 3)
    return Estimates(two, torch.ones(2, 3).double(), torch.as_tensor(coefficients), eye)


@pytest.mark.parametrize("scale", [1.001, 1.2])
def test_all_roots_shrink_alike_until_the_largest_is_one_less_one_over_the_length(
    scale: float,
) -> None:
    before, history = _estimates(scale), torch.ones(2, 50, 3) * torch.tensor([1.0, 2.0, 3.0])
    assert float(spectral_radius(before.coefficients, before.lags)[0]) == pytest.approx(scale)
    after = stable(before, history)
    roots = [
        np.sort_complex(np.linalg.eigvals(_companion(part.coefficients[0, :2].numpy())))
        for part in (before, after)
    ]
    np.testing.assert_allclose(roots[1], roots[0] * (1 - 1 / 50) / scale, rtol=1e-9)
    mean = torch.linalg.solve(
        torch.eye(3).double() - after.coefficients[0].sum(dim=0), after.constant[0]
    )
    torch.testing.assert_close(mean, history[0, 0].double(), rtol=1e-9, atol=1e-9)
    for part, old in zip(after, before, strict=True):
        assert torch.equal(part[1], old[1])


def test_stable_estimates_are_untouched() -> None:
    estimates = _estimates(0.999)
    assert stable(estimates, torch.ones(2, 200, 3)) is estimates


@pytest.mark.parametrize("config", [VARConfig(), BVARConfig()])
def test_forecasts_and_responses_of_growing_histories_do_not_explode(config) -> None:
    history = _growing(4, 1.05)
    inputs = Inputs(SMALL.name, SMALL.shock_names, Task.steady_state,
                    torch.ones(4, len(SMALL.shocks)), history=history)  # fmt: skip
    model = config.build([SMALL], 40)
    target = torch.zeros(4, len(SMALL.shocks), 41, 3)
    model.fit(SMALL.name, (inputs, target), [(inputs, target)])
    estimates = model.estimate(history, SMALL.name)
    assert float(spectral_radius(estimates.coefficients, estimates.lags).max()) < 1.0
    path = model.forecast(replace(inputs, task=Task.trajectory, ahead=40))
    assert bool((path.abs().amax(dim=1) < 3 * history.abs().amax(dim=1)).all())
    late = moving_average(estimate(history).coefficients, 400)[:, -1]
    assert float(late.abs().max()) < 1.0
