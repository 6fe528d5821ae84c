"""What is written last: params.parquet, moments.json, and the manifest after everything else."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow.parquet as pq

from emulator.config import config_hash
from emulator.data.claim import config_text
from emulator.data.moments import WorldMoments
from emulator.data.schema import (
    CONFIG,
    DRAWS_VERSION,
    MANIFEST,
    MOMENTS,
    PARAMS,
    SCHEMA_VERSION,
    SPLITS,
    Code,
    DataConfig,
    FileRecord,
    Manifest,
    WorldRecord,
    manifest_text,
    record_file,
)
from emulator.data.shards import (
    PARQUET_OPTIONS,
    metadata,
    placing,
    read_part,
    read_record,
    write_file,
)
from emulator.data.splits import refuse_empty
from emulator.errors import DatasetError
from emulator.provenance import commit
from emulator.storage import file_sha256, json_sha256, sha256
from emulator.worlds import get_world
from emulator.worlds.dependence import described

Records = dict[tuple[str, int], dict[str, Any]]


def finish(root: Path, config: DataConfig) -> Manifest:
    """Write params.parquet, moments.json and, last of all, the manifest.

    Raises DatasetError when a shard's record or rows were altered since they were written, and
    ConfigError for an empty split.
    """
    records = _records(root, config)
    files: dict[str, FileRecord] = {CONFIG: _record(config_text(config))}
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
            file, record = record_file(name, shard), records[name, shard]
            files[file] = _record_of(root / file)
            files |= {k: FileRecord(**v) for k, v in record["files"].items()}
            splits.update(record["splits"])
            rejections.update(record["rejections"])
            part = WorldMoments.from_json(record["moments"])
            merged = part if merged is None else merged.merge(part)
        refuse_empty(config, name, splits)
        assert merged is not None
        moments[name] = merged.to_json()
        worlds[name] = WorldRecord(
            spec=described(world).to_dict(),
            samples=config.samples,
            splits={split: splits[split] for split in SPLITS},
            rejections=dict(sorted(rejections.items())),
            contents=_contents(root, config, name, records),
        )
    with placing(root / PARAMS) as stream:
        _join_params(root, config, records, stream)
    files[PARAMS] = _record_of(root / PARAMS)
    text = (json.dumps(moments, allow_nan=False) + "\n").encode()
    write_file(root / MOMENTS, text)
    files[MOMENTS] = _record(text)
    contents = {name: record.contents for name, record in worlds.items()}
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        seed=config.seed,
        config=config,
        config_hash=config_hash(config),
        contents=json_sha256(contents)[:16],
        code=Code(version=DRAWS_VERSION, commit=commit()),
        worlds=worlds,
        files=files,
    )
    write_file(root / MANIFEST, manifest_text(manifest).encode())
    return manifest


def _records(root: Path, config: DataConfig) -> Records:
    """The record of every shard, each checked against its own checksum."""
    records: Records = {}
    for world, shard in config.tasks():
        record = read_record(root, config, world, shard)
        if record is None:
            raise DatasetError(
                f"{root / record_file(world, shard)}: altered since it was written, or files it "
                "names are; run the same command again to draw this shard again"
            )
        records[world, shard] = record
    return records


def _contents(root: Path, config: DataConfig, world: str, records: Records) -> str:
    """SHA-256 over the samples' CRCs in order: the same for any size of shard."""
    digest = hashlib.sha256()
    for shard in range(config.shards):
        column = read_part(root, world, shard, records[world, shard])["crc32c"]
        digest.update(np.asarray(column.to_numpy(), dtype="<u4").tobytes())
    return digest.hexdigest()


def _join_params(root: Path, config: DataConfig, records: Records, stream: BinaryIO) -> None:
    """All shards' parts as one file, a row group each."""
    writer: pq.ParquetWriter | None = None
    try:
        for world, shard in config.tasks():
            table = read_part(root, world, shard, records[world, shard])
            if writer is None:
                writer = pq.ParquetWriter(stream, table.schema, **PARQUET_OPTIONS)
            writer.write_table(table)
        assert writer is not None
        writer.close()
    except BaseException:
        if writer is not None:
            # Closing writes the footer: on a full disk it fails as well, and would hide why.
            with suppress(OSError, ValueError):
                writer.close()
        raise


def _record(content: bytes) -> FileRecord:
    return FileRecord(bytes=len(content), sha256=sha256(content))


def _record_of(file: Path) -> FileRecord:
    return FileRecord(bytes=file.stat().st_size, sha256=file_sha256(file))
