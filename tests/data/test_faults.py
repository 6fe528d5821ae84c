"""Damage of every kind: exit code 2 and one line that names the file and the remedy."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emulator.cli.app import run
from emulator.data import Dataset, StreamLoader
from emulator.data.schema import FIELDS, FileRecord, manifest_text, read_manifest
from emulator.errors import DatasetError
from emulator.storage import sealed, sha256
from tests.data.configs import checksums

pytestmark = pytest.mark.slow

SHARD = "nk/trajectories/c/1/0/0"


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert len(lines) == 1
    assert captured.out == ""
    return lines[0]


def flip(file: Path, position: int) -> None:
    content = bytearray(file.read_bytes())
    content[position] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    "name",
    [SHARD, "switching/flags/c/0/0", "var/theta/zarr.json", "params.parquet", "moments.json",
     "shards/nk/00000.json", "shards/nk/00001.parquet", "manifest.json", "config.json"],
)  # fmt: skip
def test_one_flipped_byte(copy: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = copy / name
    flip(file, file.stat().st_size // 2)
    assert run(["validate", str(copy)]) == 2
    line = one_line(capsys)
    assert name in line
    assert "run `emulator generate" in line


@pytest.mark.parametrize("name", [SHARD, "var/eps/zarr.json", "params.parquet"])
def test_a_missing_or_truncated_file(
    copy: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = copy / name
    file.write_bytes(file.read_bytes()[:-1])
    assert run(["validate", str(copy)]) == 2
    line = one_line(capsys)
    assert name in line
    assert "run `emulator generate" in line
    file.unlink()
    assert run(["validate", str(copy)]) == 2
    line = one_line(capsys)
    assert f"{name}: missing; run `emulator generate" in line


def test_the_remedy_works(built: Path, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flip(copy / SHARD, 1000)
    assert run(["validate", str(copy)]) == 2
    assert run(["generate", str(copy / "config.json"), "--output", str(copy)]) == 0
    assert run(["validate", str(copy)]) == 0
    assert checksums(copy) == checksums(built)


@pytest.mark.parametrize("lost", ["manifest.json", None])
@pytest.mark.parametrize("name", [SHARD, "switching/flags/c/0/0", "nk/zarr.json", "moments.json"])
def test_damage_is_never_certified(
    built: Path, copy: Path, config_file: Path, name: str, lost: str | None
) -> None:
    """With the manifest there, and where it was lost and only the shards' records are left."""
    flip(copy / name, 700)
    if lost:
        (copy / lost).unlink()
    assert run(["generate", str(config_file), "--output", str(copy)]) == 0
    assert checksums(copy) == checksums(built)


def test_readers_notice_damage_too(copy: Path) -> None:
    data = Dataset.open(copy)
    rows = np.arange(120)
    good = data.read("nk", rows, FIELDS)
    flip(copy / SHARD, 1000)
    with pytest.raises(DatasetError, match=SHARD):
        data.read("nk", rows, ["trajectories"])
    loader = StreamLoader(data, batch_size={"nk": 8}, fields=["trajectories"], seed=0)
    with pytest.raises(DatasetError, match=SHARD):
        loader.batch()
    (copy / SHARD).unlink()
    with pytest.raises(DatasetError, match=SHARD):
        data.read("nk", rows, ["trajectories"])
    # What is not damaged can still be read.
    again = data.read("nk", rows[:40], FIELDS)
    for field in FIELDS:
        np.testing.assert_array_equal(again[field], good[field][:40])


@pytest.mark.parametrize("name", ["params.parquet", "moments.json", "nk/theta/zarr.json"])
def test_damage_of_small_files_is_noticed_wherever_it_is(copy: Path, name: str) -> None:
    def read() -> tuple[list[int], list[float], list[float]]:
        data = Dataset(copy, read_manifest(copy))
        theta = data.read("nk", [0, 50], ["theta"])["theta"]
        return (
            data.rows("nk", "train").tolist(),
            data.moments("nk").irf_mean.ravel().tolist(),
            theta.ravel().tolist(),
        )

    good, flipped = read(), 0
    size = (copy / name).stat().st_size
    for position in range(3, size, size // 12):
        flip(copy / name, position)
        flipped += 1
        with pytest.raises(DatasetError, match=name):
            read()
        flip(copy / name, position)
    assert read() == good
    assert flipped >= 12


def test_another_schema_version_is_refused(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = read_manifest(copy)
    newer = manifest.model_copy(update={"schema_version": "2.7"})
    (copy / "manifest.json").write_text(manifest_text(newer))
    assert Dataset.open(copy).worlds == manifest.config.worlds
    other = manifest.model_copy(update={"schema_version": "3.0"})
    (copy / "manifest.json").write_text(manifest_text(other))
    assert run(["validate", str(copy)]) == 2
    line = one_line(capsys)
    assert "schema version 3.0, this program reads 2.0; generate the data set again" in line


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["files"].update({"/etc/passwd": m["files"]["config.json"]}),
        lambda m: m["files"].update({"nk/../../other": m["files"]["config.json"]}),
        lambda m: m["files"].update({"": m["files"]["config.json"]}),
        lambda m: m["files"].pop("moments.json"),
        lambda m: m["files"]["moments.json"].update(sha256="abc"),
        lambda m: m["worlds"].pop("nk"),
        lambda m: m["worlds"]["nk"].update(spec={}),
        lambda m: m["worlds"]["nk"].update(spec=m["worlds"]["var"]["spec"]),
        lambda m: m["worlds"]["nk"]["spec"].update(observables=[]),
        lambda m: m["worlds"]["nk"]["splits"].update(train=-5),
        lambda m: m["worlds"]["nk"].update(splits={}),
        lambda m: m.update(worlds=[]),
    ],
)
def test_a_manifest_of_something_else_with_a_right_checksum_is_refused(
    copy: Path, change: Callable[[dict[str, Any]], object], capsys: pytest.CaptureFixture[str]
) -> None:
    data = json.loads((copy / "manifest.json").read_text())
    change(data)
    (copy / "manifest.json").write_text(json.dumps(sealed(data)))
    assert run(["validate", str(copy)]) == 2
    line = one_line(capsys)
    assert "manifest.json: " in line
    assert "delete" not in line


@pytest.mark.parametrize("text", ["[" * 100_000, '{"seed": NaN}', '{"a": 1e999}', "\0", ""])
def test_a_manifest_that_is_no_json_is_one_line(
    copy: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy / "manifest.json").write_text(text)
    assert run(["validate", str(copy)]) == 2
    assert "manifest.json: damaged (" in one_line(capsys)


def test_moments_of_something_else_are_refused(copy: Path) -> None:
    for change in ({"nk": {}}, {"nk": None}, []):
        text = json.dumps(change).encode()
        (copy / "moments.json").write_bytes(text)
        manifest = read_manifest(copy)
        record = FileRecord(bytes=len(text), sha256=sha256(text))
        files = {**manifest.files, "moments.json": record}
        (copy / "manifest.json").write_text(
            manifest_text(manifest.model_copy(update={"files": files}))
        )
        with pytest.raises(DatasetError, match=r"moments\.json: damaged"):
            Dataset.open(copy).moments("nk")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "nk/irfs/c/0"), "nk/irfs/c/0: Permis"),
        (MemoryError(), "out of memory"),
    ],
)
def test_what_the_system_refuses_is_not_called_damage(
    copy: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    said: str,
) -> None:
    class Refusing:
        def __getitem__(self, rows: slice) -> None:
            raise error

    monkeypatch.setattr(Dataset, "array", lambda *_: Refusing())
    assert run(["validate", str(copy)]) == 2
    line = one_line(capsys)
    assert said in line
    assert "damaged" not in line


@pytest.mark.parametrize("name", ["manifest.json", "shards/nk/00000.json"])
@pytest.mark.parametrize(
    ("make", "said"), [(os.mkdir, "Is a directory"), (os.mkfifo, "Not a file but a pipe or a dev")]
)
def test_a_folder_or_a_pipe_in_place_of_a_file_is_neither_waited_for_nor_replaced(
    copy: Path,
    config_file: Path,
    name: str,
    make: Callable[[Path], None],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for file in {copy / "manifest.json", copy / name}:
        file.unlink()
    make(copy / name)
    assert run(["generate", str(config_file), "--output", str(copy)]) == 2
    line = one_line(capsys)
    assert name in line
    assert said in line
    assert (copy / name).exists()


def test_paths_that_are_no_text_and_paths_with_spaces_are_read(copy: Path, capsys) -> None:
    odd = copy.with_name("my data \udcff")
    copy.rename(odd)
    data = Dataset.open(odd)
    assert len(data.rows("nk", "train")) > 10
    assert data.read("nk", [0, 50], FIELDS)["irfs"].shape[0] == 2
    plain = odd.with_name("my data")
    odd.rename(plain)
    flip(plain / SHARD, 100)
    assert run(["validate", str(plain)]) == 2
    assert f"emulator generate '{plain / 'config.json'}' --output '{plain}'" in one_line(capsys)


def test_what_is_no_data_set_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        assert run(["validate", str(path)]) == 2
        assert "`emulator generate` makes one" in one_line(capsys)
    (tmp_path / "manifest.json").write_text("[1, 2")
    assert run(["validate", str(tmp_path)]) == 2
    assert "manifest.json" in one_line(capsys)
    (tmp_path / "manifest.json").write_text(json.dumps([1]))
    assert run(["validate", str(tmp_path)]) == 2
    assert "names no schema version" in one_line(capsys)


def test_an_unfinished_data_set_says_how_to_finish_it(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy / "manifest.json").unlink()
    assert run(["validate", str(copy)]) == 2
    assert f"not finished; run `emulator generate {copy / 'config.json'}" in one_line(capsys)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 kB; skips where mounting is not allowed."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a tmpfs is not permitted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.integration
def test_a_full_disk_loses_nothing(
    built: Path,
    config_file: Path,
    tiny_disk: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tiny_disk / "data"
    command = ["generate", str(config_file), "--output", str(output), "--workers"]
    assert run([*command, "2"]) == 2
    line = one_line(capsys)
    assert str(output) in line
    assert "the disk is full; free some space and run the same command again" in line
    finished = list(output.glob("shards/*/*.json"))
    assert finished
    written = {f: f.stat().st_mtime_ns for f in finished}
    subprocess.run(["mount", "-o", "remount,size=16m", str(tiny_disk)], check=True)
    assert run([*command, "1"]) == 0
    assert {f: f.stat().st_mtime_ns for f in finished} == written
    assert checksums(output) == checksums(built)
