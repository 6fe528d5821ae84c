"""Arrays and notes, or what was drawn, in one file, with a key of all that they depend on."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile

import numpy as np

from emulator.errors import InputError
from emulator.storage import read_bytes, write_atomically

Found = TypeVar("Found")


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
            f"{path}: is of another history, noise, seed, number of draws, choice of instant, "
            "weights or version of the world; ask for the same, or name another folder with "
            "--output"
        )
    return arrays, notes


def keep_drawn(path: Path, key: str, found: Any, rng: np.random.Generator, **notes: Any) -> None:
    """Write a dataclass of arrays and plain data, the state of the stream it was drawn from, and
    notes."""
    arrays = {name: v for name, v in vars(found).items() if isinstance(v, np.ndarray)}
    rest = {name: v for name, v in vars(found).items() if name not in arrays}
    keep(path, key, arrays, {"stage": rest, "rng": rng.bit_generator.state, **notes})


def kept_drawn(
    path: Path, key: str, kind: Callable[..., Found], rng: np.random.Generator
) -> tuple[Found, dict[str, Any]] | None:
    """What `keep_drawn` kept there and its notes, with `rng` as it was left; None where nothing
    was. Raises InputError as `kept` does."""
    there = kept(path, key)
    if there is None:
        return None
    arrays, notes = there
    try:
        found = kind(**arrays, **notes.pop("stage"))
        rng.bit_generator.state = notes.pop("rng")
    except (ValueError, KeyError, TypeError):
        raise damaged(path) from None
    return found, notes


def damaged(path: Path) -> InputError:
    """The error for a file that does not hold what it should."""
    return InputError(f"{path}: damaged; delete it to have this part done again")
