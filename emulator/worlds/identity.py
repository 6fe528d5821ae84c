"""What tells a world from others of its name."""

from __future__ import annotations

from typing import Any

from emulator.storage import json_sha256
from emulator.worlds.base import World
from emulator.worlds.dynare import DynareWorld


def identity(world: World[Any]) -> str:
    """A hash of its names, bounds and units, and of the text of an imported model."""
    text = world.found.text if isinstance(world, DynareWorld) else ""
    return json_sha256({"spec": world.spec.to_dict(), "text": text})


def same_model(one: World[Any], other: World[Any]) -> bool:
    """Whether two imported worlds are one model at the same defaults, whatever their bounds."""
    if not (isinstance(one, DynareWorld) and isinstance(other, DynareWorld)):
        return one is other
    defaults = [{p.name: p.default for p in world.parameters} for world in (one, other)]
    told = [(w.found.text, w.found.observables, w.found.set_values) for w in (one, other)]
    return told[0] == told[1] and defaults[0] == defaults[1]
