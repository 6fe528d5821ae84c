"""Every kind of model there is, told apart by `type`. A new one is added to `ModelConfig`."""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Field

from emulator.errors import unknown_name
from emulator.models.abilities import ModelConfigBase, Rival
from emulator.models.baselines.bvar import BVARConfig
from emulator.models.baselines.gru import GRUConfig
from emulator.models.baselines.linear import LinearConfig
from emulator.models.baselines.mlp import MLPConfig
from emulator.models.baselines.var import LPConfig, VARConfig
from emulator.models.universal import UniversalConfig

ModelConfig = Annotated[
    UniversalConfig | LinearConfig | MLPConfig | GRUConfig | VARConfig | LPConfig | BVARConfig,
    Field(discriminator="type"),
]

KINDS: dict[str, type[ModelConfigBase]] = {
    kind.model_fields["type"].default: kind for kind in get_args(get_args(ModelConfig)[0])
}


def kind_of(name: str) -> type[ModelConfigBase]:
    """The kind of model whose `type` is `name`. Raises UnknownNameError."""
    if name not in KINDS:
        raise unknown_name("type of model", name, KINDS)
    return KINDS[name]


def rivals() -> dict[Rival, list[type[ModelConfigBase]]]:
    """What a universal run is to beat, with the kinds of models that stand for it."""
    found: dict[Rival, list[type[ModelConfigBase]]] = {}
    for kind in KINDS.values():
        if kind.rival is not None:
            found.setdefault(kind.rival, []).append(kind)
    return found
