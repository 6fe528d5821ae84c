"""The training log: one row a step, as CSV and JSONL."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

CSV_FILE, JSONL_FILE = "train_log.csv", "train_log.jsonl"


class TrainingLog:
    """Appends rows to both files. On resume, rows after the checkpoint's step are dropped."""

    def __init__(self, folder: Path, columns: list[str], first_step: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.columns = columns
        kept: list[dict[str, Any]] = []
        jsonl = folder / JSONL_FILE
        if jsonl.exists():
            lines = jsonl.read_text(encoding="utf-8").splitlines()
            # A row cut short by a kill is after the checkpoint, so it goes as well.
            rows = [json.loads(line) for line in lines if line.endswith("}")]
            kept = [row for row in rows if row["step"] <= first_step]
        self._jsonl = jsonl.open("w", encoding="utf-8")
        self._csv = (folder / CSV_FILE).open("w", encoding="utf-8", newline="")
        self._writer = csv.DictWriter(self._csv, columns)
        self._writer.writeheader()
        for row in kept:
            self.write(row)

    def write(self, row: dict[str, Any]) -> None:
        """Append one row; missing columns stay empty."""
        self._writer.writerow({key: row.get(key, "") for key in self.columns})
        self._jsonl.write(json.dumps(row) + "\n")
        self._csv.flush()
        self._jsonl.flush()

    def close(self) -> None:
        self._csv.close()
        self._jsonl.close()
