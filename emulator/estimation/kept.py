"""Arrays and notes in one file, with a key of all that they depend on."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from emulator.errors import InputError
from emulator.storage import read_bytes, write_atomically


def keep(
    path: Path, key: str, arrays: Mapping[str, np.ndarray], notes: Mapping[str, Any] | None = None
) -> None:
    """Write them, all or nothing. notes: plain data."""
    buffer = io.BytesIO()
    text = json.dumps({"key": key, **(notes or {})})
    np.savez(buffer, notes=np.array(text), **arrays)  # type: ignore[arg-type]  # no pickles
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, buffer.getvalue())


def kept(path: Path, key: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """What was kept there; None where nothing was. Raises InputError where the file is damaged or
    has another key."""
    try:
        content = read_bytes(path)
    except FileNotFoundError:
        return None
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as found:
            notes = json.loads(str(found["notes"]))
            arrays = {name: found[name] for name in found.files if name != "notes"}
        key_there = notes.pop("key")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, BadZipFile):
        raise damaged(path) from None
    if key_there != key:
        raise InputError(
            f"{path}: is of another history, noise, seed, number of draws, weights or version of "
            "the world; ask for the same, or delete it"
        )
    return arrays, notes


def damaged(path: Path) -> InputError:
    """The error for a file that does not hold what it should."""
    return InputError(f"{path}: damaged; delete it to have this part done again")
