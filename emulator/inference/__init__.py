"""The objects users hold: `load(...).irf(...)`, `load_bank([...]).irf(...)`.

Nothing is imported until it is used, so that histories are read without torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.inference.bank import Bank, load_bank
    from emulator.inference.emulator import Emulator, load

__all__ = ["Bank", "Emulator", "load", "load_bank"]

_HOMES = {"Bank": "bank", "Emulator": "emulator", "load": "emulator", "load_bank": "bank"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'emulator.inference' has no attribute {name!r}")
