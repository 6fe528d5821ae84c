"""Statistics on disk: one Parquet file of responses and one of trajectories a run.

With the panels, these are what metrics.json names by checksum.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emulator.data.schema import OF_PRIOR, PRIOR
from emulator.errors import DatasetError
from emulator.regimes import Regime, Task
from emulator.storage import GONE, file_sha256, open_file, writing

RESPONSES_FILE, TRAJECTORIES_FILE = "statistics.parquet", "trajectory_statistics.parquet"
PANELS_FILE = "panels.safetensors"
_KEYS = ("world", "regime", "task", "split")
# Errors keep their digits, so that metrics follow from the file exactly; shapes and bands need few.
_EXACT = ("mse", "null_mse", "linear_mse", "best_mse", "sigma", "sigma_pooled")


def compact(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame as it is stored: float32 but for errors and scales, small whole numbers int16."""
    numbers = frame.drop(columns=["sample", *_EXACT]).select_dtypes("number")
    kinds = {name: "float32" if numbers[name].dtype.kind == "f" else "int16" for name in numbers}
    return frame.astype(kinds)


class StatisticsWriter:
    """Appends frames to a file that takes its place at the end, unless an error came.

    Each frame is a row group of its own, so that reading one case does not read the others.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open = ExitStack()
        self._writer: pq.ParquetWriter | None = None

    def add(self, frame: pd.DataFrame) -> None:
        table = pa.Table.from_pandas(frame, preserve_index=False)
        if self._writer is None:
            stream = self._open.enter_context(writing(self.path))
            self._writer = pq.ParquetWriter(
                stream, table.schema, compression="zstd", write_page_checksum=True
            )
            self._open.callback(self._writer.close)
        self._writer.write_table(table)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is None and kind is None:
            self.path.unlink(missing_ok=True)  # that of an earlier evaluation
        self._open.__exit__(kind, error, trace)


def checksums(run: Path) -> dict[str, str]:
    """SHA-256 of what scoring keeps of a run beside its metrics, by name of the file."""
    files = (run / name for name in (RESPONSES_FILE, TRAJECTORIES_FILE, PANELS_FILE))
    return {path.name: _sha256(path) for path in files if path.is_file()}


def matches(run: Path, recorded: Mapping[str, str]) -> bool:
    """Whether the files are those recorded, none missing."""
    return checksums(run) == dict(recorded)


def verify(run: Path, recorded: Mapping[str, str], name: str) -> None:
    """Raises DatasetError when a file is not the one recorded."""
    path = run / name
    try:
        found = _sha256(path)
    except GONE:
        raise DatasetError(f"{path}: missing; {_again(run)}") from None
    if found != recorded.get(name):
        raise DatasetError(
            f"{path}: not the file that metrics.json was made from (altered, truncated, or from "
            f"another evaluation); {_again(run)}"
        )


def file_of(task: str) -> str:
    """The file that a task's statistics are in."""
    return TRAJECTORIES_FILE if task == Task.trajectory else RESPONSES_FILE


def _again(run: Path) -> str:
    return f"run `emulator evaluate {shlex.quote(str(run))}` again"


def _sha256(path: Path) -> str:
    status = path.stat()
    return _sha256_of(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1024)  # a comparison reads the same file case by case
def _sha256_of(path: Path, size: int, modified: int) -> str:
    return file_sha256(path)


def read_statistics(
    run: Path, world: str, regime: str, split: str, task: str, columns: list[str] | None = None
) -> pd.DataFrame:
    """The stored statistics of one case, in the order of the samples. Raises DatasetError when they
    are not there."""
    path = run / file_of(task)
    splits = OF_PRIOR if split == PRIOR else (split,)
    keys = [(world,), (str(Regime(regime)),), (str(Task(task)),), splits]
    wanted = dict(zip(_KEYS, keys, strict=True))
    try:
        with open_file(path) as stream:
            table = pq.read_table(
                stream,
                columns=columns,
                filters=[(k, "in", v) for k, v in wanted.items()],
                page_checksum_verification=True,
            )
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise DatasetError(
            f"{path}: cannot be read ({type(error).__name__}); {_again(run)}"
        ) from None
    if not table.num_rows:
        case = ", ".join([world, str(regime), str(task), split])
        raise DatasetError(f"{path}: holds no {case}; {_again(run)}")
    frame: pd.DataFrame = table.to_pandas()
    return frame
