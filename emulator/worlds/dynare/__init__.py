"""Dynare's .mod files as worlds.

A file is read (`text`, `macros`, `tokens`, `statements`, `reader`) into a `model` over one
expression `graph`; brought to leads and lags of one quarter (`timing`); its steady state found
(`rest`), what need not be solved left out (`structure`), and the rest decided (`decide`) draw by
draw. `world` makes it a `World`, `files` writes that as data and reads it again.
"""

from emulator.worlds.dynare.files import from_content, from_dynare, read_world, write_world
from emulator.worlds.dynare.places import Refusal
from emulator.worlds.dynare.world import DynareWorld

__all__ = ["DynareWorld", "Refusal", "from_content", "from_dynare", "read_world", "write_world"]
