"""A request to a model as a function of plain tensors, which is what an exporter can trace.

    theta (B, P), size (B, S), history (B, L, 3)  ->  response (B, S, H+1, 3), quantiles (..., 5)

Which of the three there are depends on world and regime; all are physical units in float32.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from emulator.inference.request import Request
from emulator.limits import MAX_SIZE, MIN_SIZE
from emulator.models.base import Model
from emulator.regimes import CONTRACTS, Inputs

PERSISTENCE = 0.9  # a quarter, of the made-up histories of `examples`


class Traceable(nn.Module):
    """Responses to whole shocks of one world, and their quantiles where bands are asked for.

    given: names of the inputs. In a linear world the size is not one of them: the response is to
    one s.d., and that to another size a multiple of it.
    """

    def __init__(self, model: Model, request: Request) -> None:
        super().__init__()
        self.model = model
        self.request = request
        allowed, spec = CONTRACTS[request.regime], request.spec
        there = {"theta": allowed.theta, "size": not spec.linear, "history": allowed.history}
        self.given = tuple(name for name, given in there.items() if given)

    def forward(
        self,
        theta: torch.Tensor | None = None,
        size: torch.Tensor | None = None,
        history: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, ...]:
        inputs = self.inputs(theta, size, history)
        answer = self.model.answer([inputs], self.request.horizon, bands=self.request.bands)[0]
        response = answer.response
        if size is not None:
            response = response * size[:, :, None, None]
        if not self.request.bands:
            return (response,)
        quantiles = answer.quantiles
        assert quantiles is not None
        if size is not None:
            whole = size[:, :, None, None, None]
            quantiles = quantiles * whole
            # A negative shock turns the quantiles over; the lowest is the lowest again.
            quantiles = torch.where(whole < 0.0, quantiles.flip(-1), quantiles)
        return response, quantiles

    def inputs(
        self,
        theta: torch.Tensor | None,
        size: torch.Tensor | None,
        history: torch.Tensor | None,
    ) -> Inputs:
        """What the model sees."""
        fields = {"theta": theta, "shock_size": size, "trajectories": history}
        return self.request.inputs({k: value for k, value in fields.items() if value is not None})

    def scale(self, **given: torch.Tensor) -> torch.Tensor:
        """The s.d. of the training responses, times the shock's size, (B or 1, S, 1, 3): what one
        unit of network output is worth to the user."""
        inputs = self.inputs(*(given.get(name) for name in ("theta", "size", "history")))
        return (self.model.response_scale(inputs) * inputs.size.abs()[:, :, None])[:, :, None]

    def examples(self, draws: int, quarters: int, seed: int = 0) -> dict[str, torch.Tensor]:
        """Inputs to try: the defaults, both ends of the bounds, then uniform draws between them;
        sizes in the trained range; persistent histories in the scale of the training paths."""
        rng = np.random.default_rng(seed)
        world = self.request.spec
        shocks = len(world.shocks)
        lower, upper, default = world.box
        ends = np.array([default, lower, upper])
        theta = np.concatenate([ends, rng.uniform(lower, upper, (draws, len(lower)))])[:draws]
        sign = rng.choice([-1.0, 1.0], (draws, shocks))
        size = sign * rng.uniform(MIN_SIZE, MAX_SIZE, (draws, shocks))
        history = rng.normal(size=(draws, quarters, 3))
        for now in range(1, quarters):
            news = (1.0 - PERSISTENCE**2) ** 0.5 * history[:, now]
            history[:, now] = PERSISTENCE * history[:, now - 1] + news
        history = history * self.model.scales(world.name).path.numpy()
        made = {"theta": theta, "size": size, "history": history}
        return {name: torch.tensor(made[name], dtype=torch.float32) for name in self.given}
