"""Generation: the same contents whatever the workers, the shards and the interruptions."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emulator.cli.app import run
from emulator.data import Dataset, draw_samples
from emulator.data.generate import generate
from emulator.data.schema import FIELDS, SPLITS, layout, record_file, shard_file
from emulator.data.shards import encode
from emulator.data.splits import split_uniforms
from emulator.data.validate import validate
from emulator.errors import ConfigError, DatasetError
from emulator.worlds import get_world
from emulator.worlds.dependence import described
from tests.data.configs import RULES, WORLDS, checksums, small

pytestmark = pytest.mark.slow

# Moments at which a running generation is killed; more of them for the record in docs.
KILLS = int(os.environ.get("EMULATOR_KILLS", "2"))


def test_every_array_is_there_as_the_schema_says(dataset: Dataset) -> None:
    config = dataset.manifest.config
    for world in WORLDS:
        spec = described(get_world(world))
        assert dataset.spec(world) == spec
        names = {a.name for a in layout(spec, config)}
        assert ("irfs_state" in names) == (not spec.linear)
        assert ("flags" in names) == (spec.flag is not None)
        for array in layout(spec, config):
            stored = dataset.array(world, array)
            assert stored.shape == (config.samples, *array.shape)
            assert str(stored.dtype) == array.dtype
            assert stored.metadata.dimension_names == ("sample", *array.dims)


def test_xarray_opens_a_world(built: Path, dataset: Dataset) -> None:
    import xarray

    data = xarray.open_zarr(built / "switching")
    assert data.irfs.dims == ("sample", "shock", "horizon", "observable")
    rows = np.array([3, 100])
    for field in FIELDS:
        expected = dataset.read("switching", rows, [field])[field]
        np.testing.assert_array_equal(data[field].isel(sample=rows).values, expected)


def test_params_agree_with_the_arrays_and_open_in_pandas(built: Path, dataset: Dataset) -> None:
    import pandas as pd

    table = pd.read_parquet(built / "params.parquet")
    for world in WORLDS:
        part = table[table.world == world]
        assert part["index"].tolist() == list(range(120))
        theta = dataset.read(world, np.arange(120), ["theta"])["theta"]
        names = list(get_world(world).parameter_names)
        np.testing.assert_array_equal(part[names].to_numpy(), theta)
        assert (part.status == "OK").all()
        for split in SPLITS:
            assert (
                part["index"][part.split == split].tolist() == dataset.rows(world, split).tolist()
            )


def test_rows_are_read_in_the_order_asked(dataset: Dataset) -> None:
    rows = np.array([119, 0, 41, 40, 41, 79])
    everything = dataset.read("nk", np.arange(120), ["irfs", "irfs_state", "flags"])
    some = dataset.read("nk", rows, ["irfs", "irfs_state", "flags"])
    np.testing.assert_array_equal(some["irfs"], everything["irfs"][rows])
    np.testing.assert_array_equal(some["irfs_state"], some["irfs"])
    assert not some["flags"].any()
    assert len(dataset.read("nk", np.array([], dtype=int), ["theta"])["theta"]) == 0


def test_two_processes_write_what_one_writes(built: Path, tmp_path: Path) -> None:
    generate(small(), tmp_path / "two", workers=2)
    assert checksums(tmp_path / "two") == checksums(built)


def test_any_executor_will_do(built: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as executor:
        generate(small(), tmp_path / "threads", executor=executor)
        assert executor.submit(int, "1").result() == 1  # left running
    assert checksums(tmp_path / "threads") == checksums(built)


@pytest.mark.parametrize(("shard_rows", "chunk_rows"), [(25, 5), (500, 50)])
def test_contents_do_not_depend_on_the_shards(
    dataset: Dataset, tmp_path: Path, shard_rows: int, chunk_rows: int
) -> None:
    generate(small(shard_rows=shard_rows, chunk_rows=chunk_rows), tmp_path / "other")
    other = Dataset.open(tmp_path / "other")
    assert other.hash == dataset.hash
    for world in WORLDS:
        one, two = (d.read(world, np.arange(120), FIELDS) for d in (dataset, other))
        for field in FIELDS:
            np.testing.assert_array_equal(one[field], two[field])
        for split in SPLITS:
            np.testing.assert_array_equal(dataset.rows(world, split), other.rows(world, split))


def test_a_sample_does_not_depend_on_the_number_of_samples(
    dataset: Dataset, tmp_path: Path
) -> None:
    generate(small(worlds=("nk",), samples=200), tmp_path / "more")
    more = Dataset.open(tmp_path / "more")
    one, two = (d.read("nk", np.arange(120), FIELDS) for d in (dataset, more))
    for field in FIELDS:
        np.testing.assert_array_equal(one[field], two[field])
    for split in SPLITS:
        rows = more.rows("nk", split)
        np.testing.assert_array_equal(dataset.rows("nk", split), rows[rows < 120])
    assert more.hash != dataset.hash


def test_a_second_run_draws_nothing(copy: Path) -> None:
    before = {f: f.stat().st_mtime_ns for f in copy.rglob("*")}
    done = generate(small(), copy)
    assert done.samples == 0
    assert {f: f.stat().st_mtime_ns for f in copy.rglob("*")} == before


@pytest.mark.parametrize(
    "lost",
    [
        "nk/eps/c/1/0/0",
        "var/irfs/zarr.json",
        "switching/zarr.json",
        "params.parquet",
        "moments.json",
        "manifest.json",
        "config.json",
        record_file("nk", 0),
        "shards/var/00002.parquet",
    ],
)
def test_a_deleted_file_is_written_again(built: Path, copy: Path, lost: str) -> None:
    (copy / lost).unlink()
    done = generate(small(), copy)
    assert done.samples == (40 if lost.startswith(("nk", "shards")) else 0)
    assert checksums(copy) == checksums(built)


def test_another_configuration_is_refused(copy: Path, tmp_path: Path) -> None:
    before = checksums(copy)
    with pytest.raises(DatasetError, match="another configuration"):
        generate(small(seed=8), copy)
    assert checksums(copy) == before
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    with pytest.raises(DatasetError, match="not empty and not a data set"):
        generate(small(), tmp_path / "full")
    assert [f.name for f in (tmp_path / "full").iterdir()] == ["thesis.tex"]


def test_an_empty_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"world 'nk': no sample of 3 .* raise `samples`"):
        generate(small(worlds=("nk",), samples=3), tmp_path / "few")
    assert not (tmp_path / "few" / "manifest.json").exists()


def test_a_world_without_slice_rules_has_a_corner_only(tmp_path: Path) -> None:
    rules = {"nk": {"corner": RULES["nk"]["corner"]}}
    done = generate(small(worlds=("nk",), rules=rules), tmp_path / "corner")
    counts = done.manifest.worlds["nk"].splits
    assert counts["slice"] == 0
    assert all(counts[s] for s in SPLITS if s != "slice")
    assert all(check.passed for check in validate(tmp_path / "corner"))


def test_a_world_without_rules_holds_nothing_out(tmp_path: Path) -> None:
    rules = {"nk": small().rules["nk"]}
    generate(small(worlds=("nk", "var"), rules=rules), tmp_path / "data")
    data = Dataset.open(tmp_path / "data")
    counts = {name: data.manifest.worlds[name].splits for name in data.worlds}
    assert min(counts["nk"].values()) > 0
    assert (counts["var"]["slice"], counts["var"]["corner"]) == (0, 0)
    assert data.held_out(("var",)) == {"var": []}
    assert data.held_out(("nk",))["nk"] == [
        {"parameter": "phi_pi", "above": 3.0},
        {"persistence": 0.5, "volatility": 1.2, "default": True},  # as the defaults lie there
    ]
    for name in data.worlds:
        parts = [data.scored(name, split) for split in ("test", "slice", "corner")]
        np.testing.assert_array_equal(np.sort(np.concatenate(parts)), data.scored(name, "prior"))
        u = split_uniforms(7, name, np.arange(120))
        np.testing.assert_array_equal(data.scored(name, "prior"), np.flatnonzero(u >= 0.9))


def test_data_sets_that_hold_out_other_parts_are_of_the_same_draws(built: Path) -> None:
    """Weights of one are scored on the other; which samples those are differs."""
    one = Dataset.open(built)
    other = one.manifest.model_copy(update={"config": small(rules={})})
    assert Dataset(one.path, other).draws == one.draws
    assert Dataset(one.path, other).samples_sha != one.samples_sha
    shares = {"train": 0.7, "val": 0.1, "test": 0.2}
    assert small(shares=shares).draws != small().draws


def test_a_worlds_draws_are_the_same_whatever_other_worlds_there_are(built: Path) -> None:
    one = Dataset.open(built)
    first, *others = one.worlds
    assert others
    alone = one.manifest.model_copy(update={"config": small(worlds=(first,))})
    assert Dataset(one.path, alone).draws_of(first) == one.draws_of(first)
    assert len({one.draws, *(one.draws_of(world) for world in one.worlds)}) == 1 + len(one.worlds)


# --------------------------------------------------------------------- killed


def _start(config: Path, output: Path, workers: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "emulator.cli", "generate", str(config),
         "--output", str(output), "--workers", str(workers)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.integration
@pytest.mark.parametrize("moment", range(KILLS))
def test_killed_at_any_moment_and_run_again(
    built: Path, config_file: Path, tmp_path: Path, moment: int
) -> None:
    import psutil

    output = tmp_path / "killed"
    chance = random.Random(time.time_ns())
    # Wait for some of the files a run leaves behind (about 90), and a little longer, then kill.
    files = chance.randrange(1, 90)
    process = _start(config_file, output, workers=1 + moment % 2)
    deadline = time.monotonic() + 120
    while sum(f.is_file() for f in output.rglob("*")) < files and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    time.sleep(chance.random() * 0.01)
    children = psutil.Process(process.pid).children() if process.poll() is None else []
    process.kill()
    process.wait()
    # Workers end with the process that started them, rather than write on or wait for ever.
    assert not psutil.wait_procs(children, timeout=30)[1]
    print(f"killed with {sum(f.is_file() for f in output.rglob('*'))} files written")
    assert run(["generate", str(config_file), "--output", str(output)]) == 0
    assert checksums(output) == checksums(built)


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("rows", [40, 33, 20, 3])
def test_shards_are_the_bytes_that_zarr_writes(name: str, rows: int) -> None:
    import zarr

    config = small(samples=rows)
    world = get_world(name)
    samples = draw_samples(world, 1, range(rows), config)
    held: dict[str, Any] = {}
    group = zarr.create_group(zarr.storage.MemoryStore(store_dict=held), zarr_format=3)
    for array in layout(world.spec, config):
        values = samples.arrays[array.name]
        with zarr.config.set({"array.write_empty_chunks": True}):
            group.create_array(
                array.name,
                shape=values.shape,
                shards=(config.shard_rows, *array.shape),
                chunks=(config.chunk_rows, *array.shape),
                dtype=array.dtype,
                compressors=(zarr.codecs.Crc32cCodec(),),
                fill_value=np.nan if array.dtype.startswith("float") else 0,
            )[...] = values
        file = shard_file(name, array, 0).removeprefix(f"{name}/")
        assert encode(array, values, config) == held[file].to_bytes()
