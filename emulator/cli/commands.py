"""Importing this module registers every subcommand with the app."""

from emulator.cli import evaluate, generate, irf, reproduce, train, validate, worlds

__all__ = ["evaluate", "generate", "irf", "reproduce", "train", "validate", "worlds"]
