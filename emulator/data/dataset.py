"""Reading a data set: rows of a split, fields of rows, moments.

data = Dataset.open("datasets/dev")
rows = data.rows("nk", "train")
batch = data.read("nk", rows[:64], ["theta", "irfs"])
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emulator.data.moments import Moments, WorldMoments
from emulator.data.schema import (
    FIELDS,
    HOLD_OUTS,
    MOMENTS,
    OF_PRIOR,
    PARAMS,
    PRIOR,
    SPLITS,
    DamagedDataError,
    Layout,
    Manifest,
    layout,
    read_manifest,
    rerun,
    shard_file,
)
from emulator.data.splits import in_prior, recorded
from emulator.errors import DatasetError, InputError, unknown_name
from emulator.specs import WorldSpec
from emulator.storage import (
    GONE,
    file_sha256,
    json_sha256,
    open_file,
    parse_json,
    read_bytes,
    sha256,
)
from emulator.worlds import get_world, has_world

FIRST_SAMPLES = 50  # enough to tell: one sample of other equations differs
DIGITS = 4  # of a sample's sums; processors differ in the seventh digit of single numbers

# Draws by configuration and contents: a plan of many runs asks for them at every run.
_DRAWS: dict[tuple[str, str], str] = {}


class Dataset:
    """A finished data set. Opening reads the manifest and checks that every file is there."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self.worlds: tuple[str, ...] = manifest.config.worlds
        self._specs = {w: WorldSpec.from_dict(r.spec) for w, r in manifest.worlds.items()}
        self._layouts = {
            w: {a.name: a for a in layout(self._specs[w], manifest.config)} for w in self.worlds
        }
        self._arrays: dict[tuple[str, str], Any] = {}
        self._splits: dict[str, NDArray[np.int8]] = {}
        self._params_checked = False

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Dataset:
        """The data set at `path`.

        Checks the schema version and that every file is there with its size; the contents are
        checked as they are read, and all of them by `emulator validate`. Raises DatasetError
        naming the file and the remedy.
        """
        root = Path(path)
        manifest = read_manifest(root)
        for name in manifest.files:
            check_size(root, name, manifest)
        try:
            return cls(root, manifest)
        except (KeyError, TypeError, ValueError) as error:
            raise DatasetError(f"{root}: its world specs cannot be read ({error!r})") from None

    @property
    def hash(self) -> str:
        """16 hex digits that identify the contents, whatever shards, workers and code."""
        return self.manifest.contents

    @property
    def draws(self) -> str:
        """16 hex digits that data sets share whose samples are the same as far as both go, whatever
        they hold out: weights trained on one have not seen `prior` of another.

        Of the configuration but for size and rules, and of sums over the first samples of every
        world, to four digits: equations that have changed since draw others, a processor that
        rounds another way draws the same.
        """
        return self._draws(self.manifest.config.draws, self.worlds)

    def draws_of(self, world: str) -> str:
        """`draws` of one world: shared by data sets with the same samples of it, whatever other
        worlds they have. Raises UnknownNameError."""
        self._world(world)
        return self._draws(self.manifest.config.draws_of(world), (world,))

    def _draws(self, configured: str, worlds: Sequence[str]) -> str:
        known = (configured, self.hash)
        if known in _DRAWS:
            return _DRAWS[known]
        digest = hashlib.sha256(configured.encode())
        rows = np.arange(min(FIRST_SAMPLES, self.manifest.config.samples))
        for world in worlds:
            for values in self.read(world, rows, ("theta", "irfs", "trajectories")).values():
                digest.update(sums_text(values).encode())
        return _DRAWS.setdefault(known, digest.hexdigest()[:16])

    @property
    def samples_sha(self) -> str:
        """16 hex digits of which samples these are, how many, and in which splits: `hash` but for
        rounding."""
        config = self.manifest.config
        rules = json_sha256({world: config.rules_of(world).records for world in self.worlds})
        return sha256(f"{self.draws} {config.samples} {rules}".encode())[:16]

    def held_out(self, worlds: Sequence[str]) -> dict[str, list[dict[str, str | float]]]:
        """The hold-outs of some worlds: no training sample is in any of them. Of installed worlds
        they say whether the default parameters lie there."""
        rules = {world: self.manifest.config.rules_of(world) for world in worlds}
        return {
            world: recorded(get_world(world), found) if has_world(world) else found.records
            for world, found in rules.items()
        }

    def spec(self, world: str) -> WorldSpec:
        """The world's description as it was when the data were drawn."""
        return self._specs[self._world(world)]

    def rows(self, world: str, split: str) -> NDArray[np.int64]:
        """Sample indices of one split, ascending (K,). Raises UnknownNameError."""
        self._world(world)
        if split not in SPLITS:
            raise unknown_name("split", split, SPLITS)
        return np.flatnonzero(self._split_codes(world) == SPLITS.index(split)).astype(np.int64)

    def scored(self, world: str, split: str) -> NDArray[np.int64]:
        """Sample indices to be scored of one split, ascending (K,).

        No weights were trained on any, whatever their hold-outs: of `slice` and `corner` they are
        the part in `prior`, which is a split here. Raises UnknownNameError.
        """
        if split == PRIOR:
            return np.sort(np.concatenate([self.scored(world, part) for part in OF_PRIOR]))
        rows = self.rows(world, split)
        if split in HOLD_OUTS:
            rows = rows[in_prior(self.manifest.config, self.spec(world), rows)]
        return rows

    def read(self, world: str, rows: ArrayLike, fields: Sequence[str]) -> dict[str, NDArray[Any]]:
        """The named fields of samples `rows` (K,), each (K, ...) in the order of `rows`.

        `irfs_state` is `irfs` in worlds where it is not stored (linear ones), `flags` zeros where
        nothing is flagged. Raises DatasetError naming the file when one is damaged.
        """
        self._world(world)
        index = np.asarray(rows)
        if index.ndim != 1 or (index.size and not np.issubdtype(index.dtype, np.integer)):
            raise InputError(f"rows: expected whole numbers of shape (K,), got {index!r}")
        index = index.astype(np.int64)
        samples = self.manifest.config.samples
        if index.size and (index.min() < 0 or index.max() >= samples):
            raise InputError(f"rows: expected indices from 0 to {samples - 1}")
        out: dict[str, NDArray[Any]] = {}
        stored = self._layouts[world]
        for field in fields:
            if field not in FIELDS:
                raise unknown_name("field", field, FIELDS)
            if field in stored:
                out[field] = self._read(world, stored[field], index)
            elif field == "irfs_state":
                out[field] = self._read(world, stored["irfs"], index)
            else:
                out[field] = np.zeros((len(index), self.manifest.config.quarters), dtype=np.int8)
        return out

    def moments(self, world: str) -> Moments:
        """Normalisation moments of the world's training split. Raises DatasetError where the file
        is damaged, or of something else."""
        content = self._verified(MOMENTS)
        spec, config = self.spec(world), self.manifest.config
        try:
            found = WorldMoments.from_json(parse_json(content)[world])
            found.check(len(spec.shocks), config.horizon, len(spec.observables))
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedDataError(
                f"{self.path / MOMENTS}: damaged ({error}); {rerun(self.path, MOMENTS)}"
            ) from None
        return found.finish()

    # ------------------------------------------------------------------ files

    def _world(self, world: str) -> str:
        if world not in self.worlds:
            raise unknown_name("world in this data set", world, self.worlds)
        return world

    def _split_codes(self, world: str) -> NDArray[np.int8]:
        """The split of every sample (N,), as its position in SPLITS."""
        if world not in self._splits:
            names = self.params(world, ["split"])["split"]
            codes = np.full(len(names), -1, dtype=np.int8)
            for code, split in enumerate(SPLITS):
                codes[names == split] = code
            if (codes < 0).any():
                raise DamagedDataError(
                    f"{self.path / PARAMS}: a split of {world!r} that does not exist; "
                    f"{rerun(self.path)}"
                )
            self._splits[world] = codes
        return self._splits[world]

    def params(self, world: str, columns: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Columns (N,) of params.parquet for one world, in the order of the samples.

        Raises DatasetError when the file is damaged.
        """
        import pyarrow.parquet as pq

        file = self.path / PARAMS
        if not self._params_checked:
            check_content(self.path, PARAMS, self.manifest)
            self._params_checked = True
        try:
            with open_file(file) as stream:
                table = pq.read_table(
                    stream,
                    columns=list(columns),
                    filters=[("world", "=", self._world(world))],
                    use_threads=False,
                    # One object a distinct label, not one a sample.
                    read_dictionary=["split", "status"],
                )
        except (OSError, ValueError, KeyError) as error:
            _refused(error)
            raise DamagedDataError(f"{file}: damaged ({error}); {rerun(self.path)}") from None
        if table.num_rows != self.manifest.config.samples:
            raise DamagedDataError(f"{file}: rows of {world!r} are missing; {rerun(self.path)}")
        return {name: _numpy(table[name].combine_chunks()) for name in columns}

    def _verified(self, name: str) -> bytes:
        """The contents of a small file, checked against the manifest."""
        check_size(self.path, name, self.manifest)
        content = read_bytes(self.path / name)
        if sha256(content) != self.manifest.files[name].sha256:
            raise DamagedDataError(
                f"{self.path / name}: altered since it was written; {rerun(self.path, name)}"
            )
        return content

    def array(self, world: str, array: Layout) -> Any:
        """The Zarr array, checked against the schema."""
        import zarr

        key = (world, array.name)
        if key not in self._arrays:
            folder = self.path / world / array.name
            self._verified(f"{world}/{array.name}/zarr.json")
            try:
                opened = zarr.open_array(str(folder), mode="r", zarr_format=3)
            except Exception as error:  # whatever a third party's reader makes of altered bytes
                _refused(error)
                raise DamagedDataError(
                    f"{folder / 'zarr.json'}: damaged ({type(error).__name__}); {rerun(self.path)}"
                ) from None
            shape = (self.manifest.config.samples, *array.shape)
            if opened.shape != shape or str(opened.dtype) != array.dtype:
                raise DamagedDataError(
                    f"{folder / 'zarr.json'}: expected {array.dtype} {shape}, found "
                    f"{opened.dtype} {opened.shape}; {rerun(self.path)}"
                )
            self._arrays[key] = opened
        return self._arrays[key]

    def _read(self, world: str, array: Layout, index: NDArray[np.int64]) -> NDArray[Any]:
        config = self.manifest.config
        source = self.array(world, array)
        out = np.empty((len(index), *array.shape), dtype=array.dtype)
        shards = index // config.shard_rows
        for shard in np.unique(shards):
            name = shard_file(world, array, int(shard))
            # Zarr reads a missing file as fill values; this data set has no such files.
            check_size(self.path, name, self.manifest)
            here = np.flatnonzero(shards == shard)
            local = index[here]
            first = int(local.min()) // config.chunk_rows * config.chunk_rows
            last = (int(local.max()) // config.chunk_rows + 1) * config.chunk_rows
            try:
                block = source[first : min(last, config.samples)]
            except Exception as error:  # a failed CRC or undecodable bytes, in many guises
                _refused(error)
                raise DamagedDataError(
                    f"{self.path / name}: damaged ({error}); {rerun(self.path)}"
                ) from None
            out[here] = block[local - first]
        return out


def _numpy(column: Any) -> NDArray[Any]:
    """An Arrow column (N,) as numbers, or as strings of fixed width."""
    import pyarrow as pa

    if isinstance(column, pa.ChunkedArray):  # combine_chunks leaves dictionaries in chunks
        column = column.unify_dictionaries().combine_chunks()
    if isinstance(column, pa.DictionaryArray):
        labels = np.array(column.dictionary.to_pylist(), dtype=str)
        return np.asarray(labels[column.indices.to_numpy(zero_copy_only=False)])
    return np.asarray(column.to_numpy(zero_copy_only=False))


def _refused(error: Exception) -> None:
    """Raise again what says nothing of the bytes: no memory, no permission."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno is not None):
        raise error


def check_size(root: Path, name: str, manifest: Manifest) -> None:
    """DatasetError unless the file is there with the size the manifest gives."""
    record = manifest.files.get(name)
    if record is None:
        raise DamagedDataError(f"{root / name}: not in the manifest; {rerun(root, name)}")
    try:
        size = (root / name).stat().st_size
    except GONE:
        raise DatasetError(f"{root / name}: missing; {rerun(root, name)}") from None
    if size != record.bytes:
        raise DamagedDataError(
            f"{root / name}: {size} bytes instead of {record.bytes}, truncated or altered; "
            f"{rerun(root, name)}"
        )


def check_content(root: Path, name: str, manifest: Manifest) -> None:
    """DatasetError unless the file is there with the SHA-256 the manifest gives."""
    check_size(root, name, manifest)
    if file_sha256(root / name) != manifest.files[name].sha256:
        raise DamagedDataError(
            f"{root / name}: altered since it was written (checksum); {rerun(root, name)}"
        )


def sums_text(values: NDArray[Any]) -> str:
    """The sum of absolute values of every sample (K, ...), to `DIGITS` digits."""
    sums = np.abs(values.reshape(len(values), -1)).sum(axis=1, dtype=np.float64)
    return " ".join(f"{total:.{DIGITS - 1}e}" for total in sums)
