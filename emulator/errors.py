"""Errors a user can act on.

Every error says what was expected, what came, where, and what to do. `EmulatorError` is the one
base class: the command line turns it into a single line on stderr and exit code 2. Each subclass
is also the builtin it specialises, so callers may catch `ValueError` or `KeyError` as usual.
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable


class EmulatorError(Exception):
    """Base class of all errors raised on purpose by this package."""

    def __str__(self) -> str:
        # KeyError would print the repr of its message; users should see the plain sentence.
        return str(self.args[0]) if self.args else ""


class InputError(EmulatorError, ValueError):
    """A value, shape or unit given by the user is not usable."""


class UnknownNameError(EmulatorError, KeyError):
    """A world, parameter, shock or other name does not exist."""


class ConfigError(EmulatorError, ValueError):
    """A configuration file cannot be read or asks for something impossible."""


class WorldError(EmulatorError, ArithmeticError):
    """A row has no usable solution and `strict=True` was asked for."""


class DatasetError(EmulatorError, OSError):
    """A data set is missing, damaged, or of another schema version."""


class WeightsError(EmulatorError, OSError):
    """A weights folder is missing, damaged, or does not fit its configuration."""


class TrainingError(EmulatorError, RuntimeError):
    """Training cannot go on; the message names the world, the step and the gradient norm."""


class DisagreementError(EmulatorError, ArithmeticError):
    """An exported network does not give the answers of the one it was made from."""


def short(value: object) -> str:
    """A value as it would be typed, cut where it is long or deep."""
    whole = isinstance(value, str) and len(value) <= 80
    return repr(value) if whole else reprlib.repr(value)


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """The valid name closest to `name`, whatever its case, or None when nothing is close."""
    names = {valid_name.casefold(): valid_name for valid_name in reversed(list(valid))}
    matches = difflib.get_close_matches(name.casefold(), names, n=1, cutoff=0.5)
    return names[matches[0]] if matches else None


def unknown_name(kind: str, name: object, valid: Iterable[str]) -> UnknownNameError:
    """The error for a name that does not exist, with the nearest valid one and the full list.

    name: usually a string; users hand over numbers, lists and objects too.
    """
    names = list(valid)
    close = nearest(name, names) if isinstance(name, str) else None
    hint = f"did you mean {close!r}? " if close else ""
    shown = short(name)
    return UnknownNameError(f"unknown {kind} {shown}: {hint}valid: {', '.join(names)}")
