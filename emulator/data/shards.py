"""Writing one shard of one world: draw, classify, encode, rename, and last the record.

A shard is complete when its record (`schema.record_file`) is there, was made by this program from
this configuration, and the files it names have the SHA-256 it gives. Everything reaches its place
by renaming, the record after the rest, so a process killed at any moment leaves either a complete
shard or one that the next run writes again, with the same bytes.
"""

from __future__ import annotations

import errno
import io
import json
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zarr
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from zarr.codecs import Crc32cCodec
from zarr.errors import ZarrUserWarning
from zarr.storage import MemoryStore

from emulator.config import config_hash
from emulator.data.moments import WorldMoments
from emulator.data.samples import draw_samples
from emulator.data.schema import (
    SPLITS,
    DamagedDataError,
    DataConfig,
    FileRecord,
    Layout,
    layout,
    part_file,
    program,
    record_file,
    shard_file,
)
from emulator.data.splits import BLOCK, assign
from emulator.errors import ConfigError, DatasetError
from emulator.storage import (
    GONE,
    file_sha256,
    is_sealed,
    read_bytes,
    read_json,
    sealed,
    sha256,
    writing,
)
from emulator.worlds import Status, World, get_world
from emulator.worlds.population import path_moments

SUMMARY_COLUMNS = (
    "sd_output", "sd_inflation", "sd_rate",
    "autocorrelation_output", "autocorrelation_inflation", "autocorrelation_rate", "flag_share",
)  # fmt: skip
LABEL_COLUMNS = ("world", "index", "split", "status")


# --------------------------------------------------------------------- one shard


def write_shard(config_data: dict[str, Any], root: str, name: str, shard: int) -> None:
    """Write shard `shard` of world `name` into the data set at `root`.

    Takes and returns plain data, so that any executor can run it, on any machine that sees `root`.
    Raises DatasetError when the disk is full, naming the file.
    """
    config = DataConfig.model_validate(config_data)
    folder, world = Path(root), get_world(name)
    # One process is one worker: a second level of threads would only take turns with others.
    with threadpool_limits(limits=1):
        files, record = _draw_shard(config, world, shard)
    sizes = {}
    for file, content in files.items():
        sizes[file] = {"bytes": len(content), "sha256": sha256(content)}
        write_file(folder / file, content)
    record["files"] = sizes
    write_file(folder / record_file(name, shard), json.dumps(sealed(record)).encode())


def _draw_shard(
    config: DataConfig, world: World[Any], shard: int
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The shard's files and its record, which still lacks their checksums."""
    indices = config.shard_range(shard)
    arrays = layout(world.spec, config)
    # Blocks bound what the simulation holds in float64; the arrays themselves are float32.
    values = {a.name: np.empty((len(indices), *a.shape), dtype=a.dtype) for a in arrays}
    codes = np.empty(len(indices), dtype=np.int8)
    rejections: Counter[str] = Counter()
    for start in range(0, len(indices), BLOCK):
        samples = draw_samples(world, config.seed, indices[start : start + BLOCK], config)
        here = slice(start, start + len(samples.indices))
        for array in arrays:
            values[array.name][here] = samples.arrays[array.name]
        codes[here] = assign(world, samples, config)
        rejections.update(samples.rejections)
    train = codes == SPLITS.index("train")
    moments = WorldMoments.of(
        values["irfs"][train],
        None if world.linear else values["irfs_state"][train],
        values["trajectories"][train, config.run_in :],
    )
    files = {shard_file(world.name, a, shard): encode(a, values[a.name], config) for a in arrays}
    table = _params_table(config, world, indices, values, codes)
    files[part_file(world.name, shard)] = _parquet(table)
    counts = np.bincount(codes, minlength=len(SPLITS))
    record = {
        "config_hash": config_hash(config),
        "program": program(world.spec),
        "world": world.name,
        "shard": shard,
        "splits": dict(zip(SPLITS, counts.tolist(), strict=True)),
        "rejections": dict(sorted(rejections.items())),
        "moments": moments.to_json(),
    }
    return files, record


def sample_checksums(
    values: dict[str, NDArray[Any]], arrays: tuple[Layout, ...], codes: NDArray[np.int8]
) -> NDArray[np.uint32]:
    """CRC-32C (B,) of each sample: its split, then its arrays in the order of the layout."""
    out = np.empty(len(codes), dtype=np.uint32)
    for r in range(len(codes)):
        crc = google_crc32c.value(codes[r].tobytes())
        for array in arrays:
            crc = google_crc32c.extend(crc, values[array.name][r])
        out[r] = crc
    return out


def _params_table(
    config: DataConfig,
    world: World[Any],
    indices: range,
    values: dict[str, NDArray[Any]],
    codes: NDArray[np.int8],
) -> pa.Table:
    """The shard's rows of params.parquet."""
    rows = len(indices)
    labels = np.array(SPLITS)[codes]
    columns: dict[str, Any] = {
        "world": pa.array([world.name] * rows, pa.string()),
        "index": pa.array(np.arange(indices.start, indices.stop), pa.int64()),
        "split": pa.array(labels.tolist(), pa.string()),
        "status": pa.array([Status.OK.name] * rows, pa.string()),
    }
    own = dict(zip(world.parameter_names, values["theta"].T, strict=True))
    for name in parameter_columns(config):
        columns[name] = pa.array(own[name]) if name in own else pa.nulls(rows, pa.float64())
    flags = values.get("flags")
    share = (
        pa.nulls(rows, pa.float64())
        if flags is None
        else pa.array((flags[:, config.run_in :] != 0).mean(axis=1))
    )
    moments = path_moments(values["trajectories"], config.run_in)
    statistics = [*moments.sd.T, *moments.autocorrelation.T]
    columns |= dict(zip(SUMMARY_COLUMNS, [*map(pa.array, statistics), share], strict=True))
    checksums = sample_checksums(values, layout(world.spec, config), codes)
    columns["crc32c"] = pa.array(checksums, pa.uint32())
    return pa.table(columns)


def parameter_columns(config: DataConfig) -> list[str]:
    """Parameter names of all worlds in order of appearance: one column a name.

    Raises ConfigError when a parameter is called like another column.
    """
    names: dict[str, None] = {}
    for world in config.worlds:
        names |= dict.fromkeys(get_world(world).parameter_names)
    taken = {*LABEL_COLUMNS, *SUMMARY_COLUMNS, "crc32c"} & set(names)
    if taken:
        raise ConfigError(f"parameters named {sorted(taken)} clash with columns of params.parquet")
    return list(names)


PARQUET_OPTIONS: dict[str, Any] = {"write_page_checksum": True, "compression": "zstd"}


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **PARQUET_OPTIONS)
    return buffer.getvalue()


# --------------------------------------------------------------------- Zarr


def encode(array: Layout, values: NDArray[Any], config: DataConfig) -> bytes:
    """The bytes of the one shard that holds `values` (at most shard_rows, ...).

    Zarr v3's sharding format: the chunks, each followed by its CRC-32C, then an index of (offset,
    length) per chunk and the index's own CRC. Zarr's writer makes the same bytes in seven times
    the time, which would be a quarter of all the time that a linear world's shard takes.
    """
    rows, pieces, offset = config.chunk_rows, [], 0
    index = np.full((config.shard_rows // rows, 2), np.iinfo(np.uint64).max, dtype="<u8")
    for k, first in enumerate(range(0, len(values), rows)):
        chunk = np.ascontiguousarray(values[first : first + rows])
        if len(chunk) < rows:
            padded = np.full((rows, *array.shape), _fill(array), dtype=array.dtype)
            padded[: len(chunk)] = chunk
            chunk = padded
        body = _with_crc(chunk.astype(chunk.dtype.newbyteorder("<"), copy=False).tobytes())
        index[k] = offset, len(body)
        offset += len(body)
        pieces.append(body)
    return b"".join([*pieces, _with_crc(index.tobytes())])


def _with_crc(body: bytes) -> bytes:
    crc: int = google_crc32c.value(body)
    return body + crc.to_bytes(4, "little")


def _fill(array: Layout) -> float:
    return np.nan if array.dtype.startswith("float") else 0


def metadata(world: World[Any], config: DataConfig) -> dict[str, bytes]:
    """The zarr.json files of a world's group and arrays, by path in the data set."""
    held: dict[str, Any] = {}
    group = zarr.create_group(
        MemoryStore(store_dict=held),
        zarr_format=3,
        attributes={"world": world.name, "title": world.title, "source": world.source},
    )
    for array in layout(world.spec, config):
        group.create_array(
            array.name,
            shape=(config.samples, *array.shape),
            shards=(config.shard_rows, *array.shape),
            chunks=(config.chunk_rows, *array.shape),
            dtype=array.dtype,
            # Innovations and paths are noise: zstd saves 6 % of the bytes and doubles the time to
            # write them. The CRC tells altered bytes from good ones at every read.
            compressors=(Crc32cCodec(),),
            fill_value=_fill(array),
            dimension_names=("sample", *array.dims),
            attributes=array.attrs,
        )
    with warnings.catch_warnings():
        # Zarr warns that version 3 does not specify consolidation; xarray warns without it.
        warnings.simplefilter("ignore", ZarrUserWarning)
        zarr.consolidate_metadata(group.store)
    return {f"{world.name}/{key}": bytes(value.to_bytes()) for key, value in held.items()}


# --------------------------------------------------------------------- files


def write_file(path: Path, content: bytes) -> None:
    """Put a file in its place at once. Raises DatasetError naming it when that fails."""
    with placing(path) as stream:
        stream.write(content)


@contextmanager
def placing(path: Path) -> Iterator[BinaryIO]:
    """`storage.writing`, in a folder made for it. Raises DatasetError naming the file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with writing(path) as stream:
            yield stream
    except DatasetError:
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DatasetError(
                f"{path}: the disk is full; free some space and run the same command again "
                "(finished shards are kept)"
            ) from None
        raise DatasetError(
            f"{path}: cannot be written ({error.strerror or error}); run the same command again "
            "when it can (finished shards are kept)"
        ) from None


def read_record(root: Path, config: DataConfig, world: str, shard: int) -> dict[str, Any] | None:
    """The record of a complete shard, or None when the shard must be written (again).

    None also where another program (see `schema.program`) or another configuration wrote it, and
    where the record or its part of params.parquet is not what was written. Raises OSError where
    the system refuses to read what is there.
    """
    spec = get_world(world).spec
    try:
        record = read_json(root / record_file(world, shard))
        if not is_sealed(record):
            return None
        mine = (config_hash(config), program(spec), world, shard)
        if tuple(record[k] for k in ("config_hash", "program", "world", "shard")) != mine:
            return None
        names = {shard_file(world, array, shard) for array in layout(spec, config)}
        if record["files"].keys() != names | {part_file(world, shard)}:
            return None
        for name, expected in record["files"].items():
            if (root / name).stat().st_size != FileRecord.model_validate(expected).bytes:
                return None
        rows, counts = len(config.shard_range(shard)), record["splits"]
        numbers = [*counts.values(), *record["rejections"].values()]
        if any(type(number) is not int or number < 0 for number in numbers):
            return None
        if counts.keys() != set(SPLITS) or sum(counts.values()) != rows:
            return None
        moments = WorldMoments.from_json(record["moments"])
        moments.check(len(spec.shocks), config.horizon, len(spec.observables))
        read_part(root, world, shard, record)
    except (*GONE, DamagedDataError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return dict(record)


def is_written(root: Path, config: DataConfig, world: str, shard: int) -> bool:
    """Whether a shard is complete and every byte of it is what was written."""
    record = read_record(root, config, world, shard)
    return record is not None and all(
        file_sha256(root / name) == file["sha256"] for name, file in record["files"].items()
    )


def read_part(root: Path, world: str, shard: int, record: dict[str, Any]) -> pa.Table:
    """The shard's rows of params.parquet. Raises DamagedDataError when they were altered."""
    name = part_file(world, shard)
    content = read_bytes(root / name)
    if sha256(content) != record["files"][name]["sha256"]:
        raise DamagedDataError(
            f"{root / name}: altered since it was written; run the same command again to draw "
            "this shard again"
        )
    return pq.read_table(io.BytesIO(content), use_threads=False)
