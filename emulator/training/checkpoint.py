"""Checkpoints: everything that makes k steps + resume + k steps equal 2k steps, bit for bit.

One file holds weights, optimiser, schedule, step, data position, the best weights so far, random
states and the provenance, followed by the SHA-256 of all that. It is read with `weights_only=True`,
so it cannot run code.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import torch

from emulator.errors import WeightsError
from emulator.storage import sha256, write_atomically

CHECKPOINT_FILE = "checkpoint.pt"


def save_checkpoint(folder: Path, state: dict[str, Any], device: str) -> None:
    """Write the state and the device's random state under a temporary name, then rename."""
    folder.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    torch.save({**state, "rng": _random_state(device)}, buffer)
    data = buffer.getvalue()
    write_atomically(folder / CHECKPOINT_FILE, data + bytes.fromhex(sha256(data)))


def load_checkpoint(folder: Path, device: str) -> dict[str, Any] | None:
    """The last state, with random states restored; None where there is no checkpoint."""
    path = folder / CHECKPOINT_FILE
    if not path.exists():
        return None
    content = path.read_bytes()
    data, digest = content[:-32], content[-32:]
    try:
        if sha256(data) != digest.hex():
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
        OSError,
        RuntimeError,
        TypeError,
        ValueError,
        pickle.UnpicklingError,
    ) as error:
        raise WeightsError(
            f"{path}: damaged checkpoint ({type(error).__name__}); delete it to start this run "
            "again, or restore it"
        ) from None
    return state


def _random_state(device: str) -> dict[str, Any]:
    cuda = torch.cuda.get_rng_state(device) if device.startswith("cuda") else None
    return {"cpu": torch.get_rng_state(), "cuda": cuda}
