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
