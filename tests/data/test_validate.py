"""`validate` finds what is wrong in data whose checksums are right."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from emulator.cli.app import run
from emulator.config import config_hash, parse_config
from emulator.data import DataConfig, Dataset
from emulator.data.schema import (
    FileRecord,
    Manifest,
    layout,
    manifest_text,
    read_manifest,
    shard_file,
)
from emulator.data.shards import encode
from emulator.data.validate import validate
from emulator.limits import MOST_SEED
from emulator.worlds import get_world
from tests.data.configs import small

pytestmark = pytest.mark.slow


def failures(path: Path) -> set[tuple[str, str | None]]:
    return {(c.name, c.world) for c in validate(path) if not c.passed}


def falsify(path: Path, world: str, field: str, change: Any) -> None:
    """Change an array in the second shard, and every checksum that would tell."""
    data = Dataset.open(path)
    config = data.manifest.config
    array = {a.name: a for a in layout(get_world(world).spec, config)}[field]
    values = data.read(world, np.arange(40, 80), [field])[field]
    change(values)
    name = shard_file(world, array, 1)
    content = encode(array, values, config)
    (path / name).write_bytes(content)
    record = FileRecord(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    files = {**data.manifest.files, name: record}
    (path / "manifest.json").write_text(
        manifest_text(data.manifest.model_copy(update={"files": files}))
    )


def test_a_good_data_set_passes_every_check(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failures(built) == set()
    assert run(["validate", str(built), "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["passed"] is True
    names = {c["name"] for c in report["checks"] if c["world"] == "switching"}
    assert names == {
        "world", "schema", "finite", "bounds", "shock_size", "splits", "params", "contents",
        "manifest", "moments", "redrawn", "recomputed",
    }  # fmt: skip


def test_falsified_values_are_found(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def scale(values: NDArray[Any]) -> None:
        values *= 1.001

    falsify(copy, "switching", "irfs_state", scale)
    found = failures(copy)
    assert {("contents", "switching"), ("moments", "switching"), ("recomputed", "switching"),
            ("redrawn", "switching"), ("manifest", "switching")} <= found  # fmt: skip
    assert {world for _, world in found} == {"switching"}
    assert run(["validate", str(copy)]) == 1
    assert "recomputed (switching)" in capsys.readouterr().err


def test_a_nan_is_found(copy: Path) -> None:
    def spoil(values: NDArray[Any]) -> None:
        values[7, 0, 0] = np.nan

    falsify(copy, "nk", "eps", spoil)
    assert ("finite", "nk") in failures(copy)


def test_parameters_out_of_bounds_are_found(copy: Path) -> None:
    column = get_world("nk").parameter_names.index("rho_i")

    def move(values: NDArray[Any]) -> None:
        values[0, column] = 0.93

    falsify(copy, "nk", "theta", move)
    assert {("bounds", "nk"), ("params", "nk")} <= failures(copy)


def test_a_training_sample_inside_a_hold_out_is_found(copy: Path) -> None:
    data = Dataset.open(copy)
    rows = data.rows("nk", "train")
    row = int(rows[(rows >= 40) & (rows < 80)][0]) - 40
    column = get_world("nk").parameter_names.index("phi_pi")

    def move(values: NDArray[Any]) -> None:
        values[row, column] = 3.2

    falsify(copy, "nk", "theta", move)
    assert ("splits", "nk") in failures(copy)


def test_sizes_outside_the_intervals_are_found(copy: Path) -> None:
    def shrink(values: NDArray[Any]) -> None:
        values[3, 1] = 0.1

    falsify(copy, "var", "shock_size", shrink)
    assert ("shock_size", "var") in failures(copy)


def test_noisy_data_are_valid(tmp_path: Path) -> None:
    from emulator.data.generate import generate

    generate(small(measurement_noise=0.1), tmp_path / "noisy")
    assert failures(tmp_path / "noisy") == set()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, MOST_SEED),
    noise=st.floats(0, 100),
    threshold=st.floats(-1e300, 1e300),
    rows=st.integers(1, 10**5),
)
def test_configurations_survive_the_round_trip_through_json(
    seed: int, noise: float, threshold: float, rows: int
) -> None:
    corner = {"persistence": threshold, "volatility": -threshold}
    rules = {"nk": {"slice": [{"parameter": "phi_pi", "below": threshold}], "corner": corner}}
    config = small(worlds=("nk",), seed=seed, measurement_noise=noise, rules=rules,
                   shard_rows=rows, chunk_rows=rows)  # fmt: skip
    again = parse_config(json.loads(json.dumps(config.model_dump(mode="json"))), DataConfig, "x")
    assert again == config
    assert config_hash(again) == config_hash(config)


def test_the_manifest_survives_the_round_trip(built: Path, tmp_path: Path) -> None:
    manifest: Manifest = read_manifest(built)
    (tmp_path / "manifest.json").write_text(manifest_text(manifest))
    assert read_manifest(tmp_path) == manifest
