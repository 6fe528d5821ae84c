"""Starting a model from another one's weights, worlds it does not know included.

What both know by name is taken over row by row, everything else tensor by tensor. A parameter or
shock that the weights do not know keeps its own start. A world that they do not know starts as the
known one with which it has the largest share of names of parameters and shocks in common, however
small (the Jaccard index): its vector as the mean of several where they tie, its network of answers
from parameters as the first one's, parameter by parameter and shock by shock of the same names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch

from emulator.errors import ConfigError
from emulator.models.base import Model
from emulator.models.embeddings import NameEmbedding
from emulator.models.from_parameters import FromParameters
from emulator.models.weights import Loaded
from emulator.specs import WorldSpec, same_names

WORLDS = "world"  # the path of the table of worlds in a model


@torch.no_grad()
def adopt(model: Model, loaded: Loaded, origin: str) -> None:
    """Give `model` what loaded weights learned. Output scales of worlds whose names they do not
    have stay its own.

    origin: where they are from, for the message. Raises ConfigError where they are of another
    model or of other sizes.
    """
    source = loaded.model
    if source.config.type != model.config.type:
        raise ConfigError(
            f"training.start_from: {origin} holds a {source.config.type}, from which a "
            f"{model.config.type} cannot start"
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
    nearest = {name: most_alike(spec, source.specs.values()) for name, spec in model.specs.items()}
    tables = {path: m for path, m in model.named_modules() if isinstance(m, NameEmbedding)}
    for path, table in tables.items():
        learned = source.get_submodule(path)
        assert isinstance(learned, NameEmbedding)
        _take_rows(table, learned, nearest if path == WORLDS else {})
    own = {p: m for p, m in model.named_modules() if isinstance(m, FromParameters)}
    networks = {m.spec.name: m for m in source.modules() if isinstance(m, FromParameters)}
    for network in own.values():
        start_as(model, network, source, networks[nearest[network.spec.name][0]])
    by_name = {f"{path}.table.weight" for path in tables}
    by_name |= {f"{path}.{name}" for path, m in own.items() for name, _ in m.named_parameters()}
    parameters = dict(source.named_parameters())
    for name, parameter in model.named_parameters():
        if name not in by_name:
            parameter.copy_(parameters[name])


@torch.no_grad()
def start_as(model: Model, network: FromParameters, source: Model, other: FromParameters) -> None:
    """Let `network` of `model` take over what `other` of `source` has learned; where names are the
    same, in the units in which it was learned."""
    network.start_as(other)
    if same_names(network.spec, other.spec):
        own_sd, their_sd = model.scales(network.spec.name).sd, source.scales(other.spec.name).sd
        # Where theirs never moved there is no unit to take, and zero would hold answers at zero.
        own_sd.copy_(torch.where(their_sd > 0.0, their_sd, own_sd))
        for own, theirs in ((network.small, other.small), (network.beyond, other.beyond)):
            if own is not None and theirs is not None:
                own.components.load_state_dict(theirs.components.state_dict())


def most_alike(world: WorldSpec, known: Iterable[WorldSpec]) -> list[str]:
    """The known worlds that share the largest part of both worlds' names (Jaccard index)."""
    own = {*world.parameter_names, *world.shock_names}
    shared = {}
    for other in known:
        names = {*other.parameter_names, *other.shock_names}
        shared[other.name] = (
            2.0 if other.name == world.name else len(own & names) / len(own | names)
        )
    most = max(shared.values())
    return [name for name, part in shared.items() if part == most]


def _take_rows(
    table: NameEmbedding, learned: NameEmbedding, nearest: Mapping[str, list[str]]
) -> None:
    """nearest: whose rows a name without one gets the mean of, for names that have such."""
    new, old = table.table.weight, learned.table.weight
    for name, row in table.rows.items():
        if name in learned.rows:
            new[row] = old[learned.rows[name]]
        elif name in nearest:
            new[row] = old[[learned.rows[other] for other in nearest[name]]].mean(dim=0)
