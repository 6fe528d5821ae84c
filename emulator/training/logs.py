"""The training log: one row a step, as CSV and JSONL, and to W&B or TensorBoard when asked."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emulator.storage import GONE, naming, parse_json, read_bytes, write_atomically
from emulator.training.config import RunConfig
from emulator.training.mirrors import open_mirror

CSV_FILE, JSONL_FILE = "train_log.csv", "train_log.jsonl"

Row = dict[str, Any]


@contextmanager
def training_log(
    folder: Path, columns: list[str], first_step: int, config: RunConfig
) -> Iterator[Callable[[Row], None]]:
    """A function that appends a row everywhere. On resume, rows after `first_step` are dropped."""
    files = TrainingLog(folder, columns, first_step)
    mirror = None
    try:
        mirror = open_mirror(folder, first_step, config)

        def write(row: Row) -> None:
            files.write(row)
            if mirror:
                mirror.write(row)

        yield write
    finally:
        files.close()
        if mirror:
            mirror.close()


class TrainingLog:
    """Appends rows to both files. On resume, rows after the checkpoint's step are dropped."""

    def __init__(self, folder: Path, columns: list[str], first_step: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.columns = columns
        kept = [row for row in read_rows(folder) if row["step"] <= first_step]
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, columns)
        writer.writeheader()
        writer.writerows({key: row.get(key, "") for key in columns} for row in kept)
        write_atomically(folder / CSV_FILE, text.getvalue().encode())
        lines = "".join(json.dumps(row) + "\n" for row in kept)
        write_atomically(folder / JSONL_FILE, lines.encode())
        self._jsonl = (folder / JSONL_FILE).open("a", encoding="utf-8")
        self._csv = (folder / CSV_FILE).open("a", encoding="utf-8", newline="")
        self._writer = csv.DictWriter(self._csv, columns)

    def write(self, row: Row) -> None:
        """Append one row; missing columns stay empty, and a non-finite number is its name, since
        JSON has none."""
        row = {key: value if math.isfinite(value) else str(value) for key, value in row.items()}
        with naming(self._csv.name):
            self._writer.writerow({key: row.get(key, "") for key in self.columns})
            self._csv.flush()
        with naming(self._jsonl.name):
            self._jsonl.write(json.dumps(row) + "\n")
            self._jsonl.flush()

    def close(self) -> None:
        for file in (self._csv, self._jsonl):
            with naming(file.name):
                file.close()


def read_rows(folder: Path) -> list[Row]:
    """The rows of a run's log; what is none (a row cut short by a kill) is left out."""
    try:
        text = read_bytes(folder / JSONL_FILE).decode("utf-8", errors="replace")
    except GONE:
        return []
    rows = []
    for line in text.splitlines():
        try:
            row = parse_json(line)
        except ValueError:
            continue
        if isinstance(row, dict) and type(row.get("step")) is int:
            rows += [row] if all(map(_is_shown, row.values())) else []
    return rows


def _is_shown(value: object) -> bool:
    """Whether `TrainingLog.write` writes such a value: a number, or the name of one not finite."""
    return type(value) in (int, float) or value in ("nan", "inf", "-inf")
