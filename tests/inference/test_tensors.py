"""Answers that keep gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import emulator
from emulator.errors import EmulatorError, InputError
from tests.inference.histories import random_walk

pytestmark = pytest.mark.slow


def test_tensors_give_the_numbers_of_irf(every_regime: emulator.Emulator) -> None:
    world = emulator.get_world("nk")
    theta = world.sample_parameters(5, np.random.default_rng(0))
    history = random_walk(draws=5)
    for known in (None, history):
        expected = every_regime.irf("nk", theta, size=-2.0, horizon=20, history=known)
        given = None if known is None else torch.tensor(known)
        tensor = every_regime.irf_torch(
            "nk", torch.tensor(theta), size=-2.0, horizon=20, history=given
        )
        assert tensor.dtype == torch.float64
        # Over a history torch fuses attention where no gradients are kept: float32 rounding.
        slack = 0.0 if known is None else 1e-4
        np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=slack, atol=slack)


def test_gradients_are_the_slopes_of_irf(model: emulator.Emulator) -> None:
    theta = torch.tensor(emulator.get_world("nk").pack()[None]).requires_grad_()
    out = model.irf_torch("nk", theta, horizon=8)[0, 0, 4, 1]  # inflation after a monetary shock
    (gradient,) = torch.autograd.grad(out, theta)
    for name in ("phi_pi", "kappa", "sigma_m"):
        place = model.spec("nk").parameter_names.index(name)
        value = theta[0, place].item()
        step = 0.01 * value  # float32: smaller steps drown in rounding
        ends = []
        for sign in (1.0, -1.0):
            moved = {name: value + sign * step}
            ends.append(float(model.irf("nk", moved, horizon=8)[0, 4, 1]))
        slope = (ends[0] - ends[1]) / (2.0 * step)
        assert gradient[0, place].item() == pytest.approx(slope, rel=0.02, abs=1e-5)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("nkk", torch.zeros(1, 12)), "did you mean 'nk'"),
        (("nk", torch.zeros(12)), r"shape \(B, 12\), got \(12,\)"),
        (("nk", torch.zeros(2, 11)), r"got \(2, 11\)"),
    ],
)
def test_tensors_of_wrong_shapes_are_refused(
    model: emulator.Emulator, arguments: tuple, expected: str
) -> None:
    with pytest.raises(EmulatorError, match=expected):
        model.irf_torch(*arguments)


def test_tensors_need_weights_of_the_regime(model: emulator.Emulator) -> None:
    theta = torch.tensor(emulator.get_world("nk").pack()[None])
    history = torch.tensor(random_walk(draws=1))
    with pytest.raises(InputError, match="trained in regime A"):
        model.irf_torch("nk", theta, history=history)
    mixed = emulator.Emulator(model.model, {**model.provenance, "regime": "all"})
    with pytest.raises(InputError, match=r"expected shape \(1, L, 3\)"):
        mixed.irf_torch("nk", theta, history=history[0])
