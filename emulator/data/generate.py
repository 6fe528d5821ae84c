"""Making a data set: which shards are missing, who writes them, and what is written last."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow.parquet as pq

from emulator import __version__
from emulator.config import canonical_json, config_hash, load_config
from emulator.data.dataset import check_size
from emulator.data.moments import WorldMoments
from emulator.data.schema import (
    CONFIG,
    MANIFEST,
    MOMENTS,
    PARAMS,
    RECORDS,
    SCHEMA_VERSION,
    SPLITS,
    TEMPORARY,
    Code,
    DataConfig,
    FileRecord,
    Manifest,
    WorldRecord,
    manifest_text,
    part_file,
    read_manifest,
    record_file,
)
from emulator.data.shards import (
    PARQUET_OPTIONS,
    end_with_parent,
    metadata,
    parameter_columns,
    read_record,
    write_file,
    write_shard,
    write_stream,
)
from emulator.data.splits import check_rules
from emulator.errors import ConfigError, DatasetError
from emulator.provenance import commit
from emulator.worlds import get_world

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Generated:
    """What `generate` did: `samples` drawn in `seconds`, of a data set with this manifest."""

    manifest: Manifest
    samples: int
    seconds: float


def generate(
    config: DataConfig,
    output: str | Path,
    *,
    executor: Executor | None = None,
    workers: int = 1,
    progress: Progress = lambda done, total, note: None,
) -> Generated:
    """Write the data set of `config` to `output`, or what is missing of it.

    executor: anything with the interface of `concurrent.futures`; its workers must see `output`.
    Without one, `workers` processes of this machine (one: this process). progress is called with
    (samples done, samples in all, rate). Raises DatasetError when the directory holds something
    else, the disk is full or a worker dies, and ConfigError for impossible rules or an empty
    split. Whatever stops it, the same call goes on from the last finished shard.
    """
    root = Path(output).resolve()
    _check_config(config)
    _claim(root, config)
    started = time.perf_counter()
    finished = _finished(root, config)
    if finished is not None:
        return Generated(finished, 0, time.perf_counter() - started)
    (root / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(root / TEMPORARY, ignore_errors=True)
    for world in config.worlds:
        for name, content in metadata(get_world(world), config).items():
            write_file(root, name, content)
    missing = [t for t in config.tasks() if read_record(root, config, *t) is None]
    drawn = _write_missing(config, root, missing, executor, workers, progress)
    manifest = _finish(root, config)
    return Generated(manifest, drawn, time.perf_counter() - started)


def _check_config(config: DataConfig) -> None:
    for name in config.worlds:
        check_rules(get_world(name), config.rules[name])
    parameter_columns(config)


def _claim(root: Path, config: DataConfig) -> None:
    """Make the directory this configuration's, or refuse one that holds something else."""
    known = {MANIFEST, CONFIG, PARAMS, MOMENTS, RECORDS, TEMPORARY, *config.worlds}
    if root.exists() and not root.is_dir():
        raise DatasetError(f"{root}: not a directory; choose another --output")
    file = root / CONFIG
    if file.is_file():
        if config_hash(load_config(file, DataConfig)) != config_hash(config):
            raise DatasetError(
                f"{root}: holds a data set of another configuration ({file}); choose another "
                "--output, or delete the directory"
            )
    elif root.is_dir() and not {entry.name for entry in root.iterdir()} <= known:
        raise DatasetError(f"{root}: not empty and not a data set; choose another --output")
    else:
        text = json.dumps(config.model_dump(mode="json"), indent=1, allow_nan=False)
        write_file(root, CONFIG, (text + "\n").encode())


def _finished(root: Path, config: DataConfig) -> Manifest | None:
    """The manifest, when the data set is already complete (every file there, right size)."""
    if not (root / MANIFEST).is_file():
        return None
    try:
        manifest = read_manifest(root)
        for name in manifest.files:
            check_size(root, name, manifest)
    except DatasetError:
        return None
    return manifest if manifest.config_hash == config_hash(config) else None


# --------------------------------------------------------------------- shards


def _write_missing(
    config: DataConfig,
    root: Path,
    missing: list[tuple[str, int]],
    executor: Executor | None,
    workers: int,
    progress: Progress,
) -> int:
    """Write the missing shards; returns the number of samples drawn."""
    total = config.samples * len(config.worlds)
    sizes = {task: len(config.shard_range(task[1])) for task in missing}
    before = total - sum(sizes.values())
    data = config.model_dump(mode="json")
    started, drawn = time.perf_counter(), 0
    progress(before, total, "")

    def advance(task: tuple[str, int]) -> None:
        nonlocal drawn
        drawn += sizes[task]
        rate = drawn / (time.perf_counter() - started)
        progress(before + drawn, total, f"{rate:,.0f} samples/s")

    if executor is None and workers == 1:
        for task in missing:
            write_shard(data, str(root), *task)
            advance(task)
        return drawn
    with _pool(executor, min(workers, max(len(missing), 1))) as pool:
        tasks: dict[Future[None], tuple[str, int]] = {}
        try:
            for task in missing:
                tasks[pool.submit(write_shard, data, str(root), *task)] = task
            for future in as_completed(tasks):
                future.result()
                advance(tasks[future])
        except BrokenProcessPool:
            raise DatasetError(
                f"{root}: a worker process was ended from outside (out of memory?); run the same "
                "command again, perhaps with fewer --workers (finished shards are kept)"
            ) from None
        finally:
            for future in tasks:
                future.cancel()
    return drawn


@contextmanager
def _pool(executor: Executor | None, workers: int) -> Iterator[Executor]:
    """The caller's executor, left running, or a process pool of our own."""
    if executor is not None:
        yield executor
        return
    # Not fork: numba, Zarr and Arrow hold threads and locks that a forked child would inherit.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=end_with_parent) as pool:
        yield pool


# --------------------------------------------------------------------- what is written last


def _finish(root: Path, config: DataConfig) -> Manifest:
    """Write params.parquet, moments.json and, last of all, the manifest."""
    files: dict[str, FileRecord] = {}
    worlds: dict[str, WorldRecord] = {}
    moments: dict[str, Any] = {}
    for name in config.worlds:
        world = get_world(name)
        for file, content in metadata(world, config).items():
            files[file] = _record(content)
        splits: Counter[str] = Counter()
        rejections: Counter[str] = Counter()
        merged: WorldMoments | None = None
        for shard in range(config.shards):
            file = record_file(name, shard)
            content = (root / file).read_bytes()
            record = json.loads(content)
            files[file] = _record(content)
            files |= {k: FileRecord(**v) for k, v in record["files"].items()}
            splits.update(record["splits"])
            rejections.update(record["rejections"])
            part = WorldMoments.from_json(record["moments"])
            merged = part if merged is None else merged.merge(part)
        _refuse_empty(config, name, splits)
        assert merged is not None
        moments[name] = merged.to_json()
        worlds[name] = WorldRecord(
            spec=world.spec.to_dict(),
            samples=config.samples,
            splits={split: splits[split] for split in SPLITS},
            rejections=dict(sorted(rejections.items())),
            contents=_contents(root, config, name),
        )
    write_stream(root, PARAMS, lambda stream: _join_params(root, config, stream))
    files[PARAMS] = _record_of(root / PARAMS)
    text = (json.dumps(moments, allow_nan=False) + "\n").encode()
    write_file(root, MOMENTS, text)
    files[MOMENTS] = _record(text)
    contents = {name: record.contents for name, record in worlds.items()}
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        seed=config.seed,
        config=config,
        config_hash=config_hash(config),
        contents=hashlib.sha256(canonical_json(contents).encode()).hexdigest()[:16],
        code=Code(version=__version__, commit=commit()),
        worlds=worlds,
        files=files,
    )
    write_file(root, MANIFEST, manifest_text(manifest).encode())
    shutil.rmtree(root / TEMPORARY, ignore_errors=True)
    return manifest


def _refuse_empty(config: DataConfig, world: str, splits: Counter[str]) -> None:
    for split in SPLITS:
        if not splits[split] and (split != "slice" or config.rules[world].slice):
            raise ConfigError(
                f"world {world!r}: no sample of {config.samples} falls into split {split!r}; raise "
                "`samples` (or mend the rule) and generate into another directory"
            )


def _contents(root: Path, config: DataConfig, world: str) -> str:
    """SHA-256 over the samples' CRCs in order: the same for any size of shard."""
    digest = hashlib.sha256()
    for shard in range(config.shards):
        column = pq.read_table(root / part_file(world, shard), columns=["crc32c"])["crc32c"]
        digest.update(np.asarray(column.to_numpy(), dtype="<u4").tobytes())
    return digest.hexdigest()


def _join_params(root: Path, config: DataConfig, stream: BinaryIO) -> None:
    """All shards' parts as one file, a row group each."""
    writer: pq.ParquetWriter | None = None
    for world, shard in config.tasks():
        table = pq.read_table(root / part_file(world, shard), use_threads=False)
        if writer is None:
            writer = pq.ParquetWriter(stream, table.schema, **PARQUET_OPTIONS)
        writer.write_table(table)
    assert writer is not None
    writer.close()


def _record(content: bytes) -> FileRecord:
    return FileRecord(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def _record_of(file: Path) -> FileRecord:
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return FileRecord(bytes=file.stat().st_size, sha256=digest)
