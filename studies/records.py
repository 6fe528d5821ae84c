"""What every record of a measurement holds beside its numbers: the code and the machine."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from emulator.provenance import commit, processor
from emulator.storage import write_atomically


def machine(packages: Sequence[str], **more: Any) -> dict[str, Any]:
    """The processor, its load now, and versions of `packages`; `more` says what else matters."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        **more,
        "load_average": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def weights_of(model: Any) -> dict[str, Any]:
    """Which weights an `Emulator` answers from."""
    return {
        "parameters": sum(p.numel() for p in model.model.parameters()),
        **{key: model.provenance[key] for key in ("regime", "commit", "weights_sha256")},
    }


def write(path: Path, facts: Mapping[str, Any]) -> None:
    """Write a record, with the commit it was measured at."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps({"commit": commit(), **facts}, indent=1) + "\n").encode())
