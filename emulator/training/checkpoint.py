"""Checkpoints: everything that makes k steps + resume + k steps equal 2k steps, bit for bit.

One file holds weights, optimiser, step, data position, the best weights so far, random
states, the configuration and the provenance, followed by the SHA-256 of all that. It is read with
`weights_only=True`, so it cannot run code. The one before is kept: it is gone on from where the
newest is damaged, or was not yet in its place.
"""

from __future__ import annotations

import io
import pickle
import shlex
import warnings
from pathlib import Path
from typing import Any

import torch

from emulator.errors import WeightsError
from emulator.storage import GONE, read_bytes, sha256, writing

CHECKPOINT_FILE, EARLIER_FILE = "checkpoint.pt", "checkpoint-before.pt"


def has_checkpoint(folder: Path) -> bool:
    """Whether there is a checkpoint, damaged or not."""
    return any((folder / name).exists() for name in (CHECKPOINT_FILE, EARLIER_FILE))


def save_checkpoint(folder: Path, state: dict[str, Any], device: str) -> None:
    """Write the state and the device's random state; what was the newest becomes the one before,
    unless it is damaged."""
    folder.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    torch.save({**state, "rng": _random_state(device)}, buffer)
    data = buffer.getvalue()
    path = folder / CHECKPOINT_FILE
    whole = path.exists() and _whole(path) is not None
    earlier = folder / EARLIER_FILE if whole else None
    with writing(path, earlier) as file:
        file.write(data)
        file.write(bytes.fromhex(sha256(data)))


def load_checkpoint(folder: Path, device: str) -> dict[str, Any] | None:
    """The last state that is whole, with random states restored; None where there is no checkpoint.

    Warns where it is the one before the newest. Raises WeightsError where none is whole, OSError
    where the system refuses to read one.
    """
    damage = None
    for path in (folder / CHECKPOINT_FILE, folder / EARLIER_FILE):
        try:
            state = _read(path, device)
        except GONE:
            continue
        except WeightsError as error:
            damage = damage or error
            continue
        if damage is not None:
            warnings.warn(
                f"{folder / CHECKPOINT_FILE}: damaged; going on from the one before", stacklevel=2
            )
        return state
    if damage is not None:
        raise damage
    return None


def _read(path: Path, device: str) -> dict[str, Any]:
    try:
        data = _whole(path)
        if data is None:
            raise EOFError
        state: dict[str, Any] = torch.load(io.BytesIO(data), map_location=device, weights_only=True)
        rng = state.pop("rng")
        torch.set_rng_state(rng["cpu"].cpu())
        if device.startswith("cuda") and rng["cuda"] is not None:
            torch.cuda.set_rng_state(rng["cuda"].cpu(), device)
    except (
        AttributeError,
        EOFError,
        LookupError,
        RuntimeError,
        TypeError,
        ValueError,
        pickle.UnpicklingError,
    ) as error:
        files = [p for p in map(path.with_name, (CHECKPOINT_FILE, EARLIER_FILE)) if p.exists()]
        raise WeightsError(
            f"{path}: damaged checkpoint ({type(error).__name__}); restore it, or delete "
            f"{' and '.join(shlex.quote(str(p)) for p in files)} to start this run again"
        ) from None
    return state


def _whole(path: Path) -> bytes | None:
    """What is in the file, when it is as it was written."""
    content = read_bytes(path)
    data, digest = content[:-32], content[-32:]
    return data if sha256(data) == digest.hex() else None


def _random_state(device: str) -> dict[str, Any]:
    cuda = torch.cuda.get_rng_state(device) if device.startswith("cuda") else None
    return {"cpu": torch.get_rng_state(), "cuda": cuda}
