"""Starting a model from another one's weights, worlds it does not know included.

What both know by name is taken over row by row, everything else tensor by tensor. A world,
parameter or shock that the weights do not know keeps its own start, but for the world's vector:
between worlds the shared layers are meant to interpolate, so it starts in their middle.
"""

from __future__ import annotations

import torch
from torch import nn

from emulator.errors import ConfigError
from emulator.models.base import Model
from emulator.models.embeddings import NameEmbedding

WORLDS = "world"  # the path of the table of worlds in a model


@torch.no_grad()
def adopt(model: Model, source: Model, origin: str) -> None:
    """Give `model` what `source` learned; output scales stay its own.

    origin: where the source is from, for the message. Raises ConfigError where the two are
    different models.
    """
    if type(model) is not type(source):
        raise ConfigError(
            f"training.start_from: {origin} holds a {type(source).__name__}, the run trains a "
            f"{type(model).__name__}; name weights of the same model"
        )
    tables = {path: m for path, m in model.named_modules() if isinstance(m, NameEmbedding)}
    learned = dict(source.named_modules())
    for path, table in tables.items():
        before = learned[path]
        assert isinstance(before, NameEmbedding)
        _take_rows(table, before, path, origin)
    by_name = {f"{path}.table.weight" for path in tables}
    old = dict(source.named_parameters())
    for name, parameter in model.named_parameters():
        if name in by_name:
            continue
        if name not in old or old[name].shape != parameter.shape:
            raise ConfigError(_other_shape(name, parameter, old.get(name), origin))
        parameter.copy_(old[name])


def _take_rows(table: NameEmbedding, before: NameEmbedding, path: str, origin: str) -> None:
    new, old = table.table.weight, before.table.weight
    if new.shape[1] != old.shape[1]:
        raise ConfigError(_other_shape(path, new, old, origin))
    for name, row in table.rows.items():
        if name in before.rows:
            new[row] = old[before.rows[name]]
        elif path == WORLDS:
            new[row] = old.mean(dim=0)


def _other_shape(
    name: str, here: nn.Parameter | torch.Tensor, there: torch.Tensor | None, origin: str
) -> str:
    what = "none" if there is None else f"{tuple(there.shape)}"
    return (
        f"training.start_from: {name} has shape {tuple(here.shape)} here and {what} in {origin}; "
        "give `model:` the sizes that the weights have"
    )
