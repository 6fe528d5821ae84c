"""metrics.json: read as it was written, and refused where it was not."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.errors import DatasetError
from emulator.evaluation.stored.record import read_metrics, write_metrics
from emulator.evaluation.stored.runs import find_runs
from tests.evaluation.toys import evaluated

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "damaged"),
        ("[]", "damaged"),
        ("null", "damaged"),
        ("3", "damaged"),
        ('{"format": 5}', "damaged"),
        ("{}", "format unknown, this version reads 5"),
        ('{"format": 99}', "format 99, this version reads 5"),
        ('{"format": NaN}', "damaged .no finite number"),
        ("[" * 100_000, "damaged"),
    ],
)
def test_damaged_metrics_are_named_with_the_remedy(
    tmp_path: Path, text: str, expected: str
) -> None:
    (tmp_path / "metrics.json").write_text(text)
    with pytest.raises(DatasetError, match=rf"metrics\.json: {expected}.*emulator evaluate"):
        find_runs(tmp_path)


ENTRY = ("worlds", "one", "A", "prior")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *((key, None) for key in (
            "model", "commit", "weights_sha256", "ablations", "samples_seen", "training_commit",
            "extra_inputs", "until_stalled", "statistics", "data_worlds", "training_data_sha",
            "training_rows", "samples_sha", "training_draws_sha", "draws",
        )),
        ("samples_seen", {}),
        ("samples_seen", {"A": 3}),
        ("samples_seen", {"A": {}}),
        ("worlds", {"one": 3}),
        ("worlds", {"one": {"A": {"prior": None}}}),
        *(((*ENTRY, key), None) for key in (
            "nrmse", "ci95", "by_horizon", "spectrum", "nrmse_pooled", "samples",
        )),
        (("worlds", "one", "A", "val", "nrmse"), None),
        ((*ENTRY, "nrmse"), "0.1"),
        ((*ENTRY, "iae"), "0.1"),
        ("regimes", []),
        ("regimes", ["A", "Z"]),
        ("regimes", ["A", "C"]),
        ("model", "unknown"),
        ("worlds", {}),
        ("training_rows", {}),
        ("training_rows", {"one": -1}),
        ("data_worlds", {}),
        ("statistics", {"statistics.parquet": 3}),
        ("gaps", [1]),
        ("criteria", {"a": 1}),
        ((*ENTRY, "ci95"), [0.1]),
        ((*ENTRY, "by_horizon"), []),
        ((*ENTRY, "by_horizon"), ["x"]),
        ((*ENTRY, "by_observable"), {"output": "x"}),
        ((*ENTRY, "spectrum"), {"truth": [1.0]}),
        ((*ENTRY, "samples"), 0),
        ((*ENTRY, "samples"), True),
        ((*ENTRY, "trajectory"), 3),
        (("training_mean", "one", "A"), None),
        (("training_mean", "one", "A", "slice"), None),
    ],
)  # fmt: skip
def test_whatever_is_missing_from_metrics_is_one_error(
    tmp_path: Path, path: str | tuple[str, ...], value: object
) -> None:
    """Written with a checksum that fits, so that the contents themselves are looked at."""
    run = evaluated(tmp_path / "a", 0.1)
    *outer, last = (path,) if isinstance(path, str) else path
    tree = run.metrics
    for key in outer:
        tree = tree[key]
    if value is None:
        del tree[last]
    else:
        tree[last] = value
    write_metrics(run.folder, run.metrics)
    with pytest.raises(DatasetError, match=r"metrics\.json: damaged \(.*emulator evaluate"):
        find_runs(tmp_path)


def test_an_edited_figure_is_refused(tmp_path: Path) -> None:
    run = evaluated(tmp_path / "a", 0.1)
    file = run.folder / "metrics.json"
    number = repr(run.metrics["worlds"]["one"]["A"]["prior"]["nrmse"])
    file.write_text(file.read_text().replace(number, "0.01"))
    with pytest.raises(DatasetError, match="altered since it was written"):
        find_runs(tmp_path)


def test_metrics_are_read_as_they_were_written(tmp_path: Path) -> None:
    run = evaluated(tmp_path / "a", 0.1)
    run.save()
    once = read_metrics(run.folder)
    assert {key: once[key] for key in run.metrics} == run.metrics
    write_metrics(run.folder, once)
    assert read_metrics(run.folder) == once
