"""One world's responses where its parameters are known.

    parameters ── gated units ─┬─ linear system ─┐
                               └─ components ────┴─ the response of a small shock from rest
    that, size, state ── gated units ── components ─ what size and state add, in nonlinear worlds
                │
                └─ the past, read beside the parameters (past.py)

A shock reads only what moves it (`WorldSpec.moves`). Where most parameters move every shock, all
shocks share one deep trunk, a linear system's transition and how it is observed; elsewhere each has
shallow layers of its own. Which it is follows from the table, measured in docs/experiments.md.

A world that declares a floor has a known part: from rest, the response of a small shock is its
response wherever the path stays above, so that nothing is added there; and nothing falls below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import nn

from emulator.limits import MAX_SIZE, QUANTILES
from emulator.models.gated import Gated, Maps
from emulator.models.heads import DECAYS, start_bands
from emulator.models.normalization import ParameterNormalizer
from emulator.models.past import PastReader, Seen
from emulator.models.rolled import Components, Rolled, recursive
from emulator.models.tail import Tail
from emulator.specs import OBSERVABLE_NAMES, WorldSpec, same_names

if TYPE_CHECKING:
    from jaxtyping import Float

# Share of parameters that move every shock from which on shocks share a trunk. Those of the bank
# are at or below .54, or at or above .79.
SHARED = 2 / 3
GROUP_LAYERS, TRUNK_LAYERS = 3, 5
GROUP_STATES, TRUNK_STATES = 4, 8
COMPONENTS = 16  # of 41 points; the rest is below 1e-4 of responses' variance in every world
STATE = 32  # numbers about the state that are told to what it adds
# Of the pace of weights that answer from a state, once it is read. What is known of one often
# leaves an error that no network can remove, and so a gradient that never settles: at full pace
# gates drift until shut.
SLOW = 0.5
NEAR = 0.25  # s.d.s below a floor at which half of what size adds is let through


class Widths(NamedTuple):
    """Units of a layer, of a shock's own and of a shared trunk."""

    group: int
    trunk: int


class Known(NamedTuple):
    """What a world's parameters say, over the responses' scale.

    response: (B, S, points, 3). spread: coefficients of the bands (B S, 3, levels, decays).
    """

    response: Float[torch.Tensor, "B S points 3"]
    spread: Float[torch.Tensor, "BS 3 levels decays"]


class SmallShock(nn.Module):
    """The response to a small shock from rest, which in a linear world is that to any."""

    mask: torch.Tensor

    def __init__(self, spec: WorldSpec, widths: Widths, points: int) -> None:
        super().__init__()
        parameters, shocks = len(spec.parameters), len(spec.shocks)
        moves = np.array(spec.moves or ((True,) * shocks,) * parameters)
        self.shared = bool(moves.all(axis=1).mean() >= SHARED)
        self.recursive = spec.recursive and self.shared
        groups, width = (1, widths.trunk) if self.shared else (shocks, widths.group)
        mask = np.ones((1, parameters)) if self.shared else moves.T
        self.register_buffer(
            "mask", torch.tensor(mask[:, None], dtype=torch.float32), persistent=False
        )
        layers = TRUNK_LAYERS if self.shared else GROUP_LAYERS
        self.units = Gated(groups, parameters, width, layers, residual=self.shared)
        each = shocks // groups
        states = TRUNK_STATES if self.shared else GROUP_STATES
        self.system = Rolled(groups, each, parameters, width, states)
        self.components = Components(shocks, points, COMPONENTS)
        self.out = Maps(groups, width, each * self.components.spread[0].numel(), 0.05)
        self.spread = _spread(groups, width, each)
        start_bands(self.spread.bias)

    def forward(
        self, x: Float[torch.Tensor, "B P"], sd: Float[torch.Tensor, "S 3"], points: int
    ) -> Known:
        """x: (B, P), of order one. sd: (S, 3), what a unit of response is worth."""
        read = x * self.mask  # (G, B, P)
        units = self.units(read)
        response = self.system(units, read, points)
        if self.recursive:
            response = recursive(response)
        if self.shared:
            # One system for all shocks has one scale for each observable.
            common = sd.square().mean(dim=0).sqrt()
            response = response * torch.where(sd > 0.0, common / sd, 0.0)[:, None]
        shape = self.components.spread.shape[1:]
        with torch.autocast(x.device.type, enabled=False):
            fix = self.components(_by_shock(self.out(units.float()), *shape), points)
        return Known(response + fix, _coefficients(self.spread(units.detach())))


class Beyond(nn.Module):
    """What a size that is not small, and a state that is not rest, add to a response."""

    def __init__(self, spec: WorldSpec, widths: Widths, points: int) -> None:
        super().__init__()
        parameters, shocks = len(spec.parameters), len(spec.shocks)
        self.by_size = spec.by_size
        names = spec.parameter_names
        self.floors = [(OBSERVABLE_NAMES.index(o), names.index(p)) for o, p in spec.floors]
        self.components = Components(shocks, points, COMPONENTS)
        self.seen = min(6, self.components.basis.shape[1])  # components of a path below a floor
        self.past = PastReader(parameters, shocks, widths.group, STATE)
        groups, width = (shocks, widths.group) if self.by_size else (1, widths.trunk)
        inputs = parameters + STATE + 1
        inputs += (2 + (2 + self.seen) * len(self.floors)) if self.by_size else 0
        self.inputs = inputs
        layers = GROUP_LAYERS if self.by_size else TRUNK_LAYERS
        pace = 1.0 if self.by_size else SLOW
        self.units = Gated(groups, inputs, width, layers, residual=not self.by_size, pace=pace)
        each = shocks // groups
        self.out = Maps(groups, width, each * self.components.spread[0].numel(), 0.05, pace)
        self.spread = _spread(groups, width, each)

    def forward(
        self,
        x: Float[torch.Tensor, "B P"],
        theta: Float[torch.Tensor, "B P"],
        size: Float[torch.Tensor, "B S"],
        seen: Seen | None,
        small: Float[torch.Tensor, "B S trained 3"],
        scale: Float[torch.Tensor, "B S 3"],
        points: int,
    ) -> tuple[Known, torch.Tensor | None]:
        """What is added, and the share of it (B, S, 1, 1) that is let through, None for all.

        seen: of the past, None at rest. small: (B, S, trained points, 3), the response of a small
        shock over `scale` (B, S, 3).
        """
        told = x.new_zeros(len(x), STATE) if seen is None else self.past(x, seen)
        rest = x.new_full((len(x), 1), float(seen is None))
        parts, share = [torch.cat([x, told, rest], dim=1)[None]], None
        if self.by_size:
            parts[0] = parts[0].expand(size.shape[1], -1, -1)
            parts.append(torch.stack([size, size.abs()], dim=-1).transpose(0, 1) / MAX_SIZE)
            below = [self._below(theta, size, small, scale, *floor) for floor in self.floors]
            parts += [features.transpose(0, 1) for features, _ in below]
            if below and seen is None:
                deepest = torch.stack([depth for _, depth in below]).sum(dim=0)
                share = (deepest / (deepest + NEAR))[..., None, None]
        units = self.units(torch.cat(parts, dim=-1))
        with torch.autocast(x.device.type, enabled=False):
            coefficients = _by_shock(self.out(units.float()), *self.components.spread.shape[1:])
            response = self.components(coefficients, points)
        return Known(response, _coefficients(self.spread(units.detach()))), share

    def _below(
        self,
        theta: torch.Tensor,
        size: torch.Tensor,
        small: torch.Tensor,
        scale: torch.Tensor,
        observable: int,
        parameter: int,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """How far the path of a small shock's response, at this size, falls below a floor: what is
        told of it (B, S, features), and by how much at most (B, S), in s.d.s of the response."""
        unit = (size.abs() * scale[..., observable]).clamp(min=1e-12)[..., None]
        path = size.sign()[..., None] * small.detach()[..., observable]
        above = theta[:, parameter, None, None] / unit + path  # (B, S, points)
        under = (-above).clamp(min=0.0)
        deepest = under.amax(dim=-1)
        features = [
            under @ self.components.basis[:, : self.seen] / self.seen,
            above.amin(dim=-1, keepdim=True).clamp(-MAX_SIZE, MAX_SIZE),
            deepest[..., None] / MAX_SIZE,
        ]
        return torch.cat(features, dim=-1), deepest


class FromParameters(nn.Module):
    """A world's responses to each of its shocks; see the module docstring."""

    def __init__(self, spec: WorldSpec, widths: Widths, points: int) -> None:
        super().__init__()
        self.spec, self.points = spec, points
        self.box = ParameterNormalizer(spec, plain=True)
        self.small = SmallShock(spec, widths, points)
        self.tail = Tail()
        self.beyond = None if spec.linear else Beyond(spec, widths, points)

    def measure(self, responses: Float[torch.Tensor, "N S points 3"]) -> None:
        """Take the principal components of training responses (N, S, points, 3) over their
        scale."""
        for part in (self.small, self.beyond):
            if part is not None:
                part.components.measure(responses)

    @torch.no_grad()
    def start_as(self, other: FromParameters) -> None:
        """Take over what another network has learned: all that both have where it is of the same
        names; otherwise, where shocks have layers of their own, those of shocks of the same names,
        with what they read of parameters of the same names."""
        if same_names(self.spec, other.spec):
            theirs = dict(other.named_parameters())
            for name, parameter in self.named_parameters():
                # A linear world's knows nothing of states, and what moves what decides some shapes.
                if name in theirs and parameter.shape == theirs[name].shape:
                    parameter.copy_(theirs[name])
            return
        if self.small.shared or other.small.shared:
            return
        groups = _same(self.spec.shock_names, other.spec.shock_names)
        columns = _same(self.spec.parameter_names, other.spec.parameter_names)
        reading = (self.small.units.up[0], self.small.system.linear)
        learned = dict(other.small.named_modules())
        for path, own in self.small.named_modules():
            if not isinstance(own, Maps):
                continue
            like = learned[path]
            assert isinstance(like, Maps)
            for here, there in groups:
                own.constants[here] = like.constants[there]
                if own in reading:
                    for column, from_column in columns:
                        own.weight[here, :, column] = like.weight[there, :, from_column]
                else:
                    own.weight[here] = like.weight[there]

    def forward(
        self,
        theta: Float[torch.Tensor, "B P"],
        size: Float[torch.Tensor, "B S"],
        seen: Seen | None,
        sd: Float[torch.Tensor, "S 3"],
        scale: Float[torch.Tensor, "B S 3"],
        points: int,
    ) -> Known:
        """seen: of the past, None at rest. sd: (S, 3) and scale: (B, S, 3), what a unit of
        response is worth, at the middle of the prior and at theta."""
        if points <= self.points or not self.tail.fitted:
            return self.on_its_own(theta, size, seen, sd, scale, points)
        end = self.points + self.tail.quarters
        known = self.on_its_own(theta, size, seen, sd, scale, max(points, end))
        parts = known.response.float().tensor_split((self.points, end), dim=2)
        with torch.autocast(theta.device.type, enabled=False):
            later = self.tail(parts[0], parts[1], self.box(theta))
        response = torch.cat([parts[0], later, parts[2]], dim=2)
        return known._replace(response=response[:, :, :points])

    def on_its_own(
        self,
        theta: Float[torch.Tensor, "B P"],
        size: Float[torch.Tensor, "B S"],
        seen: Seen | None,
        sd: Float[torch.Tensor, "S 3"],
        scale: Float[torch.Tensor, "B S 3"],
        points: int,
    ) -> Known:
        """As `forward`, its systems going on beyond the points trained on."""
        x = self.box(theta)
        beyond = self.beyond
        if beyond is None or (seen is None and not beyond.by_size):
            return self.small(x, sd, points)  # type: ignore[no-any-return]
        small = self.small(x, sd, max(points, self.points))
        known = small.response[:, :, : self.points]
        added, share = beyond(x, theta, size, seen, known, scale, points)
        response = added.response if share is None else share * added.response
        response = small.response[:, :, :points] + response
        if seen is None:
            for observable, parameter in beyond.floors:
                unit = (size * scale[..., observable])[..., None]
                floor = -theta[:, parameter, None, None] / unit
                held = response[..., observable]
                # Below a positive size's floor, above a negative one's; zero scales have none.
                wrong = ((unit > 0.0) & (held < floor)) | ((unit < 0.0) & (held > floor))
                gap = torch.where(wrong, floor - held, 0.0).detach()  # gradients as if not held
                here = torch.arange(3, device=gap.device) == observable
                response = response + torch.where(here, gap[..., None], 0.0)
        return Known(response, small.spread + added.spread)


def _same(names: tuple[str, ...], others: tuple[str, ...]) -> list[tuple[int, int]]:
    """The places of the names that both have, in either."""
    return [(k, others.index(name)) for k, name in enumerate(names) if name in others]


def _spread(groups: int, width: int, shocks: int) -> Maps:
    """Units of each group to coefficients of its shocks' bands."""
    maps = Maps(groups, width, shocks * 3 * len(QUANTILES) * DECAYS, 0.1)
    nn.init.zeros_(maps.bias)
    return maps


def _coefficients(z: torch.Tensor) -> torch.Tensor:
    """(G, B, ...) to (B S, 3, levels, decays)."""
    return _by_shock(z, 3, len(QUANTILES), DECAYS).flatten(0, 1)


def _by_shock(z: torch.Tensor, *shape: int) -> torch.Tensor:
    """(G, B, each * ...) to (B, S, ...), S = G * each."""
    z = torch.unflatten(z, -1, (-1, *shape))  # (G, B, each, ...)
    return z.transpose(0, 1).flatten(1, 2)
