"""Weights on disk: safetensors beside a JSON description and a model card.

    weights.safetensors   parameters and output scales
    model.json            format, model configuration, world specs, horizon, provenance, the
                          weights' files with their SHA-256, checksum
    README.md             the model card

Weights of more than 15 MB are in several files, weights-1-of-2.safetensors and so on; what names
them is the SHA-256 of all, one after the other.

Nothing here unpickles: a loaded folder cannot run code. The checksum in `model.json` catches
altered and truncated files before any number comes out.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from emulator.errors import WeightsError
from emulator.limits import MAX_HORIZON
from emulator.models.base import Model
from emulator.models.configs import KINDS
from emulator.models.described import Bounded, Provenance, require_numbers
from emulator.models.plain import plain_torch
from emulator.models.posteriors import is_posterior
from emulator.specs import WorldSpec
from emulator.storage import (
    CHECKSUM,
    GONE,
    is_sealed,
    read_bytes,
    read_json,
    sealed,
    sha256,
    write_atomically,
)

FORMAT = 8
SHIPPED = "pretrained"  # what the weights that come with the package are called
PRETRAINED = Path(__file__).parents[1] / SHIPPED
WEIGHTS_FILE, DESCRIPTION_FILE, CARD_FILE = "weights.safetensors", "model.json", "README.md"

_STEM, _SUFFIX = Path(WEIGHTS_FILE).stem, Path(WEIGHTS_FILE).suffix
FILE_BYTES = 15_000_000  # of tensors in a file of weights: what a package index or git takes well

_REMEDY = "restore the file, or train again with `emulator train` (--resume where it was trained)"


class DamagedWeightsError(WeightsError):
    """A weights folder holds something else than was written there."""


@dataclass(frozen=True)
class Loaded:
    """A model read from disk, where it came from, and the files of its weights."""

    model: Model
    provenance: dict[str, Any]
    sha256: str
    files: tuple[Path, ...] = ()

    @property
    def samples_seen(self) -> dict[str, dict[str, int]]:
        """By regime, the rows of each world in steps that changed its responses, repeats and steps
        of earlier weights counted; only of weights that training left."""
        seen: dict[str, dict[str, int]] = self.provenance["samples_seen"]
        return seen


def save_weights(folder: Path, model: Model, provenance: Mapping[str, Any], card: str) -> str:
    """Write weights, description and card; returns the SHA-256 of the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
    parts = [save_tensors(part) for part in _parts(tensors)]
    names = _file_names(len(parts))
    sha = sha256(*parts)
    description = {
        "format": FORMAT,
        "model": model.config.model_dump(mode="json"),
        "horizon": model.horizon,
        "worlds": [spec.to_dict() for spec in model.specs.values()],
        "provenance": dict(provenance),
        "files": {name: sha256(part) for name, part in zip(names, parts, strict=True)},
        "sha256": sha,
    }
    for name, part in zip(names, parts, strict=True):
        write_atomically(folder / name, part)
    write_atomically(folder / CARD_FILE, card.encode())
    write_atomically(folder / DESCRIPTION_FILE, json.dumps(sealed(description), indent=1).encode())
    remove_other_weights(folder, names)
    return sha


def remove_other_weights(folder: Path, names: Iterable[str]) -> None:
    """Files of weights that are not among `names`: of earlier weights, in fewer or more files."""
    kept = set(names)
    for path in (folder / WEIGHTS_FILE, *folder.glob(f"{_STEM}-*-of-*{_SUFFIX}")):
        if path.name not in kept:
            path.unlink(missing_ok=True)


def _parts(tensors: Mapping[str, torch.Tensor]) -> list[dict[str, torch.Tensor]]:
    """Tensors in order, as many in a part as `FILE_BYTES` hold, and at least one."""
    parts: list[dict[str, torch.Tensor]] = [{}]
    room = FILE_BYTES
    for name, tensor in tensors.items():
        if parts[-1] and tensor.nbytes > room:
            parts.append({})
            room = FILE_BYTES
        parts[-1][name] = tensor
        room -= tensor.nbytes
    return parts


def _file_names(parts: int) -> list[str]:
    if parts == 1:
        return [WEIGHTS_FILE]
    return [f"{_STEM}-{k}-of-{parts}{_SUFFIX}" for k in range(1, parts + 1)]


def find_weights(path: str | os.PathLike[str] | None = None) -> Path:
    """A weights or run folder; without a path, or as `pretrained`, the shipped one.

    A name without a folder of that name is looked for among the shipped weights. Raises
    WeightsError where none are shipped.
    """
    if path is not None and Path(path).exists():
        return Path(path)
    if path is not None and os.fspath(path) != SHIPPED:
        inside = PRETRAINED / path
        return inside if (inside / DESCRIPTION_FILE).is_file() else Path(path)
    if not (PRETRAINED / DESCRIPTION_FILE).is_file():
        raise WeightsError(
            "this installation ships no weights: train some with `emulator train CONFIG` and "
            "name their folder, load('runs/NAME') in Python or --weights runs/NAME"
        )
    return PRETRAINED


def single_worlds() -> tuple[str, ...]:
    """The worlds that weights are shipped for alone, in a folder of the world's name each."""
    return tuple(sorted(path.parent.name for path in PRETRAINED.glob(f"*/{DESCRIPTION_FILE}")))


@plain_torch()
def load_weights(folder: str | os.PathLike[str]) -> Loaded:
    """Read a weights folder. Raises WeightsError naming the file and the remedy, of the kind
    DamagedWeightsError where what is there is not what was written; OSError where the system
    refuses to read it."""
    path = Path(folder)
    description_path = path / DESCRIPTION_FILE
    try:
        description = read_json(description_path)
    except GONE:
        if is_posterior(path):
            raise WeightsError(
                f"{path}: holds a posterior from data, not responses; `emulator estimate WORLD "
                "--history FILE.csv --weights FOLDER --instant` answers by it"
            ) from None
        raise WeightsError(
            f"{path}: no weights here ({DESCRIPTION_FILE} is missing); train some with "
            "`emulator train CONFIG`, or name a folder that holds them"
        ) from None
    except ValueError as error:
        raise DamagedWeightsError(f"{description_path}: damaged ({error}); {_REMEDY}") from None
    try:
        found = description["format"]
        if not isinstance(found, int):
            raise ValueError("format")
        if found != FORMAT or CHECKSUM not in description:
            raise WeightsError(
                f"{description_path}: format {found!s:.20} of another version, this version reads "
                f"{FORMAT}; install the version that wrote it, or train again"
            )
        if not is_sealed(description):
            raise DamagedWeightsError(
                f"{description_path}: altered since it was written; {_REMEDY}"
            )
        config = KINDS[description["model"]["type"]].model_validate(description["model"])
        specs = [WorldSpec.from_dict(world) for world in description["worlds"]]
        horizon = description["horizon"]
        if not isinstance(horizon, int) or not 0 <= horizon <= MAX_HORIZON:
            raise ValueError("horizon")
        expected = str(description["sha256"])
        files = {str(name): str(sha) for name, sha in description["files"].items()}
        if not files or list(files) != _file_names(len(files)):
            raise ValueError("files of other names")
        provenance = description["provenance"]
        Provenance.model_validate(provenance).check(specs)
    except WeightsError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise DamagedWeightsError(
            f"{description_path}: damaged ({type(error).__name__}); {_REMEDY}"
        ) from None
    tensors: dict[str, torch.Tensor] = {}
    whole = hashlib.sha256()
    for name, sha in files.items():
        part = _read_part(path / name, sha)
        whole.update(part)
        try:
            tensors |= load_tensors(part)
        except (SafetensorError, ValueError) as error:
            raise DamagedWeightsError(
                f"{path / name}: damaged ({type(error).__name__}); {_REMEDY}"
            ) from None
    if whole.hexdigest() != expected:
        raise DamagedWeightsError(f"{description_path}: not of these weights; {_REMEDY}")
    try:
        with Bounded(tensors):
            model = config.build(specs, horizon)
        model.load_state_dict(tensors)
        require_numbers(model)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path}: the weights do not fit the model that this version builds from "
            f"{DESCRIPTION_FILE} ({str(error).splitlines()[0][:200]}); install the version that "
            "wrote them, or train again with `emulator train`"
        ) from None
    model.eval()
    return Loaded(model, provenance, expected, tuple(path / name for name in files))


def _read_part(path: Path, sha: str) -> bytes:
    """A file of weights, when it is the one that the description names."""
    try:
        part = read_bytes(path)
    except GONE as error:
        raise DamagedWeightsError(f"{path}: {error.strerror}; {_REMEDY}") from None
    actual = sha256(part)
    if actual != sha:
        raise DamagedWeightsError(
            f"{path}: altered or truncated (SHA-256 {actual[:12]}, {DESCRIPTION_FILE} says "
            f"{sha[:12]}); {_REMEDY}"
        )
    return part
