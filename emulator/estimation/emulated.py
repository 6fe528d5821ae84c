"""Worlds that stand in for one that is dear to solve.

`emulated` answers by a network: a state space that realises its responses, so that the filter, the
sampler and all that follows take it like any linear world. What a network was trained on ends after
some ten years; the state space goes on. `solved` answers at parameters that were solved before, by
what was found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from emulator.errors import InputError
from emulator.specs import same_names
from emulator.worlds import World
from emulator.worlds.base import FloatArray, StatusArray
from emulator.worlds.linear import LinearWorld, StateSpace
from emulator.worlds.realisation import realise

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float64

# States of what realises a network's responses. Of `hank`'s exact ones over 41 quarters, ten leave
# the log likelihood of 198 quarters within a few hundredths; each one more costs time.
STATES = 10

# What a world is known by, which whoever stands in for it has too.
_SHARED = (
    "name", "title", "source", "parameters", "shocks", "observables", "restrictions", "recursive",
)  # fmt: skip

Answer = Callable[[FloatArray], FloatArray]


class _StandIn(LinearWorld[StateSpace]):
    """Has the names, bounds and prior of another world."""

    _for: ClassVar[World[Any]]

    def from_uniforms(self, u: Float64[np.ndarray, "B P"]) -> Float64[np.ndarray, "B P"]:
        return self._for.from_uniforms(u)


class Emulated(_StandIn):
    """A world by responses (B, S, K, 3) to one s.d. that something else gives; see `emulated`."""

    _answer: ClassVar[tuple[Answer]]

    def _solve(self, theta: FloatArray) -> StateSpace:
        return realise(self._answer[0](theta), len(self.state_names)).system

    def check(self, theta: Any) -> StatusArray:
        """By the bounds: an answer is given wherever it is asked for."""
        return self._bounds_status(self._theta(theta))


class Solved(_StandIn):
    """A world at parameters that were solved before; see `solved`."""

    _known: ClassVar[tuple[dict[bytes, int], StateSpace]]

    def _solve(self, theta: FloatArray) -> StateSpace:
        rows, found = self._known
        chosen = [rows[one.tobytes()] for one in theta]
        return StateSpace(*(part[chosen] for part in found))


Kind = TypeVar("Kind", bound=_StandIn)


def emulated(world: World[Any], answer: Answer, states: int = STATES) -> Emulated:
    """The world with responses (B, S, K, 3) to one s.d. from `answer`, given theta (B, P).

    It takes all of the world's box: whether there is a unique stable solution it does not know.
    Raises InputError where the world is not linear, so that responses do not give its likelihood.
    """
    if not world.linear:
        raise InputError(
            f"world {world.name!r} is not linear: its responses from rest, which weights give, do "
            "not say how likely a history is"
        )
    return _standing_in(Emulated, world, states, _answer=(answer,))


def solved(world: World[Any], theta: Float64[np.ndarray, "N P"], found: StateSpace) -> Solved:
    """The world at the rows of theta, of which `found` are the solutions."""
    rows = {one.tobytes(): row for row, one in enumerate(theta)}
    return _standing_in(Solved, world, found.a.shape[1], _known=(rows, found))


def _standing_in(kind: type[Kind], world: World[Any], states: int, **own: Any) -> Kind:
    shared = {name: getattr(world, name) for name in _SHARED}
    names = tuple(f"x{k}" for k in range(1, states + 1))
    made: Kind = type(f"{kind.__name__}_{world.name}", (kind,), {
        **shared, "_for": world, "state_names": names, **own,
    })()  # fmt: skip
    return made


def through(world: World[Any], weights: Sequence[str]) -> tuple[Emulated, str]:
    """The world by the last of the weights in these folders that know it, and their SHA-256.

    Raises UnknownNameError where none does, InputError where they know it by other parameters or
    shocks, or from data alone.
    """
    # Imported here: worlds that are solved are estimated without torch, which takes seconds.
    from emulator.inference import load_bank
    from emulator.regimes import Regime

    model = load_bank(weights).of(world.name)
    if not same_names(model.spec(world.name), world.spec):
        raise InputError(
            f"weights: know world {world.name!r} by other parameters or shocks; train anew, or "
            "ask the version of the package that they were trained with"
        )
    model.check_trained(Regime.A)

    def answer(theta: FloatArray) -> FloatArray:
        return model.respond(world.name, theta, check=False).point

    return emulated(world, answer), str(model.provenance["weights_sha256"])
