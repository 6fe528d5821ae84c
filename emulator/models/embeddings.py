"""Names to vectors: worlds, parameters, shocks.

Everything a model knows by name has a row in a table. Worlds that share a parameter's or shock's
name share its row; a new world adds rows, not code.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import nn

from emulator.models.normalization import ParameterNormalizer
from emulator.specs import WorldSpec

if TYPE_CHECKING:
    from jaxtyping import Float

NO_WORLD = "(no world)"  # stands for the world's name in regimes that do not give it


def vocabulary(names: Iterable[str]) -> dict[str, int]:
    """Rows of a table: names in order of first appearance."""
    table: dict[str, int] = {}
    for name in names:
        table.setdefault(name, len(table))
    return table


class NameEmbedding(nn.Module):
    """A learned vector for each name."""

    def __init__(self, names: Iterable[str], dim: int, std: float = 1.0) -> None:
        super().__init__()
        self.rows = vocabulary(names)
        self.table = nn.Embedding(len(self.rows), dim)
        nn.init.normal_(self.table.weight, std=std)

    def forward(self, names: tuple[str, ...]) -> Float[torch.Tensor, "{len(names)} dim"]:
        """(len(names), dim)."""
        index = [self.rows[name] for name in names]
        return self.table.weight[index]


class ParameterEncoder(nn.Module):
    """Parameters of any world as one vector: a sum over identified tokens.

    The token of parameter p is its learned name embedding next to its normalised value,
    `t_p = name_p + value_p * slope_p`; a shared network lifts every token to `hidden`, and a
    name-specific linear path carries the value itself. The sum over tokens takes any number of
    parameters; because each token holds its name, exchanging two parameters' values changes it.
    """

    def __init__(self, specs: Iterable[WorldSpec], token_dim: int, hidden: int) -> None:
        super().__init__()
        specs = list(specs)
        names = [name for spec in specs for name in spec.parameter_names]
        self.normalizers = nn.ModuleDict({s.name: ParameterNormalizer(s) for s in specs})
        self.parameter_names = {s.name: s.parameter_names for s in specs}
        self.name = NameEmbedding(names, token_dim)
        self.slope = NameEmbedding(names, token_dim)
        self.linear = NameEmbedding(names, hidden, std=0.3)
        self.lift = nn.Sequential(nn.SiLU(), nn.Linear(token_dim, hidden))

    def forward(
        self, world: str, theta: Float[torch.Tensor, "B P"]
    ) -> Float[torch.Tensor, "B hidden"]:
        """(B, P) physical parameters to (B, hidden)."""
        value = self.normalizers[world](theta)
        names = self.parameter_names[world]
        token = self.name(names) + value[..., None] * self.slope(names)  # (B, P, token_dim)
        lifted = self.lift[0](token).sum(dim=1)  # the lift is linear after SiLU: sum first
        lifted = self.lift[1](lifted) / len(names) ** 0.5
        return lifted + value @ self.linear(names)  # type: ignore[no-any-return]
