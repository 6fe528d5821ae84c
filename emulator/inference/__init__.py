"""The object users hold: `load(...).irf(...)`.

Nothing is imported until it is used, so that histories are read without torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.inference.emulator import Emulator, load

__all__ = ["Emulator", "load"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from emulator.inference import emulator

        return getattr(emulator, name)
    raise AttributeError(f"module 'emulator.inference' has no attribute {name!r}")
