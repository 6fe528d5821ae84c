"""Ridge regression of each world's responses on a vector that stands for the economy.

That vector is the normalised parameters where the regime gives them, otherwise the classical
summary of the history (summary.py). Where responses depend on the size of the shock, sizes and
their moduli stand beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import nn

from emulator.errors import InputError
from emulator.models.abilities import ModelConfigBase, Rival
from emulator.models.base import Answered, SeparateModel
from emulator.models.baselines.summary import SUMMARY_SIZE, Summaries
from emulator.models.normalization import ParameterNormalizer
from emulator.regimes import Inputs, Regime, Task, tasks
from emulator.specs import WorldSpec

if TYPE_CHECKING:
    from jaxtyping import Float

PENALTIES = np.logspace(-4, 4, 17)  # the chosen one is inside this range on every built-in world


class LinearConfig(ModelConfigBase):
    """`model:` of a ridge baseline; leave-one-out on the training split sets the penalty."""

    regimes = (Regime.A, Regime.B1, Regime.C, Regime.D)  # it goes world by world
    reads = frozenset({"world", "theta", "history"})
    theta_alone = True
    fitted_at_once = True
    label = "linear"
    rival = Rival("linear")

    type: Literal["baseline_linear"] = "baseline_linear"

    def build(self, specs: Sequence[WorldSpec], horizon: int) -> Linear:
        return Linear(self, specs, horizon)


class Linear(SeparateModel):
    """One ridge regression a world and task, all shocks, horizons and observables at once."""

    def __init__(self, config: LinearConfig, specs: Sequence[WorldSpec], horizon: int) -> None:
        super().__init__(config, specs, horizon)
        self.normalizers = nn.ModuleDict({s.name: ParameterNormalizer(s) for s in specs})
        self.summaries = Summaries(specs)
        self.maps = nn.ModuleDict()
        for spec in specs:
            outputs = len(spec.shocks) * (horizon + 1) * 3
            sizes = 0 if spec.linear else 2 * len(spec.shocks)
            for source, width in (("theta", len(spec.parameters)), ("history", SUMMARY_SIZE)):
                for task in tasks(spec):
                    self.maps[f"{spec.name}_{task}_{source}"] = _Map(width + sizes, outputs)

    def fit(self, world: str, train: Answered, validation: Sequence[Answered]) -> None:
        inputs, target = train
        # The steady-state task comes first in every world; the others have the same histories.
        if inputs.theta is None and inputs.task is Task.steady_state:
            self.summaries.update(inputs)
        scale = self.response_scale(inputs)[:, :, None].expand_as(target)
        standard = torch.where(scale > 0, target / torch.where(scale > 0, scale, 1.0), 0.0)
        x = self._features(inputs).double().cpu().numpy()
        y = standard.double().cpu().numpy().reshape(len(x), -1)
        from sklearn.linear_model import RidgeCV  # slow to import, and only fitting needs it

        ridge = RidgeCV(alphas=PENALTIES).fit(x, y)
        layer = self._map(inputs)
        layer.weight.data.copy_(torch.as_tensor(ridge.coef_))
        layer.bias.data.copy_(torch.as_tensor(ridge.intercept_))
        layer.fitted.fill_(True)

    def respond(
        self, inputs: Inputs, horizon: int | None = None
    ) -> Float[torch.Tensor, "B S points 3"]:
        layer = self._map(inputs)
        if not layer.fitted:
            source = "a history" if inputs.theta is None else "parameters"
            raise InputError(f"this model was not fitted on {source} of world {inputs.world!r}")
        output = layer(self._features(inputs)).unflatten(
            -1, (len(inputs.shocks), self.horizon + 1, 3)
        )
        return self.physical(self.trained_horizons(output, horizon), inputs)

    def _map(self, inputs: Inputs) -> _Map:
        if inputs.world is None:
            raise InputError("this model answers world by world; the regime does not name it")
        source = "history" if inputs.theta is None else "theta"
        layer = self.maps[f"{inputs.world}_{inputs.task}_{source}"]
        assert isinstance(layer, _Map)
        return layer

    def _features(self, inputs: Inputs) -> torch.Tensor:
        """(B, P) or (B, 45); where the size matters, also sizes and their moduli (B, 2S)."""
        assert inputs.world is not None
        if inputs.theta is None:
            economy = self.summaries(inputs)
        else:
            economy = self.normalizers[inputs.world](inputs.theta)
        if self.specs[inputs.world].linear:
            return economy  # type: ignore[no-any-return]
        return torch.cat([economy, inputs.size, inputs.size.abs()], dim=1)


class _Map(nn.Linear):
    """A linear map that knows whether it was fitted."""

    fitted: torch.Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.register_buffer("fitted", torch.tensor(False))
