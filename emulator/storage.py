"""State on disk: written to a temporary name and renamed, recognised by its SHA-256.

Whoever stops a program, at any instant, finds the old file or the new one, never a part of it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

CHECKSUM = "checksum"  # the key of JSON files that holds the SHA-256 of the rest

# --------------------------------------------------------------------- writing


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """An open file that takes the place of `path` at the end, when all of it is on the disk.

    An error leaves what was there before, and no temporary file. An OSError names `path`.
    """
    temporary = temporary_beside(path)
    try:
        with naming(path, temporary):
            with temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` as `writing` does: all or nothing. An OSError names `path`."""
    with writing(path) as file:
        file.write(data)


@contextmanager
def naming(path: str | Path, *aliases: Path) -> Iterator[None]:
    """Let an OSError of a write, which names no file or one of `aliases`, name `path`."""
    try:
        yield
    except OSError as error:
        # Errors of this package carry a sentence and no number: they say enough.
        if error.errno is None or error.filename not in (None, *map(str, aliases)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None


def temporary_beside(path: Path) -> Path:
    """Where this process writes what will be `path`: in the same folder, so that a rename does."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def is_temporary(name: str) -> bool:
    """Whether a file of this name was being written, by this process or another."""
    return name.startswith(".") and name.endswith(".tmp")


def sweep(folder: Path) -> None:
    """Remove what programs that were killed had begun to write in `folder` and below."""
    for path in folder.rglob(".*.tmp"):
        path.unlink(missing_ok=True)


# --------------------------------------------------------------------- checksums


def sha256(*parts: bytes) -> str:
    """SHA-256, in hex digits, of the parts one after the other."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256, in hex digits, of a file's contents, of any size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical_json(data: Any) -> str:
    """JSON with sorted keys and no spaces: equal data gives equal text. ValueError where a number
    is not finite."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)


def json_sha256(data: Any) -> str:
    """SHA-256, in hex digits, of the canonical JSON of `data`: the order of keys does not count."""
    return sha256(canonical_json(data).encode())


def sealed(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data with a last key, "checksum", of everything else.

    It is against accidents and edits, not against somebody who computes it anew.
    """
    rest = {key: value for key, value in data.items() if key != CHECKSUM}
    return {**rest, CHECKSUM: json_sha256(rest)}


def is_sealed(data: Mapping[str, Any]) -> bool:
    """Whether the data are as they were when `sealed` made them."""
    try:
        return CHECKSUM in data and sealed(data)[CHECKSUM] == data[CHECKSUM]
    except ValueError:  # NaN or infinity, which were never sealed
        return False
