"""Impulse responses of macroeconomic models from one neural network.

    import emulator
    emulator.get_world("nk").irf(theta)                                # exact
    emulator.load("runs/smoke/universal/A").irf("nk", {"phi_pi": 2.0})  # emulated

Nothing is imported until it is used: `import emulator` costs milliseconds, worlds never pull in
torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.estimation.estimate import estimate
    from emulator.evaluation.scoring.methods import score_method
    from emulator.foreign.answers import estimate_responses
    from emulator.inference import Bank, Emulator, load, load_bank
    from emulator.worlds import get_world, list_worlds

__version__ = "0.2.0"
__all__ = [
    "Bank", "Emulator", "__version__", "estimate", "estimate_responses", "get_world", "list_worlds",
    "load", "load_bank", "score_method",
]  # fmt: skip

_HOMES = {
    "Bank": "emulator.inference",
    "Emulator": "emulator.inference",
    "estimate": "emulator.estimation.estimate",
    "load": "emulator.inference",
    "estimate_responses": "emulator.foreign.answers",
    "load_bank": "emulator.inference",
    "get_world": "emulator.worlds",
    "list_worlds": "emulator.worlds",
    "score_method": "emulator.evaluation.scoring.methods",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'emulator' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
