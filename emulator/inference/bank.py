"""Several weights at once, so that worlds that no single folder knows are asked together."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from emulator.inference.arguments import Theta
from emulator.inference.emulator import Emulator, load, unknown_world
from emulator.inference.response import Response
from emulator.models.described import taught
from emulator.models.weights import PRETRAINED, SHIPPED, single_worlds
from emulator.regimes import Regime
from emulator.specs import WorldSpec

if TYPE_CHECKING:
    import torch
    import xarray as xr


def load_bank(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
) -> Bank:
    """The weights in several folders; without any, those shipped. Raises WeightsError.

    `pretrained` stands for all that are shipped: the network of many worlds, and those of one world
    each, which are read when they are asked. Of weights that know a world the last answer for it,
    those of one world named after `pretrained` too. One path alone need not be in a list.
    """
    found = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths) or [SHIPPED]
    emulators, unread = [], set[str]()
    for path in found:
        emulators.append(load(path))
        unread -= set(emulators[-1].worlds)
        if os.fspath(path) == SHIPPED:
            unread |= set(single_worlds())
    return Bank(emulators, unread)


class Bank:
    """Several weights, asked as one. A world is answered by the last of them that knows it; a
    history without a world, by the last that was trained for such. shipped: worlds that weights
    shipped for them alone answer for, read when they are asked."""

    def __init__(self, emulators: Sequence[Emulator], shipped: Iterable[str] = ()) -> None:
        self.emulators = tuple(emulators)
        self._by_world = {world: one for one in self.emulators for world in one.worlds}
        self._unread = sorted(shipped)

    @property
    def worlds(self) -> tuple[str, ...]:
        """The worlds that any of them knows."""
        return (*self._by_world, *(w for w in self._unread if w not in self._by_world))

    @property
    def origin(self) -> dict[str, str]:
        """Where those read so far are from, for records: of several, one after the other."""
        keys = {"trained_at": "commit"} | {
            key: key for key in ("weights_sha256", "config_sha", "data_sha")
        }
        return {
            shown: ", ".join(str(one.provenance[key]) for one in self.emulators)
            for shown, key in keys.items()
        }

    def of(self, world: str | None) -> Emulator:
        """The weights that answer for a world. Raises UnknownNameError."""
        if world is None:
            blind = [e for e in self.emulators if Regime.B2 in taught(e.provenance)]
            return (blind or self.emulators)[-1]
        if isinstance(world, str) and world in self._unread:
            self._read(world)
        if not isinstance(world, str) or world not in self._by_world:
            raise unknown_world(world, self.worlds)
        return self._by_world[world]

    def _read(self, world: str) -> None:
        one = load(PRETRAINED / world)
        self._unread.remove(world)
        self._by_world[world] = one
        self.emulators = (*self.emulators, one)

    def spec(self, world: str) -> WorldSpec:
        """A world as `Emulator.spec` has it."""
        return self.of(world).spec(world)

    def respond(self, world: str | None = None, theta: Theta = None, **options: Any) -> Response:
        """As `Emulator.respond`."""
        return self.of(world).respond(world, theta, **options)

    def irf(self, world: str | None = None, theta: Theta = None, **options: Any) -> xr.DataArray:
        """As `Emulator.irf`."""
        return self.of(world).irf(world, theta, **options)

    def irf_torch(self, world: str, theta: torch.Tensor, **options: Any) -> torch.Tensor:
        """As `Emulator.irf_torch`."""
        return self.of(world).irf_torch(world, theta, **options)
