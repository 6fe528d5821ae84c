"""Importing this module registers every subcommand with the app."""

from emulator.cli import (
    compare,
    evaluate,
    explore,
    export,
    floors,
    generate,
    irf,
    reproduce,
    train,
    validate,
    worlds,
)

__all__ = [
    "compare",
    "evaluate",
    "explore",
    "export",
    "floors",
    "generate",
    "irf",
    "reproduce",
    "train",
    "validate",
    "worlds",
]
