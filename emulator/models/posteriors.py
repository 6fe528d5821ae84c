"""Learned posteriors on disk: a density of one world's parameters given a history.

    posterior.safetensors   weights, and moments of summaries
    posterior.json          the world, the parameters that move, provenance, checksum

Nothing here unpickles. The checksum and the hash of the weights catch what was altered before any
number comes out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from emulator.errors import WeightsError
from emulator.models.densities import Density
from emulator.models.described import Bounded
from emulator.models.plain import plain_torch
from emulator.models.summaries import count
from emulator.storage import (
    GONE,
    is_sealed,
    read_bytes,
    read_json,
    sealed,
    sha256,
    write_atomically,
)

FORMAT = 1
TENSORS, DESCRIPTION = "posterior.safetensors", "posterior.json"
_REMEDY = "train again with `emulator adapt WORLD --from-data`"


@dataclass(frozen=True)
class LearnedPosterior:
    """A density of the coordinates of parameters `names` of a world. identity: what tells the world
    from others of its name. sha256: of the weights."""

    density: Density
    world: str
    identity: str
    names: tuple[str, ...]
    provenance: dict[str, Any]
    sha256: str


def is_posterior(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder holds one."""
    return (Path(folder) / DESCRIPTION).is_file()


def save_posterior(
    folder: Path,
    density: Density,
    world: str,
    identity: str,
    names: tuple[str, ...],
    provenance: Mapping[str, Any],
) -> None:
    """Write weights and description, the description last."""
    tensors = {k: v.detach().contiguous() for k, v in density.state_dict().items()}
    data = save_tensors(tensors)
    description = {
        "format": FORMAT,
        "world": world,
        "identity": identity,
        "names": list(names),
        "width": density.width,
        "summary": density.summary,
        "provenance": dict(provenance),
        "sha256": sha256(data),
    }
    write_atomically(folder / TENSORS, data)
    write_atomically(folder / DESCRIPTION, json.dumps(sealed(description), indent=1).encode())


@plain_torch()
def load_posterior(folder: str | os.PathLike[str]) -> LearnedPosterior:
    """Read one. Raises WeightsError naming the file and the remedy."""
    path = Path(folder)
    try:
        said = read_json(path / DESCRIPTION)
        if not is_sealed(said):
            raise WeightsError(f"{path / DESCRIPTION}: altered since it was written; {_REMEDY}")
        if said["format"] != FORMAT or said["summary"] != count():
            raise WeightsError(f"{path / DESCRIPTION}: of another version; {_REMEDY}")
        data = read_bytes(path / TENSORS)
        if sha256(data) != said["sha256"]:
            raise WeightsError(f"{path / TENSORS}: altered or truncated; {_REMEDY}")
        tensors = load_tensors(data)
        with Bounded(tensors):
            density = Density(len(said["names"]), said["summary"], said["width"])
        density.load_state_dict(tensors)
    except (*GONE, AttributeError, LookupError, RuntimeError, TypeError, ValueError,
            SafetensorError) as error:  # fmt: skip
        raise WeightsError(f"{path}: damaged ({type(error).__name__}); {_REMEDY}") from None
    density.eval()
    names = tuple(map(str, said["names"]))
    return LearnedPosterior(
        density, said["world"], said["identity"], names, said["provenance"], said["sha256"]
    )
