"""The object users hold: `load(...).irf(...)`."""

from emulator.inference.emulator import Emulator, load

__all__ = ["Emulator", "load"]
