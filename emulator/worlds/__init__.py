"""The world bank: exact simulators of macro models. NumPy float64, never torch."""

from emulator.worlds.base import Paths, Responses, Status, World
from emulator.worlds.registry import get_world, list_worlds

__all__ = ["Paths", "Responses", "Status", "World", "get_world", "list_worlds"]
