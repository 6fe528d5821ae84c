"""Ridge regression of each world's responses on its normalised parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from sklearn.linear_model import RidgeCV
from torch import nn

from emulator.config import StrictModel
from emulator.models.base import ClosedFormModel
from emulator.models.normalization import ParameterNormalizer
from emulator.regimes import Inputs, require_theta
from emulator.specs import WorldSpec

PENALTIES = np.logspace(-4, 4, 17)  # the chosen one is inside this range on every built-in world


class LinearConfig(StrictModel):
    """`model:` of a ridge baseline; leave-one-out on the training split sets the penalty."""

    type: Literal["baseline_linear"] = "baseline_linear"

    def build(self, specs: Sequence[WorldSpec], horizon: int) -> Linear:
        return Linear(specs, horizon)


class Linear(ClosedFormModel):
    """One ridge regression a world, all shocks, horizons and observables at once."""

    def __init__(self, specs: Sequence[WorldSpec], horizon: int) -> None:
        super().__init__(specs, horizon)
        self.normalizers = nn.ModuleDict({s.name: ParameterNormalizer(s) for s in specs})
        self.maps = nn.ModuleDict(
            {s.name: nn.Linear(len(s.parameters), len(s.shocks) * (horizon + 1) * 3) for s in specs}
        )

    def fit(self, world: str, inputs: Inputs, target: torch.Tensor) -> None:
        theta = require_theta(inputs)
        scale = self.scales(world)(torch.ones_like(target), theta)
        standard = torch.where(scale > 0, target / torch.where(scale > 0, scale, 1.0), 0.0)
        x = self.normalizers[world](theta).double().cpu().numpy()
        y = standard.double().cpu().numpy().reshape(len(x), -1)
        ridge = RidgeCV(alphas=PENALTIES).fit(x, y)
        layer = self.maps[world]
        assert isinstance(layer, nn.Linear)
        layer.weight.data.copy_(torch.as_tensor(ridge.coef_))
        layer.bias.data.copy_(torch.as_tensor(ridge.intercept_))

    def forward(self, inputs: Inputs, horizon: int | None = None) -> torch.Tensor:
        theta = require_theta(inputs)
        assert inputs.world is not None
        flat = self.maps[inputs.world](self.normalizers[inputs.world](theta))
        output = flat.unflatten(-1, (len(inputs.shocks), self.horizon + 1, 3))
        output = self.trained_horizons(output, horizon)
        return self.scales(inputs.world)(output, theta)  # type: ignore[no-any-return]
