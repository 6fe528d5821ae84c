"""Parameters to network inputs, as each parameter's `transform` says.

`bounded`: logit of the position within the bounds; `scaled`: centred and scaled by the bounds;
`log`: the same on the logarithm. Each has about unit variance under a uniform prior. A network
whose errors are to vanish reads `bounded` ones as `scaled`: a logit bends the ends of the box,
where responses are not bent.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from emulator.specs import WorldSpec

if TYPE_CHECKING:
    from jaxtyping import Float

# The box is padded by this share of its width before the logit, so that a prior draw on the bound
# stays finite (logit(1/102) = -4.6) and the box's edge is not stretched without limit.
PADDING = 0.01
# Beyond the padded box the logit ends; positions saturate here (inputs that far out are flagged).
_EDGE = 1e-3
_LOGISTIC_SD = math.pi / math.sqrt(3.0)  # s.d. of the logit of a uniform
_UNIFORM_SD = 1.0 / math.sqrt(12.0)


def normalize_bounded(
    value: torch.Tensor, lower: torch.Tensor, upper: torch.Tensor
) -> torch.Tensor:
    """Logit of the position of `value` within [lower, upper], near unit variance if uniform.

    Strictly increasing inside the box padded by 1 % of its width, constant outside it.
    """
    position = (value - lower) / (upper - lower)
    padded = (position + PADDING) / (1.0 + 2.0 * PADDING)
    logit: torch.Tensor = torch.logit(padded, eps=_EDGE) / _LOGISTIC_SD
    return logit


def normalize_scaled(value: torch.Tensor, lower: torch.Tensor, upper: torch.Tensor) -> torch.Tensor:
    """Distance from the middle of the box in s.d.s of a uniform on it."""
    distance: torch.Tensor = ((value - lower) / (upper - lower) - 0.5) / _UNIFORM_SD
    return distance


class ParameterNormalizer(nn.Module):
    """One world's parameters (B, P) in physical units to network inputs (B, P).

    plain: without logits.
    Out-of-box values of `log` parameters at or below zero have no logarithm and give NaN.
    """

    lower: torch.Tensor
    upper: torch.Tensor
    bounded: torch.Tensor
    log: torch.Tensor

    def __init__(self, spec: WorldSpec, *, plain: bool = False) -> None:
        super().__init__()
        log = [p.transform == "log" for p in spec.parameters]
        bounds = spec.box[:2]
        bounds = np.where(log, np.log(np.where(log, bounds, 1.0)), bounds)
        # Specs travel with the weights, so these buffers need not be saved.
        self.register_buffer(
            "lower", torch.tensor(bounds[0], dtype=torch.float32), persistent=False
        )
        self.register_buffer(
            "upper", torch.tensor(bounds[1], dtype=torch.float32), persistent=False
        )
        bounded = [p.transform == "bounded" and not plain for p in spec.parameters]
        self.register_buffer("bounded", torch.tensor(bounded), persistent=False)
        self.register_buffer("log", torch.tensor(log), persistent=False)

    def forward(self, theta: Float[torch.Tensor, "B P"]) -> Float[torch.Tensor, "B P"]:
        value = torch.where(self.log, torch.log(torch.where(self.log, theta, 1.0)), theta)
        return torch.where(
            self.bounded,
            normalize_bounded(value, self.lower, self.upper),
            normalize_scaled(value, self.lower, self.upper),
        )
