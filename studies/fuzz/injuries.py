"""Random damage to a file's bytes, text or JSON, and checksums made right again after it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np

from emulator.storage import CHECKSUM, sealed, sha256

PIECES = [
    "0", "-1", "1e308", "1e-320", ".nan", "-.inf", "1_0", "٣", "true", "null", "~", "''", '"', "'",
    "{", "}", "[", "]", ":", ",", ";", "\t", "\r\n", "\n", "\n\n", "- ", "? ", "&a ", "*a", "#",
    "|", ">", "%", "@", "!!int ", "!!python/name:os.system ", "\x00", "\ufeff", "\u2028", "é",
    "/dev/zero", "../../..", "9" * 40, "x" * 400, "date,", "2020Q1", "1980-01-01", "NaN", "1,5",
    "Infinity",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 10**20, -(10**20), 2**63, 0.5, 1e308, "", "x", "nk", "../..",
    "/etc/passwd", "/dev/zero", "é" * 50, [], {}, [None], {"": None}, [[[]]], [0] * 50,
]  # fmt: skip


def injured(content: bytes, rng: np.random.Generator, *, text: bool) -> bytes:
    """The bytes with one to three injuries; those of text keep most of it readable."""
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(0, len(content) + 1))
        to = min(len(content), at + int(rng.integers(1, 40)))
        match int(rng.integers(0, 6)):
            case 0:
                content = content[:at] + content[to:]
            case 1 if text:
                content = content[:at] + str(rng.choice(PIECES)).encode() + content[at:]
            case 2 if text:
                lines = content.split(b"\n")
                one, two = rng.integers(0, len(lines), 2)
                lines[one], lines[two] = lines[two], lines[one]
                content = b"\n".join(lines)
            case 3:
                content = content[:to] + content[at:]
            case 4:
                content = content[:at] if rng.random() < 0.3 else content
            case _ if content:
                at = min(at, len(content) - 1)
                flipped = bytes([content[at] ^ (1 << int(rng.integers(0, 8)))])
                content = content[:at] + flipped + content[at + 1 :]
    return content


def injured_json(content: bytes, rng: np.random.Generator) -> bytes:
    """The JSON with one value replaced, taken away, renamed or put elsewhere; still JSON."""
    data = copy.deepcopy(json.loads(content))
    places = list(_places(data))
    for _ in range(int(rng.integers(1, 3))):
        holder, key = places[int(rng.integers(0, len(places)))]
        present = key in holder if isinstance(holder, dict) else key < len(holder)
        if not present:
            continue
        match int(rng.integers(0, 4)):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[f"{key}_"] = holder.pop(key)
            case 2:
                other, where = places[int(rng.integers(0, len(places)))]
                if isinstance(other, dict) and where in other:
                    holder[key] = copy.deepcopy(other[where])
            case _:
                holder[key] = VALUES[int(rng.integers(0, len(VALUES)))]
    return json.dumps(data, allow_nan=True).encode()


def _places(data: Any) -> list[tuple[Any, Any]]:
    """Every holder and key in nested data; long lists by their ends."""
    if isinstance(data, dict):
        keys: list[Any] = [key for key in data if key != CHECKSUM]
    elif isinstance(data, list):
        keys = [0, len(data) - 1] if len(data) > 1 else list(range(len(data)))
    else:
        return []
    return [place for key in keys for place in [(data, key), *_places(data[key])]]


def replace(folder: Path, path: Path, content: bytes, *, right: bool) -> None:
    """Write a damaged file of a folder; `right` also corrects every SHA-256 that speaks of it: its
    own seal, those that other JSON files of the folder hold, and so on up."""
    before = path.read_bytes()
    if right and path.suffix == ".json":
        content = _sealed_again(content)
    path.unlink()  # it may be a link to the healthy file
    path.write_bytes(content)
    if not right:
        return
    old, new = sha256(before), sha256(content)
    for other in sorted(folder.rglob("*.json")):
        if other != path and old != new and old.encode() in other.read_bytes():
            told = _told(json.loads(other.read_bytes()), old, new, len(content))
            replace(folder, other, json.dumps(told).encode(), right=True)


def _told(data: Any, old: str, new: str, size: int) -> Any:
    """The data with one SHA-256 for another, and the number of bytes beside it."""
    if isinstance(data, dict):
        told = {key: _told(value, old, new, size) for key, value in data.items()}
        return {**told, "bytes": size} if old in data.values() and "bytes" in data else told
    if isinstance(data, list):
        return [_told(value, old, new, size) for value in data]
    return new if data == old else data


def _sealed_again(content: bytes) -> bytes:
    try:
        data = json.loads(content)
        return json.dumps(sealed(data)).encode() if CHECKSUM in data else content
    except (ValueError, TypeError, AttributeError, RecursionError):  # no longer what can be sealed
        return content
