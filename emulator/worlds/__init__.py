"""The world bank: exact simulators of macro models. NumPy float64, never torch."""

from typing import TYPE_CHECKING, Any

from emulator.worlds.base import Paths, Responses, Status, World
from emulator.worlds.registry import get_world, has_world, list_worlds

if TYPE_CHECKING:
    from emulator.worlds.dynare import from_dynare

__all__ = [
    "Paths", "Responses", "Status", "World", "from_dynare", "get_world", "has_world", "list_worlds",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    # Few need it, and it imports more of SciPy than the bank does.
    if name == "from_dynare":
        from emulator.worlds.dynare import from_dynare

        return from_dynare
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
