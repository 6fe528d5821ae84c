"""Whose directory it is: nothing of another configuration, program or process is overwritten."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from pathlib import Path
from typing import Any

import pytest

from emulator.claim import LOCK, ClaimError, alone
from emulator.cli.app import run
from emulator.config import config_hash, load_config
from emulator.data import DataConfig, Dataset
from emulator.data import finish as finish_module
from emulator.data import generate as generate_module
from emulator.data import schema as schema_module
from emulator.data.generate import generate
from emulator.data.schema import (
    fingerprint,
    manifest_text,
    part_file,
    read_manifest,
    record_file,
)
from emulator.data.shards import is_written
from emulator.data.validate import validate
from emulator.errors import ConfigError, DatasetError, UnknownNameError
from emulator.storage import sealed
from emulator.worlds import get_world
from tests.data.configs import RULES, checksums, small

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("change", ["deleted", "replaced"])
def test_a_finished_data_set_is_not_overwritten_for_want_of_its_config(
    copy: Path, change: str
) -> None:
    other = small(seed=8)
    if change == "deleted":
        (copy / "config.json").unlink()
    else:
        (copy / "config.json").write_text(json.dumps(other.model_dump(mode="json")))
    before = checksums(copy)
    with pytest.raises(DatasetError, match="another configuration"):
        generate(other, copy)
    assert checksums(copy) == before


def test_without_config_and_manifest_the_records_say_whose_it_is(built: Path, copy: Path) -> None:
    for name in ("config.json", "manifest.json"):
        (copy / name).unlink()
    with pytest.raises(DatasetError, match="not a data set"):
        generate(small(seed=8), copy)
    assert generate(small(), copy).samples == 0
    assert checksums(copy) == checksums(built)


def test_a_folder_named_like_a_world_is_not_a_data_set(tmp_path: Path) -> None:
    (tmp_path / "nk").mkdir()
    (tmp_path / "nk" / "thesis.tex").touch()
    with pytest.raises(DatasetError, match="not empty and not a data set"):
        generate(small(worlds=("nk",)), tmp_path)
    assert [f.name for f in tmp_path.rglob("*")] == ["nk", "thesis.tex"]


def test_temporaries_and_a_stale_lock_are_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".config.json.1.tmp").touch()
    (tmp_path / ".lock").write_text("1\n")
    assert generate(small(worlds=("nk",)), tmp_path).samples == 120
    (tmp_path / "manifest.json").unlink()
    (tmp_path / "nk" / "irfs" / "c" / "0" / ".0.1.tmp").touch()
    assert generate(small(worlds=("nk",)), tmp_path).samples == 0
    assert not (tmp_path / ".lock").exists()
    assert not list(tmp_path.rglob(".*.tmp"))


def test_a_truncated_config_has_a_remedy_that_works(
    built: Path, copy: Path, config_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy / "manifest.json").unlink()
    file = copy / "config.json"
    file.write_bytes(file.read_bytes()[:40])
    command = ["generate", str(config_file), "--output", str(copy)]
    assert run(command) == 2
    line = capsys.readouterr().err
    assert f"delete {file} and run the same command again" in line
    assert line.count("\n") == 1
    file.unlink()
    assert run(command) == 0
    assert checksums(copy) == checksums(built)


def test_another_major_version_is_not_overwritten(copy: Path) -> None:
    other = read_manifest(copy).model_copy(update={"schema_version": "3.0"})
    (copy / "manifest.json").write_text(manifest_text(other))
    before = checksums(copy)
    with pytest.raises(DatasetError, match=r"schema version 3\.0"):
        generate(small(), copy)
    assert checksums(copy) == before


def test_a_later_minor_version_may_add_configuration_keys(copy: Path) -> None:
    data = json.loads((copy / "manifest.json").read_text())
    data["schema_version"] = "2.1"
    data["config"]["novelty"] = {"deep": 1}
    data["config"]["rules"]["nk"]["slice"][0]["novelty"] = 2
    (copy / "manifest.json").write_text(json.dumps(sealed(data)))
    assert Dataset.open(copy).manifest.config == small()


# --------------------------------------------------------------------- another program


def test_the_fingerprint_sees_numbers_and_names_and_no_prose() -> None:
    spec = get_world("nk").spec
    first, *rest = spec.parameters
    prose = dataclasses.replace(
        spec, title="x", parameters=(dataclasses.replace(first, description="x"), *rest)
    )
    assert fingerprint(prose) == fingerprint(spec)
    for change in ({"upper": first.upper + 1e-9}, {"name": "bet"}, {"unit": "percent"}):
        changed = (dataclasses.replace(first, **change), *rest)
        assert fingerprint(dataclasses.replace(spec, parameters=changed)) != fingerprint(spec)


def test_shards_of_another_version_are_drawn_again(
    built: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (copy / "manifest.json").unlink()
    assert generate(small(), copy).samples == 0
    (copy / "manifest.json").unlink()
    monkeypatch.setattr(schema_module, "DRAWS_VERSION", "9.9.9")
    assert generate(small(), copy).samples == 360


def test_shards_of_another_world_are_drawn_again_and_no_others(copy: Path) -> None:
    (copy / "manifest.json").unlink()
    for shard in range(3):
        file = copy / record_file("var", shard)
        record = json.loads(file.read_text())
        record["program"]["world"] = "0" * 16
        file.write_text(json.dumps(sealed(record)))
    assert generate(small(), copy).samples == 120


def other_world(copy: Path) -> None:
    """Make the data set one of an older program, whose `nk` had other bounds."""
    manifest = read_manifest(copy)
    record = manifest.worlds["nk"]
    record.spec["parameters"][0]["upper"] += 0.001
    code = manifest.code.model_copy(update={"version": "0.0.1", "commit": "abc"})
    (copy / "manifest.json").write_text(manifest_text(manifest.model_copy(update={"code": code})))


def test_a_data_set_of_another_program_is_checked_as_far_as_it_can_be(copy: Path) -> None:
    other_world(copy)
    checks = {(c.name, c.world): c for c in validate(copy)}
    check = checks["world", "nk"]
    assert not check.passed
    assert "written at abc" in check.detail
    assert {c.name for c in checks.values() if c.world == "nk"} == {"world"}
    assert all(c.passed for c in checks.values() if c.world != "nk")


def test_a_data_set_finished_by_another_program_is_left_alone(copy: Path) -> None:
    other_world(copy)
    before = checksums(copy)
    with pytest.raises(DatasetError, match=r"of version 0\.0\.1, whose worlds nk differ.*abc"):
        generate(small(), copy)
    assert checksums(copy) == before


# --------------------------------------------------------------------- altered records


@pytest.mark.parametrize("name", [record_file("nk", 1), part_file("nk", 1)])
def test_an_altered_record_or_part_is_drawn_again(built: Path, copy: Path, name: str) -> None:
    (copy / "manifest.json").unlink()
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    assert generate(small(), copy).samples == 40
    assert checksums(copy) == checksums(built)


def test_what_is_altered_while_finishing_is_named_and_the_remedy_works(
    built: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (copy / "manifest.json").unlink()
    original = finish_module._records

    def then_alter(root: Path, config: DataConfig) -> Any:
        records = original(root, config)
        (copy / part_file("var", 2)).write_bytes(b"PAR1")
        return records

    with monkeypatch.context() as patch:
        patch.setattr(finish_module, "_records", then_alter)
        with pytest.raises(DatasetError, match=r"shards/var/00002.parquet: altered .* same comm"):
            generate(small(), copy)
    assert generate(small(), copy).samples == 40
    assert checksums(copy) == checksums(built)


# --------------------------------------------------------------------- other processes


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    with (
        alone(tmp_path / "data" / LOCK, tmp_path / "data", "emulator generate"),
        pytest.raises(ClaimError, match=f"is at work here, pid {os.getpid()}"),
    ):
        generate(small(worlds=("nk",)), tmp_path / "data")
    assert generate(small(worlds=("nk",)), tmp_path / "data").samples == 120


class Lost(Executor):
    """An executor whose workers have gone."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(self._error)
        return future


def test_lost_workers_are_said_and_errors_of_the_work_are_not_hidden(tmp_path: Path) -> None:
    foreign = type("KilledWorker", (Exception,), {"__module__": "distributed.scheduler"})
    for error in (CancelledError(), foreign("gone"), ConnectionError("gone")):
        with pytest.raises(DatasetError, match=r"workers were lost .* run the same command again"):
            generate(small(worlds=("nk",)), tmp_path / "data", executor=Lost(error))
    with pytest.raises(ZeroDivisionError):
        generate(small(worlds=("nk",)), tmp_path / "data", executor=Lost(ZeroDivisionError()))


# A shell's background job, as continuous integration may be, hands down an ignored SIGINT.
HEARING_SIGINT = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from emulator.cli import main
main()
"""


@pytest.mark.integration
@pytest.mark.parametrize("delay", [0.0, 2.0])
def test_ctrl_c_is_one_line_also_while_workers_start(tmp_path: Path, delay: float) -> None:
    file, output = tmp_path / "long.yaml", tmp_path / "data"
    config = small(samples=200_000, shard_rows=200)
    file.write_text(json.dumps(config.model_dump(mode="json")))
    process = subprocess.Popen(
        [sys.executable, "-c", HEARING_SIGINT, "generate", str(file),
         "--output", str(output), "--workers", "2"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 180  # a first run compiles first
    # The last thing written before the workers are started.
    while not (output / "switching" / "zarr.json").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.2 + delay)
    os.killpg(process.pid, signal.SIGINT)
    _, lines = process.communicate(timeout=60)
    assert lines == "emulator: interrupted; run the same command again to go on\n"
    assert process.returncode == 130


# --------------------------------------------------------------------- refused beforehand


def test_impossible_splits_are_found_before_anything_is_written(tmp_path: Path) -> None:
    def refuse(match: str, **changes: Any) -> None:
        with pytest.raises(ConfigError, match=match):
            generate(small(worlds=("nk",), **changes), tmp_path / "data")
        assert not (tmp_path / "data").exists()

    never = {"corner": {"persistence": 0.9999, "volatility": 1.0}}
    refuse("none of 500 trial samples falls into split 'corner'", samples=5000, rules={"nk": never})
    shares = {"train": 0.9998, "val": 1e-4, "test": 1e-4}
    refuse("split 'val' can expect", samples=5000, shares=shares)
    beyond = {**RULES["nk"], "slice": [{"parameter": "phi_pi", "above": 3.6}]}
    refuse("phi_pi above 3.6 holds out nothing or everything", rules={"nk": beyond})
    refuse("no sample of 3 falls into", samples=3)


def test_rules_of_worlds_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    rules = {**RULES, "zlbb": RULES["nk"]}
    with pytest.raises(UnknownNameError, match="did you mean 'zlb'"):
        generate(small(rules=rules), tmp_path / "data")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"quarters": 59}, "quarters must exceed run_in by at least 40"),
        ({"quarters": 10_001}, "quarters"),
        ({"samples": 100_000_001}, "samples"),
        ({"shard_rows": 1_000_000}, "shard_rows: .* hold in memory"),
        ({"samples": 10_000_000}, "shard_rows: .* raise shard_rows"),
    ],
)
def test_sizes_beyond_reason_are_refused_in_a_short_line(
    tmp_path: Path, changes: dict[str, int], match: str
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps({**small().model_dump(mode="json"), **changes}))
    with pytest.raises(ConfigError, match=match) as caught:
        load_config(file, DataConfig)
    assert "'worlds'" not in str(caught.value)
    assert config_hash(small())  # the unchanged one is fine


def test_too_little_memory_is_one_line(
    config_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*args: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(generate_module, "write_shard", fail)
    assert run(["generate", str(config_file), "--output", str(tmp_path / "data")]) == 2
    assert capsys.readouterr().err.startswith("emulator: out of memory")


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r["files"][part_file("nk", 1)].pop("sha256"),
        lambda r: r["files"].update({"../other": {"bytes": 1, "sha256": "a"}}),
        lambda r: r["splits"].update(train=-1),
        lambda r: r["splits"].update(train=r["splits"]["train"] + 1),
        lambda r: r.update(rejections={"NO_STABLE_SOLUTION": "many"}),
        lambda r: r["moments"]["irfs"].update(mean=[1.0]),
        lambda r: r.update(moments={}),
    ],
)
def test_a_record_of_something_else_with_a_right_checksum_is_drawn_again(
    copy: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    file = copy / record_file("nk", 1)
    record = json.loads(file.read_text())
    assert is_written(copy, small(), "nk", 1)
    change(record)
    file.write_text(json.dumps(sealed(record)))
    assert not is_written(copy, small(), "nk", 1)
