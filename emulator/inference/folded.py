"""A world's network for answers from parameters, its weights as arrays in which all that is
constant is multiplied out.

    folded = Folded.of(network, scales)

Gains and damping go into the maps before, what moves nothing becomes zeros. `few` and `direct`
answer with it, the one in NumPy, the other compiled; both give the numbers of the network.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from emulator.models.from_parameters import STATE, FromParameters, SmallShock
from emulator.models.gated import GAIN, Gated, Maps, Reach
from emulator.models.rolled import DAMPED

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64

    from emulator.models.base import ResponseScales

Single = NDArray[np.float32]
Double = NDArray[np.float64]

TINY = np.float32(1e-30)  # norms are at least
FAR = np.float32(1e30)  # what is not measured is not held; compiled loops know no infinity


class Layers(NamedTuple):
    """Gated layers of G groups, each map with its constants. first (G, rows, inputs): to the width,
    or with no maps `down` through and gate of the first layer. up (L, G, 2 width, width): of
    layers, or of those after the first. down (L, G, width, width). lowest, highest (L, G, width).
    """

    first: Single
    first_constant: Single
    up: Single
    up_constant: Single
    down: Single
    down_constant: Single
    lowest: Single
    highest: Single


class System(NamedTuple):
    """What is read off the last units: (G, rows, width), the matrices of systems and then `fix`
    coefficients of components, also of inputs (G, matrices' rows, inputs); constants (G, rows)."""

    units: Single
    inputs: Single
    constant: Single
    basis: Single  # (points, K)
    relative: Single  # (S, 3)


class Sized(NamedTuple):
    """What the size adds, of no shocks where it adds nothing. layers: of parameters, the size and
    its modulus, and what is told of paths below floors. fix (S, 3 K, width): coefficients of
    components, with constants. floors: (F, 2), observables and parameters. seen: components of a
    path told of."""

    layers: Layers
    fix: Single
    fix_constant: Single
    basis: Single
    floors: NDArray[np.int64]
    seen: int


@dataclass(frozen=True)
class Folded:
    """One world's network for responses from rest, per unit of size and in physical units.

    layers, system and what the size adds are arrays of float32; lower, upper (P,), in logs where
    `log` (P,), and sd (S, 3) of float64. columns (S,): the parameter that is a shock's s.d., -1 for
    none, and reference (S,) its value that sd is of. states: of the system. recursive: whether the
    impact is turned to be lower triangular.
    """

    layers: Layers
    system: System
    sized: Sized
    lower: Double
    upper: Double
    log: NDArray[np.bool_]
    columns: NDArray[np.int64]
    reference: Double
    sd: Double
    states: int
    recursive: bool

    @classmethod
    def of(cls, network: FromParameters, scales: ResponseScales) -> Folded:
        """The weights as they are now."""
        small, box = network.small, network.box
        return cls(
            _layers(small.units, _numpy(small.mask)), _system(small, scales), _sized(network),
            _numpy(box.lower).astype(np.float64), _numpy(box.upper).astype(np.float64),
            _numpy(box.log), _numpy(scales.columns), _numpy(scales.reference),
            _numpy(scales.sd).astype(np.float64), small.system.states, small.recursive,
        )  # fmt: skip

    def read(
        self, theta: Float64[np.ndarray, "B P"]
    ) -> tuple[Float32[np.ndarray, "B P"], Float64[np.ndarray, "B S"]]:
        """Parameters as the network reads them, and what a unit of each shock's response is worth
        beside the reference; not finite, and refused later, where a positive one is not."""
        with np.errstate(divide="ignore", invalid="ignore"):
            value = np.where(self.log, np.log(np.where(self.log, theta, 1.0)), theta)
        x = ((value - self.lower) / (self.upper - self.lower) - 0.5) * 12.0**0.5
        own = theta[:, np.maximum(self.columns, 0)] / self.reference
        return x.astype(np.float32), np.where(self.columns >= 0, own, 1.0)


def _numpy(tensor: torch.Tensor) -> NDArray[Any]:
    return tensor.detach().cpu().numpy()


def _of(maps: Iterable[nn.Module], rows: int, columns: int) -> tuple[Single, Single]:
    """Weights (L, G, rows, columns) and constants (L, G, rows) of `Maps` alike."""
    both = [(_numpy(m.weight), _numpy(m.constants)) for m in maps if isinstance(m, Maps)]
    if not both:
        return np.zeros((0, 1, rows, columns), np.float32), np.zeros((0, 1, rows), np.float32)
    weights, constants = zip(*both, strict=True)
    return np.stack(weights), np.stack(constants)


def _layers(gated: Gated, mask: Single, apart: tuple[int, int] | None = None) -> Layers:
    """mask: (G, 1, inputs), zero for what is not read. apart: of the inputs, a first that are zero
    and the one after them that is one, which are left out."""
    width, maps = gated.width, list(gated.up)
    first = maps.pop(0) if gated.first is None else gated.first
    assert isinstance(first, Maps)
    weight, constant = _numpy(first.weight) * mask, _numpy(first.constants).copy()
    if apart is not None:
        zeros, one = apart
        constant += weight[:, :, one]
        weight = np.concatenate([weight[:, :, :zeros], weight[:, :, one + 1 :]], axis=2)
    up, up_constant = _of(maps, 2 * width, width)
    # u sigmoid(g) = u (1 + tanh(g / 2)) / 2.
    half = np.repeat([GAIN / 2.0, 0.5], width).astype(np.float32)
    up, up_constant = up * half[:, None], up_constant * half
    if gated.first is None:
        weight, constant = weight * half[:, None], constant * half
    down, down_constant = _of(gated.down, width, width)
    reaches = [reach for reach in gated.reach if isinstance(reach, Reach)]
    lowest, highest = (
        np.clip(np.stack([_numpy(part)[:, 0] for part in parts]), -FAR, FAR)
        for parts in ([r.lowest for r in reaches], [r.highest for r in reaches])
    )
    return Layers(
        np.ascontiguousarray(weight), constant, up, up_constant, down, down_constant, lowest,
        highest,
    )  # fmt: skip


def _sized(network: FromParameters) -> Sized:
    beyond = network.beyond
    if beyond is None or not beyond.by_size:
        none = _layers(Gated(1, 1, 1, 1, residual=False), np.ones((1, 1, 1), np.float32))
        empty, floors = np.zeros((0, 1), np.float32), np.zeros((0, 2), np.int64)
        return Sized(none, empty[None][:0], empty, np.zeros((1, 1), np.float32), floors, 0)
    parameters, inputs = network.small.mask.shape[2], beyond.inputs
    one = np.ones((1, 1, inputs), np.float32)
    layers = _layers(beyond.units, one, (parameters, parameters + STATE))
    spread = _numpy(beyond.components.spread)
    spread = spread.reshape(len(spread), -1)
    fix = _numpy(beyond.out.weight) * spread[..., None]
    return Sized(
        layers, fix, _numpy(beyond.out.constants) * spread, _numpy(beyond.components.basis).copy(),
        np.array(beyond.floors, np.int64).reshape(-1, 2), beyond.seen,
    )  # fmt: skip


def _system(small: SmallShock, scales: ResponseScales) -> System:
    system, out, components = small.system, small.out, small.components
    units, inputs = _numpy(system.out.weight).copy(), _numpy(system.linear.weight).copy()
    constant = _numpy(system.out.constants + system.linear.constants).copy()
    entries = system.states**2
    for part in (units, inputs, constant):
        part[:, :entries] *= np.float32(DAMPED)
    inputs *= _numpy(small.mask)
    groups, spread = len(units), _numpy(components.spread)
    spread = spread.reshape(groups, -1)
    units = np.concatenate([units, _numpy(out.weight) * spread[..., None]], axis=1)
    constant = np.concatenate([constant, _numpy(out.constants) * spread], axis=1)
    sd = _numpy(scales.sd)
    relative = np.ones_like(sd)
    if small.shared:
        common = np.sqrt(np.mean(sd**2, axis=0))
        relative = np.where(sd > 0.0, common / np.where(sd > 0.0, sd, 1.0), 0.0)
    basis = _numpy(components.basis).copy()
    return System(units, inputs, constant, basis, relative.astype(np.float32))
