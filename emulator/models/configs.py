"""All model configurations, told apart by `type`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from emulator.models.baselines.gru import GRUConfig
from emulator.models.baselines.linear import LinearConfig
from emulator.models.baselines.mlp import MLPConfig
from emulator.models.baselines.var import LPConfig, VARConfig
from emulator.models.universal import UniversalConfig

ModelConfig = Annotated[
    UniversalConfig | MLPConfig | GRUConfig | LinearConfig | VARConfig | LPConfig,
    Field(discriminator="type"),
]
