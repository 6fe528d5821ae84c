"""State on disk: written to a temporary name and renamed, recognised by its SHA-256.

Whoever stops a program, at any instant, finds the old file or the new one, never a part of it; and
so does whoever cuts the power, as files and the names of files are on the disk before a write ends.

What is read back is a file, never a pipe or a device, and JSON as the standard has it. An OSError
of reading says that the system refused, which tells nothing of what is in the file; a ValueError
says that the file is damaged.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

CHECKSUM = "checksum"  # the key of JSON files that holds the SHA-256 of the rest
MOST_LEVELS = 64  # of nesting in JSON; what is written has a dozen
# What says that there is no such file. Any other OSError of reading one says nothing about it.
GONE = (FileNotFoundError, NotADirectoryError)

# --------------------------------------------------------------------- writing


@contextmanager
def writing(path: Path, earlier: Path | None = None) -> Iterator[BinaryIO]:
    """An open file that takes the place of `path` at the end, when all of it is on the disk.

    earlier: where what was there before is kept. An error leaves what was there before, and no
    temporary file. An OSError names `path`.
    """
    temporary = temporary_beside(path)
    try:
        with naming(path, temporary):
            with temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if earlier is not None:
                path.replace(earlier)
            temporary.replace(path)
            _keep_names(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink()


def _keep_names(folder: Path) -> None:
    """Have the names in a folder on the disk: a rename alone may be lost with the power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that cannot, some network ones
            raise
    finally:
        os.close(descriptor)


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
    return re.fullmatch(r"\..+\.\d+\.tmp", name, re.DOTALL) is not None


def sweep(paths: Iterable[Path]) -> None:
    """Remove those of the paths that programs which were killed had begun to write."""
    for path in paths:
        if is_temporary(path.name):
            path.unlink(missing_ok=True)


# --------------------------------------------------------------------- reading


def open_file(path: Path) -> BufferedReader:
    """The file, open to be read. Raises OSError naming it, also where it is a folder, a pipe or a
    device, of which the last two may have no end or let a reader wait for ever."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "Not a file but a pipe or a device", str(path))


def read_bytes(path: Path) -> bytes:
    """What is in the file. Raises OSError as `open_file` does."""
    with open_file(path) as file, naming(path):
        return file.read()


def read_json(path: Path) -> Any:
    """The JSON in a file. Raises OSError where it cannot be read, ValueError where it is none."""
    return parse_json(read_bytes(path))


def parse_json(text: bytes | str) -> Any:
    """The data in UTF-8 text. ValueError, in a few words, for whatever is not JSON by its standard:
    NaN and infinities, in any spelling, a key twice in a mapping, and nesting without reason."""
    try:
        text = text.decode("utf-8") if isinstance(text, bytes) else text
        _refuse_nesting(text)
        return json.loads(
            text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_mapping
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: {error.msg}, line {error.lineno}") from None
    except UnicodeDecodeError:
        raise ValueError("no text") from None


def _refuse_nesting(text: str) -> None:
    """Before it is parsed: what walks through the data later calls itself at every level."""
    depth = 0
    for found in re.finditer(r"[\[\]{}]", re.sub(r'"(?:[^"\\]|\\.)*"', "", text)):
        depth += 1 if found[0] in "[{" else -1
        if depth > MOST_LEVELS:
            raise ValueError(f"nested more than {MOST_LEVELS} levels deep")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse(text)


def _refuse(text: str) -> float:
    raise ValueError(f"no finite number: {text[:20]}")


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        raise ValueError("a key twice")
    return data


# --------------------------------------------------------------------- checksums


def sha256(*parts: bytes) -> str:
    """SHA-256, in hex digits, of the parts one after the other."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256, in hex digits, of a file's contents, of any size. Raises OSError as `open_file`."""
    with open_file(path) as file, naming(path):
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
    except (RecursionError, ValueError):  # NaN or infinity, which were never sealed
        return False
