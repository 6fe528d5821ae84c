"""Ridge regression of each world's responses on its normalised parameters and shock sizes."""

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
from emulator.regimes import Inputs, require_theta, tasks
from emulator.specs import WorldSpec

PENALTIES = np.logspace(-4, 4, 17)  # the chosen one is inside this range on every built-in world


class LinearConfig(StrictModel):
    """`model:` of a ridge baseline; leave-one-out on the training split sets the penalty."""

    type: Literal["baseline_linear"] = "baseline_linear"

    def build(self, specs: Sequence[WorldSpec], horizon: int) -> Linear:
        return Linear(specs, horizon)


class Linear(ClosedFormModel):
    """One ridge regression a world and task, all shocks, horizons and observables at once."""

    def __init__(self, specs: Sequence[WorldSpec], horizon: int) -> None:
        super().__init__(specs, horizon)
        self.normalizers = nn.ModuleDict({s.name: ParameterNormalizer(s) for s in specs})
        self.maps = nn.ModuleDict(
            {
                f"{s.name}_{task}": nn.Linear(
                    len(s.parameters) + (0 if s.linear else 2 * len(s.shocks)),
                    len(s.shocks) * (horizon + 1) * 3,
                )
                for s in specs
                for task in tasks(s)
            }
        )

    def fit(self, world: str, inputs: Inputs, target: torch.Tensor) -> None:
        theta = require_theta(inputs)
        scale = self.scales(world)(torch.ones_like(target), theta)
        standard = torch.where(scale > 0, target / torch.where(scale > 0, scale, 1.0), 0.0)
        x = self._features(world, inputs).double().cpu().numpy()
        y = standard.double().cpu().numpy().reshape(len(x), -1)
        ridge = RidgeCV(alphas=PENALTIES).fit(x, y)
        layer = self.maps[f"{world}_{inputs.task}"]
        assert isinstance(layer, nn.Linear)
        layer.weight.data.copy_(torch.as_tensor(ridge.coef_))
        layer.bias.data.copy_(torch.as_tensor(ridge.intercept_))

    def forward(self, inputs: Inputs, horizon: int | None = None) -> torch.Tensor:
        theta = require_theta(inputs)
        assert inputs.world is not None
        features = self._features(inputs.world, inputs)
        flat = self.maps[f"{inputs.world}_{inputs.task}"](features)
        output = flat.unflatten(-1, (len(inputs.shocks), self.horizon + 1, 3))
        output = self.trained_horizons(output, horizon)
        return self.scales(inputs.world)(output, theta)  # type: ignore[no-any-return]

    def _features(self, world: str, inputs: Inputs) -> torch.Tensor:
        """Normalised theta (B, P); where the size matters, also sizes and their moduli (B, 2S)."""
        theta = self.normalizers[world](require_theta(inputs))
        if self.specs[world].linear:
            return theta  # type: ignore[no-any-return]
        return torch.cat([theta, inputs.size, inputs.size.abs()], dim=1)
