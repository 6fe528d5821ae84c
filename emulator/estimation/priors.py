"""What is believed of a world's parameters before a history is seen.

Parameters are functions of z ~ N(0, I), one of its coordinates each: theta = F^{-1}(Phi(z)) with F
the distribution of the prior, which makes the prior normal whatever the parameters' bounds. A draw
counts where the prior admits it; the prior is what is left, of total mass one.

A world has its own prior: boxes, with the restrictions that its `check` knows. That of an imported
model is what its file's `estimated_params` says, where it says something: then those parameters
move, as far as their bounds in the file, and the others stay at the file's values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy.special import ndtr

from emulator.errors import InputError
from emulator.worlds import Status, World
from emulator.worlds.base import StatusArray

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64

    from emulator.worlds.dynare.model import Prior as Line

_LARGEST = math.nextafter(1.0, 0.0)  # uniforms end below one


class Prior(Protocol):
    """What is believed of the parameters of `world`. names: of the K that move, as z has them."""

    @property
    def world(self) -> World[Any]: ...

    @property
    def names(self) -> tuple[str, ...]: ...

    def theta(self, z: Float64[np.ndarray, "B K"]) -> Float64[np.ndarray, "B P"]:
        """All parameters of the world."""
        ...

    def admits(
        self, theta: Float64[np.ndarray, "B P"], status: StatusArray
    ) -> Bool[np.ndarray, " B"]:
        """Which draws count, by the world's verdicts on them."""
        ...


@dataclass(frozen=True)
class OwnPrior:
    """The world's own prior: draws inside the bounds that its `check` finds nothing wrong with."""

    world: World[Any]

    @property
    def names(self) -> tuple[str, ...]:
        return self.world.parameter_names

    def theta(self, z: Float64[np.ndarray, "B P"]) -> Float64[np.ndarray, "B P"]:
        return self.world.from_uniforms(np.minimum(ndtr(z), _LARGEST))

    def admits(
        self, theta: Float64[np.ndarray, "B P"], status: StatusArray
    ) -> Bool[np.ndarray, " B"]:
        return np.asarray(status == Status.OK)


@dataclass(frozen=True)
class EstimatedPrior:
    """The prior that a model file states: draws with a unique stable solution, within the bounds
    of the lines of `estimated_params` that give some.

    lines: what the file says of each parameter that moves.
    """

    world: World[Any]
    lines: Mapping[str, Line]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.lines)

    def theta(self, z: Float64[np.ndarray, "B K"]) -> Float64[np.ndarray, "B P"]:
        from emulator.worlds.dynare.quantiles import quantiles

        u = np.minimum(ndtr(z), _LARGEST)
        theta = np.tile(self.world.pack(), (len(z), 1))
        for k, (name, line) in enumerate(self.lines.items()):
            theta[:, self.world.parameter_names.index(name)] = quantiles(line, u[:, k])
        return theta

    def admits(
        self, theta: Float64[np.ndarray, "B P"], status: StatusArray
    ) -> Bool[np.ndarray, " B"]:
        inside = np.ones(len(theta), dtype=np.bool_)
        for name, line in self.lines.items():
            values = theta[:, self.world.parameter_names.index(name)]
            inside &= values >= (-np.inf if line.lower is None else line.lower)
            inside &= values <= (np.inf if line.upper is None else line.upper)
        # the world's box is an interval of the prior, which reaches beyond it
        return np.asarray(inside & (status <= Status.OUT_OF_BOUNDS))


def prior_of(world: World[Any]) -> Prior:
    """The prior of a world. Raises InputError where a file estimates a parameter without saying
    how, or by numbers that make no distribution."""
    from emulator.worlds.dynare import DynareWorld

    lines = world.estimated if isinstance(world, DynareWorld) else {}
    if not lines:
        return OwnPrior(world)
    for name, line in lines.items():
        _check(name, line)
    return EstimatedPrior(world, lines)


def _check(name: str, line: Line) -> None:
    from emulator.worlds.dynare.quantiles import quantiles

    try:
        middle = float(quantiles(line, np.array([0.5]))[0])
    except ValueError:
        middle = math.nan
    if not math.isfinite(middle):
        raise InputError(
            f"{line.place}: estimated_params: {name}: expected a prior with a mean and an s.d. "
            f"that make a distribution, got {line.shape}({line.mean}, {line.sd}); give one, or "
            "take the line out to leave the parameter where it is"
        )


def left_out(world: World[Any]) -> tuple[str, ...]:
    """What a file estimates and this package keeps where it is, a sentence each."""
    from emulator.worlds.dynare import DynareWorld

    if not isinstance(world, DynareWorld):
        return ()
    estimated = set(world.estimated.values())
    return tuple(
        f"{line.kind.replace('stderr', 's.d. of')} {line.name} is estimated by the file "
        f"({line.place}) and stays at its value here"
        for line in world.priors
        if line not in estimated
    )
