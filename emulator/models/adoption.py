"""Starting a model from another one's weights, worlds it does not know included.

What both know by name is taken over row by row, everything else tensor by tensor. A world,
parameter or shock that the weights do not know keeps its own start, but for the world's vector and
experts: between worlds the shared layers are meant to interpolate, so they start in the middle.
"""

from __future__ import annotations

import torch

from emulator.errors import ConfigError
from emulator.models.blocks import Experts
from emulator.models.embeddings import NameEmbedding
from emulator.models.universal import BLIND, Universal
from emulator.models.weights import Loaded

WORLDS = "world"  # the path of the table of worlds in a model


@torch.no_grad()
def adopt(model: Universal, loaded: Loaded, origin: str) -> None:
    """Give `model` what loaded weights learned; output scales stay its own.

    origin: where they are from, for the message. Raises ConfigError where they are of another
    model or of other sizes.
    """
    source = loaded.model
    if not isinstance(source, Universal):
        raise ConfigError(
            f"training.start_from: {origin} holds a {loaded.config.type}; only a universal model "
            "knows by name what it has learned"
        )
    if source.horizon != model.horizon:
        raise ConfigError(
            f"training.start_from: {origin} was trained to a horizon of {source.horizon}, the data "
            f"set has {model.horizon}; generate data with `horizon: {source.horizon}`"
        )
    before, here = source.config.model_dump(), model.config.model_dump()
    for key, value in before.items():
        if here[key] != value:
            raise ConfigError(
                f"training.start_from: model.{key} is {value} in {origin} and {here[key]} here; "
                "give `model:` the sizes that the weights have"
            )
    tables = {path: m for path, m in model.named_modules() if isinstance(m, NameEmbedding)}
    for path, table in tables.items():
        learned = source.get_submodule(path)
        assert isinstance(learned, NameEmbedding)
        _take_rows(table, learned, path)
    for path, module in model.named_modules():
        if isinstance(module, Experts):
            learned = source.get_submodule(path)
            assert isinstance(learned, Experts)
            _take_experts(module, learned)
    by_name = {f"{path}.table.weight" for path in tables}
    by_name |= {
        f"{path}.{name}"
        for path, module in model.named_modules()
        if isinstance(module, Experts)
        for name, _ in module.named_parameters()
    }
    parameters = dict(source.named_parameters())
    for name, parameter in model.named_parameters():
        if name not in by_name:
            parameter.copy_(parameters[name])


def _take_rows(table: NameEmbedding, learned: NameEmbedding, path: str) -> None:
    new, old = table.table.weight, learned.table.weight
    for name, row in table.rows.items():
        if name in learned.rows:
            new[row] = old[learned.rows[name]]
        elif path == WORLDS:
            named = [k for world, k in learned.rows.items() if world != BLIND]
            new[row] = old[named].mean(dim=0)


def _take_experts(experts: Experts, learned: Experts) -> None:
    states = {world: expert.state_dict() for world, expert in learned.worlds.items()}
    middle = {
        key: torch.stack([state[key] for state in states.values()]).mean(dim=0)
        for key in next(iter(states.values()))
    }
    for world, expert in experts.worlds.items():
        expert.load_state_dict(states.get(world, middle))
