"""Networks without torch, compiled and not, against torch in float32 and float64."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from emulator.inference import direct, few
from emulator.inference.direct import BLOCK
from emulator.inference.emulator import Emulator
from emulator.inference.folded import Folded
from emulator.models.gated import Reach
from emulator.models.universal import Universal, UniversalConfig
from emulator.regimes import Regime, build_inputs
from emulator.specs import WorldSpec
from tests.specs import LARGE, SMALL, sample

pytestmark = pytest.mark.slow  # they are compiled

ROWS = BLOCK + 5  # more than a block
EACH_OWN = replace(SMALL, moves=((True, False), (True, True)), size_moves=(False, False))
ROTATED = replace(SMALL, name="rotated", recursive=True)
FLOORED = replace(LARGE, name="floored", floors=(("rate", "psi"),))
FROM_STATES = replace(LARGE, name="states", size_moves=(False,) * 3)


def _model(spec: WorldSpec, seed: int = 0) -> Universal:
    """As after training: every part says something, and layers are held."""
    torch.manual_seed(seed)
    config = UniversalConfig(hidden_dim=16, group_width=8, trunk_width=12)
    model = config.build([spec], 10)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    sd = 0.5 + torch.rand(len(spec.shocks), 3)
    sd[0, 1] = 0.0
    model.set_scales({spec.name: sd.numpy()}, {})
    network = model.network(spec.name)
    network.measure(torch.randn(50, len(spec.shocks), 11, 3))
    model.measure([build_inputs(sample(spec, 40), spec, Regime.A)])
    assert any(torch.isfinite(m.lowest).all() for m in model.modules() if isinstance(m, Reach))
    return model


@pytest.mark.parametrize("spec", [EACH_OWN, ROTATED, FLOORED, FROM_STATES], ids=lambda s: s.name)
@pytest.mark.parametrize("points", [11, 4])
def test_networks_without_torch_answer_as_torch_does(
    spec: WorldSpec, points: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = _model(spec)
    fields = sample(spec, ROWS)
    fields["shock_size"][::2] *= -1.0
    folded = Folded.of(model.network(spec.name), model.scales(spec.name))
    theta, size = fields["theta"].double().numpy(), fields["shock_size"].double().numpy()
    found = [respond(folded, theta, size, points) for respond in (direct.respond, few.respond)]
    answers = {}
    for dtype in (torch.float32, torch.float64):
        cast = {name: value.to(dtype) for name, value in fields.items()}
        with torch.no_grad(), monkeypatch.context() as patch:
            patch.setattr(torch.Tensor, "float", lambda tensor, dtype=dtype: tensor.to(dtype))
            response = model.to(dtype)(build_inputs(cast, spec, Regime.A), points - 1)
        answers[dtype] = response.double().numpy()
    scale = np.abs(answers[torch.float64]).max(axis=2, keepdims=True) + 1e-12
    off = [
        np.sqrt((((one - answers[torch.float64]) / scale) ** 2).mean(axis=2)).max()
        for one in (*found, answers[torch.float32])
    ]
    assert max(off[:2]) < 1e-5, off
    assert all((one[:, 0, :, 1] == 0.0).all() for one in found)
    assert few.respond(folded, theta[:0], size[:0], points).shape == (0, *found[0].shape[1:])


def test_answers_follow_weights_that_are_trained_on() -> None:
    model = _model(EACH_OWN)
    emulator = Emulator(model, {"regime": "A"})
    before = emulator.respond(EACH_OWN.name).values
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.1)
    after = emulator.respond(EACH_OWN.name).values
    assert not np.allclose(after, before)
    np.testing.assert_array_equal(
        after, Emulator(model, {"regime": "A"}).respond(EACH_OWN.name).values
    )
    others = {name: 0.9 * tensor for name, tensor in model.state_dict().items()}
    model.load_state_dict(others, assign=True)  # other tensors, never written to
    np.testing.assert_array_equal(
        emulator.respond(EACH_OWN.name).values,
        Emulator(model, {"regime": "A"}).respond(EACH_OWN.name).values,
    )
