"""Floors on disk: one Parquet file a world and length of history, with a JSON summary beside it.

A row is one history and task, in regime B1:

    sample, task               which
    truth, mean                (S, H+1, 3) flattened: the exact response, the posterior mean
    apart, coverage, rank      flattened, see `best_answers.Answer`
    theta_rank                 (P,); empty but in the rows from the steady state
    log_evidence               log p(history), the mean of the two runs
    moves, correlation         of each particle; the largest correlation left when moving ended
    seconds                    of the processor, for both runs and all tasks of the history

The file's metadata hold `Settings` and the scales of the data set, so that it is read alone, and a
checksum of these and of the rows. Histories are told by the sample's index in draws that data sets
of any size and hold-outs share: more can be added whenever one of them is at hand.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from emulator.errors import DatasetError
from emulator.evaluation.floors.best_answers import HORIZONS, Answered, Truth
from emulator.evaluation.metrics.coverage import BANDS
from emulator.regimes import Task
from emulator.storage import (
    GONE,
    is_sealed,
    json_sha256,
    parse_json,
    read_bytes,
    sealed,
    write_atomically,
)
from emulator.worlds.base import FloatArray

_KEY = b"floors"


@dataclass(frozen=True)
class Settings:
    """What the rows of a file share; rows of others never join them.

    length: L. longest: the length of history that evaluations of this data set show. draws_sha:
    the world's, see `Dataset.draws_of`. parameters, shocks: names. method: a hash of what the
    sampler does.
    """

    world: str
    length: int
    particles: int
    horizon: int
    split: str
    longest: int
    draws_sha: str
    method: str
    parameters: tuple[str, ...]
    shocks: tuple[str, ...]

    @property
    def sha(self) -> str:
        """16 hex digits of the settings."""
        return json_sha256(asdict(self))[:16]


@dataclass(frozen=True)
class Scale:
    """Of a task's training responses: sigma (S, 3), sigma_pooled (3,), mean (S, H+1, 3)."""

    sigma: FloatArray
    sigma_pooled: FloatArray
    mean: FloatArray


@dataclass(frozen=True)
class Floors:
    """A file of floors. commits: of the code that made its rows."""

    settings: Settings
    scales: dict[Task, Scale]
    frame: pd.DataFrame
    commits: tuple[str, ...]

    @property
    def samples(self) -> list[int]:
        """The histories done, in the order of the file."""
        return list(dict.fromkeys(self.frame["sample"].tolist())) if len(self.frame) else []

    def tasks(self) -> list[Task]:
        """The tasks there are rows of."""
        return [Task(task) for task in dict.fromkeys(self.frame["task"])]

    def arrays(self, task: Task, name: str) -> FloatArray:
        """A column of one task, each history's in the shape that `best_answers.Answer` says."""
        rows = self.frame[self.frame["task"] == task]
        points = self.settings.horizon + 1
        shape = {
            "apart": (3,),
            "coverage": (3, len(BANDS)),
            "rank": (sum(h < points for h in HORIZONS), 3),
        }.get(name, (points, 3))
        stacked = np.stack(rows[name].to_list()).astype(np.float64)
        return stacked.reshape(len(rows), len(self.settings.shocks), *shape)


def floor_file(folder: Path, world: str, length: int) -> Path:
    """Where the floors of a world at a length of history are."""
    return folder / f"{world}-{length}.parquet"


def rows_of(sample: int, done: Answered, truth: Truth) -> list[dict[str, Any]]:
    """The rows of one history."""
    return [
        {
            "sample": sample,
            "task": a.task.value,
            "truth": _flat(truth.responses[a.task]),
            "mean": _flat(a.mean),
            "apart": _flat(a.apart),
            "coverage": _flat(a.coverage),
            "rank": _flat(a.rank),
            "theta_rank": _flat(done.theta_rank if k == 0 else np.empty(0)),
            "log_evidence": float(np.mean([p.log_evidence for p in done.posteriors])),
            "moves": max(p.moves for p in done.posteriors),
            "correlation": max(p.last_correlation for p in done.posteriors),
            "seconds": done.seconds,
        }
        for k, a in enumerate(done.answers)
    ]


def _flat(values: FloatArray) -> Any:
    return values.astype(np.float32).ravel()


def write_floors(path: Path, floors: Floors) -> None:
    """Write the file under a temporary name, then rename."""
    notes = {
        "settings": asdict(floors.settings),
        "commits": list(floors.commits),
        "scales": {
            task.value: {k: v.tolist() for k, v in asdict(scale).items()}
            for task, scale in floors.scales.items()
        },
        "rows": _sha(floors.frame),
    }
    table = pa.Table.from_pandas(floors.frame, preserve_index=False)
    table = table.replace_schema_metadata({_KEY: json.dumps(sealed(notes))})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, buffer.getvalue())


def read_floors(path: Path) -> Floors:
    """The floors in a file. Raises DatasetError when it is missing or damaged, OSError where the
    system refuses to read it."""
    try:
        content = read_bytes(path)
    except GONE:
        raise DatasetError(f"{path}: no floors here; `emulator floors WORLD` computes them") from (
            None
        )
    try:
        table = pq.read_table(io.BytesIO(content), use_threads=False)
        notes = parse_json((table.schema.metadata or {})[_KEY])
        if not is_sealed(notes):
            raise ValueError("altered since it was written")
        scales = {
            Task(task): Scale(**{k: np.asarray(v, dtype=np.float64) for k, v in scale.items()})
            for task, scale in notes["scales"].items()
        }
        settings = TypeAdapter(Settings).validate_python(notes["settings"])
        frame = table.to_pandas()
        if _sha(frame) != notes["rows"]:
            raise ValueError("altered since it was written")
        floors = Floors(settings, scales, frame, tuple(map(str, notes["commits"])))
        _check(floors)
        return floors
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        pa.ArrowException,
    ) as error:
        said = error if type(error) is ValueError else type(error).__name__
        raise DatasetError(
            f"{path}: damaged ({' '.join(str(said).split())[:80]}); restore it, or delete it and "
            "run `emulator floors` again"
        ) from None


def _sha(frame: pd.DataFrame) -> str:
    """SHA-256 of the rows' numbers and names, whatever file they are in."""
    digest = hashlib.sha256()
    for name, column in frame.items():
        values = column.to_list()
        if values and isinstance(values[0], np.ndarray):
            words = repr((name, [(v.dtype.str, len(v)) for v in values]))
            digest.update(b"".join([words.encode(), *(v.tobytes() for v in values)]))
        else:
            digest.update(repr((name, values)).encode())
    return digest.hexdigest()


def _check(floors: Floors) -> None:
    """ValueError where the parts do not belong together."""
    shocks, points = len(floors.settings.shocks), floors.settings.horizon + 1
    shapes = ((shocks, 3), (3,), (shocks, points, 3))
    for scale in floors.scales.values():
        if (scale.sigma.shape, scale.sigma_pooled.shape, scale.mean.shape) != shapes:
            raise ValueError("scales of another world or horizon")
    for task in floors.tasks():
        if task not in floors.scales:
            raise ValueError(f"no scale of {task}")
        for name in ("truth", "mean", "apart", "coverage", "rank"):
            floors.arrays(task, name)


def find_floors(folder: Path) -> list[Floors]:
    """All floors in a folder, by world and length; none where there is no such folder.

    Raises DatasetError when one is damaged.
    """
    found = [read_floors(path) for path in sorted(folder.glob("*-*.parquet"))]
    return sorted(found, key=lambda f: (f.settings.world, f.settings.length))
