"""metrics.json: what an evaluation leaves, checked once when it is read.

    {"format": 4, "model": ..., "regimes": [...], "data_worlds": {world: [task, ...]},
     "worlds": {world: {regime: {split: {nrmse, ci95, ...}}}}, "training_mean": the same,
     "samples_seen": {regime: {world: rows}}, "statistics": {file: SHA-256}, commit, config_sha,
     data_sha, ..., "checksum": ...}

data_worlds: the worlds of the data set, whether or not the run answers them, and the responses that
are distinct in each. samples_sha, training_draws_sha: which samples were scored, and which draws
trained, whatever processor drew them; data_sha and training_data_sha are of every bit. The checksum
is `emulator.storage.sealed`'s.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from emulator.errors import DatasetError
from emulator.evaluation.metrics.registry import METRICS
from emulator.regimes import Task
from emulator.storage import is_sealed, sealed, write_atomically

FORMAT = 4
METRICS_FILE = "metrics.json"
NULL_MODEL = "training_mean"

# Every key and its type.
_KEYS: Mapping[str, type | tuple[type, ...]] = {
    "model": str, "regimes": list, "extra_inputs": list, "data_worlds": dict, "worlds": dict,
    NULL_MODEL: dict, "ablations": dict, "samples_seen": dict, "until_stalled": bool,
    "statistics": dict, "commit": str, "config_sha": str, "data_sha": str, "samples_sha": str,
    "weights_sha256": str, "training_commit": str, "training_data_sha": str,
    "training_draws_sha": str, "training_rows": dict, "started_from": (str, type(None)),
}  # fmt: skip
# What every entry has; those of responses on `test` have spectra besides, and the metrics there
# were when they were scored.
_SCORES = ("nrmse", "ci95", "by_observable", "samples")


class OtherVersionError(DatasetError):
    """The file was written by another version of this program."""


def write_metrics(folder: Path, metrics: Mapping[str, Any]) -> None:
    """Write metrics.json with its format and checksum."""
    text = json.dumps(sealed({"format": FORMAT, **metrics}), indent=1, allow_nan=False) + "\n"
    write_atomically(folder / METRICS_FILE, text.encode())


def read_metrics(folder: Path) -> dict[str, Any]:
    """The contents of metrics.json, every key that is read later included.

    Raises DatasetError, and no other error, when the file is missing, altered, incomplete or
    damaged; OtherVersionError when its format is another.
    """
    path = folder / METRICS_FILE
    remedy = f"run `emulator evaluate {folder}` again"
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DatasetError(f"{path}: not evaluated yet; run `emulator evaluate {folder}`") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(f"{path}: damaged ({type(error).__name__}); {remedy}") from None
    if not isinstance(metrics, dict):
        raise DatasetError(f"{path}: damaged (not a mapping); {remedy}")
    if metrics.get("format") != FORMAT:
        raise OtherVersionError(
            f"{path}: format {metrics.get('format', 'unknown')}, this version reads {FORMAT}; "
            f"{remedy}"
        )
    problem = _first_problem(metrics)
    if problem is None and not is_sealed(metrics):
        problem = "altered since it was written"
    if problem is not None:
        raise DatasetError(f"{path}: damaged ({problem}); {remedy}")
    return metrics


def _first_problem(metrics: dict[str, Any]) -> str | None:
    """What is missing or of the wrong type, None when nothing is."""
    for key, kind in _KEYS.items():
        if not isinstance(metrics.get(key), kind):
            return f"{key!r} is missing or no {getattr(kind, '__name__', kind)}"
    for regime in metrics["regimes"]:
        seen = metrics["samples_seen"].get(regime)
        unseen = set(metrics["worlds"]) - set(seen if isinstance(seen, dict) else ())
        if unseen:
            return f"'samples_seen' lacks {min(unseen)} in {regime}"
    for tree in ("worlds", NULL_MODEL):
        try:
            entries = list(_entries(metrics[tree]))
        except (AttributeError, ValueError):
            return f"{tree!r} is no tree of worlds, regimes and splits"
        for where, split, task, entry in entries:
            wanted: tuple[str, ...] = _SCORES
            if tree == "worlds":
                wanted += ("by_horizon",)
                if split == "test" and task != Task.trajectory:
                    wanted += ("spectrum", "nrmse_pooled")
            lacking = [key for key in wanted if key not in entry]
            if lacking:
                return f"{tree!r}, {where}: no {lacking[0]!r}"
            wrong = [name for name in METRICS if isinstance(entry.get(name), (str, bool))]
            if wrong or not isinstance(entry["nrmse"], (int, float)):
                return f"{tree!r}, {where}: {[*wrong, 'nrmse'][0]!r} is no number"
    if _cases(metrics["worlds"]) != _cases(metrics[NULL_MODEL]):
        return f"'worlds' and {NULL_MODEL!r} are of different cases"
    return None


def _cases(tree: Mapping[str, Any]) -> set[str]:
    return {where for where, *_ in _entries(tree)}


def _entries(tree: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    """Every entry of a tree with where it is, its split and its task."""
    for world, regimes in tree.items():
        for regime, splits in regimes.items():
            for split, steady in splits.items():
                for task in Task:
                    entry = steady if task is Task.steady_state else steady.get(task.value)
                    if entry is not None:
                        entry.keys()  # an AttributeError where it is none
                        yield f"{world} {regime} {split} {task}", split, task.value, entry
