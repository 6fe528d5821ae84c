"""The responses that the panel of an evaluation draws: two samples of every world, on disk.

They are picked while a run is scored, when all its predictions are at hand, and kept in one file of
arrays, so that the panel can be drawn later and again.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from emulator.errors import DatasetError
from emulator.evaluation.stored.statistics_files import PANELS_FILE
from emulator.specs import Observable
from emulator.storage import parse_json, read_bytes, write_atomically

_ARRAYS = ("sigma", "prediction", "truth", "quantiles")
_KEY = "panels"


@dataclass(frozen=True)
class Panel:
    """Two samples of a world's prior, in one regime.

    prediction, truth: (2, S, H+1, 3), the samples at the median and the 90th percentile of the
    error. quantiles: (2, S, H+1, 3, 5), where there are bands. sigma: (S, 3), as in `Scored`.
    """

    world: str
    regime: str
    shocks: tuple[str, ...]
    observables: tuple[Observable, ...]
    sigma: np.ndarray
    prediction: np.ndarray
    truth: np.ndarray
    quantiles: np.ndarray | None


def write_panels(run: Path, panels: Sequence[Panel]) -> None:
    """Keep the panels of a run, in place of those there."""
    heads, arrays = [], {}
    for number, panel in enumerate(panels):
        heads.append({
            "world": panel.world, "regime": panel.regime, "shocks": panel.shocks,
            "observables": [asdict(observable) for observable in panel.observables],
        })  # fmt: skip
        for name in _ARRAYS:
            if (values := getattr(panel, name)) is not None:
                arrays[f"{number}/{name}"] = np.ascontiguousarray(values)
    write_atomically(run / PANELS_FILE, save(arrays, {_KEY: json.dumps(heads)}))


def read_panels(run: Path) -> list[Panel]:
    """The panels of a run in the order they were written. Raises DatasetError when the file is
    damaged, OSError where the system refuses to read it."""
    path = run / PANELS_FILE
    content = read_bytes(path)
    try:
        arrays = load(content)
        # The header, whose length comes first; the library gives its notes for a path alone.
        notes = parse_json(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
        heads: list[dict[str, Any]] = parse_json(notes[_KEY])
        return [
            Panel(
                world=head["world"],
                regime=head["regime"],
                shocks=tuple(head["shocks"]),
                observables=tuple(Observable(**observable) for observable in head["observables"]),
                sigma=arrays[f"{number}/sigma"],
                prediction=arrays[f"{number}/prediction"],
                truth=arrays[f"{number}/truth"],
                quantiles=arrays.get(f"{number}/quantiles"),
            )
            for number, head in enumerate(heads)
        ]
    except (ValueError, LookupError, TypeError, AttributeError, SafetensorError) as error:
        raise DatasetError(
            f"{path}: damaged ({type(error).__name__}); run `emulator evaluate "
            f"{shlex.quote(str(run))}` again"
        ) from None
