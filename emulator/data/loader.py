"""Batches for training: from a data set on disk, or drawn fresh from the worlds.

Both loaders give every world a fixed number of rows in each batch, and both can be stopped and
continued exactly: the order of rows is a function of the seed and a position, so the position is
all the state there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from emulator.data.dataset import Dataset
from emulator.data.samples import draw_samples
from emulator.data.schema import FIELDS, DataConfig
from emulator.data.splits import BLOCK, check_rules, held_out
from emulator.errors import ConfigError, DatasetError, InputError, unknown_name
from emulator.seeding import derived_seed
from emulator.worlds import get_world

Batch = dict[str, dict[str, NDArray[Any]]]
BatchSize = int | Mapping[str, int]

# Blocks of fresh samples in a row without one to hand out before the rules count as holding out
# everything: 10,000 samples, of which the shipped rules keep about 8,000.
_EMPTY_BLOCKS = 40


class Loader(Protocol):
    """What training needs: batches {world: {field: (b, ...)}} and an exact position."""

    @property
    def worlds(self) -> tuple[str, ...]: ...

    def batch(self) -> Batch: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


class StreamLoader:
    """Rows of one split, streamed shard by shard.

    Each epoch of a world visits its shards in a drawn order, a few at a time (about `buffer_rows`
    rows, the only ones in memory), and the rows of those few in a drawn order: every row exactly
    once. A split of fewer rows is read once and kept. Worlds of different sizes have epochs of
    their own; a batch may span the end of one.

    batch_size: rows of each world in a batch, one number for all worlds of the data set or a
    mapping that also chooses the worlds. limit: use only the first rows of the split. Each world's
    part of a batch also has "index" (b,), the samples' indices.
    """

    def __init__(
        self,
        dataset: Dataset,
        split: str = "train",
        *,
        batch_size: BatchSize,
        fields: Sequence[str],
        seed: int,
        limit: int | None = None,
        buffer_rows: int = 4096,
    ) -> None:
        self._sizes = _batch_sizes(batch_size, dataset.worlds)
        _check_fields(fields)
        limit = None if limit is None else _count("limit", limit)
        buffer_rows = _count("buffer_rows", buffer_rows)
        self._identity = {
            "loader": "stream",
            "dataset": dataset.hash,
            "split": split,
            "seed": seed,
            "batch_size": dict(self._sizes),
            "limit": limit,
            "buffer_rows": buffer_rows,
            "shard_rows": dataset.manifest.config.shard_rows,
        }
        self._streams = {
            world: _WorldStream(dataset, world, split, tuple(fields), seed, limit, buffer_rows)
            for world in self._sizes
        }

    @property
    def worlds(self) -> tuple[str, ...]:
        return tuple(self._sizes)

    def batch(self) -> Batch:
        """The next batch."""
        return {w: self._streams[w].take(size) for w, size in self._sizes.items()}

    def state_dict(self) -> dict[str, Any]:
        """The position, as JSON-ready data."""
        positions = {w: [s.epoch, s.position] for w, s in self._streams.items()}
        return {**self._identity, "positions": positions}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue exactly where `state` was taken. Raises InputError for another loader's."""
        _same_identity(self._identity, state)
        positions = _positions(state, self._sizes)
        for world, place in positions.items():
            length = self._streams[world].length
            pair = isinstance(place, (list, tuple)) and len(place) == 2
            if not pair or not all(map(_whole, place)) or place[1] >= length:
                raise InputError(
                    f"loader state: position of world {world!r}: expected an epoch and a row below "
                    f"{length}, got {place!r}"
                )
        for world, (epoch, position) in positions.items():
            self._streams[world].move(int(epoch), int(position))


class _WorldStream:
    """The endless sequence of one world's rows, from (epoch, position)."""

    def __init__(
        self,
        dataset: Dataset,
        world: str,
        split: str,
        fields: tuple[str, ...],
        seed: int,
        limit: int | None,
        buffer_rows: int,
    ) -> None:
        rows = dataset.rows(world, split)[:limit]
        if not len(rows):
            raise DatasetError(
                f"{dataset.path}: split {split!r} of world {world!r} is empty; generate more "
                "samples"
            )
        self.epoch, self.position = 0, 0
        self._dataset, self._world, self._fields = dataset, world, fields
        self._seed, self._buffer_rows = seed, buffer_rows
        shard = rows // dataset.manifest.config.shard_rows
        self._shards = [rows[shard == k] for k in np.unique(shard)]
        self.length = len(rows)
        self._plan: tuple[int, list[NDArray[np.int64]]] | None = None
        self._window: tuple[int, int] | None = None
        # The rows in memory, ascending, and their fields.
        self._held = np.empty(0, dtype=np.int64)
        self._values: dict[str, NDArray[Any]] = {}

    def move(self, epoch: int, position: int) -> None:
        """Go on from `position` of `epoch`."""
        self.epoch, self.position = epoch, position
        self._window = None

    def take(self, count: int) -> dict[str, NDArray[Any]]:
        """The next `count` rows, across windows and epochs as needed."""
        pieces: list[dict[str, NDArray[Any]]] = []
        while count:
            ahead = self._ahead()
            here = min(count, len(ahead))
            index = ahead[:here]
            place = np.searchsorted(self._held, index)
            pieces.append({"index": index, **{k: v[place] for k, v in self._values.items()}})
            count -= here
            self.position += here
            if self.position == self.length:
                self.epoch, self.position = self.epoch + 1, 0
        if len(pieces) == 1:
            return pieces[0]
        return {k: np.concatenate([p[k] for p in pieces]) for k in pieces[0]}

    def _ahead(self) -> NDArray[np.int64]:
        """The rows from `position` to the end of its window, which is then in memory."""
        if self._plan is None or self._plan[0] != self.epoch:
            self._plan = (self.epoch, self._windows())
        windows = self._plan[1]
        start, number = 0, 0
        while self.position >= start + len(windows[number]):
            start += len(windows[number])
            number += 1
        if self._window != (self.epoch, number):
            self._window = None  # nothing is held should the read fail
            self._hold(np.sort(windows[number]))
            self._window = (self.epoch, number)
        return windows[number][self.position - start :]

    def _hold(self, rows: NDArray[np.int64]) -> None:
        """Have these rows in memory; a split that fits is read once, not once an epoch."""
        if not np.array_equal(rows, self._held):
            self._held, self._values = rows[:0], {}  # let go of the old before reading the new
            self._values = self._dataset.read(self._world, rows, self._fields)
            self._held = rows

    def _windows(self) -> list[NDArray[np.int64]]:
        """The epoch's rows in order, in windows of whole shards."""
        rng = np.random.Generator(
            np.random.Philox(derived_seed(self._seed, "order", self._world, self.epoch))
        )
        windows: list[NDArray[np.int64]] = []
        current: list[NDArray[np.int64]] = []
        for k in rng.permutation(len(self._shards)):
            current.append(self._shards[k])
            if sum(map(len, current)) >= self._buffer_rows:
                windows.append(rng.permutation(np.concatenate(current)))
                current = []
        if current:
            windows.append(rng.permutation(np.concatenate(current)))
        return windows


class FreshLoader:
    """Endless new samples, drawn from the worlds as training goes.

    Same design and split rules as the data sets of `config`, under a seed of their own, so none of
    them is in the data set; those that the rules hold out (slice, corner) are left out here too.
    Otherwise as `StreamLoader`; "index" counts the loader's own samples.
    """

    def __init__(
        self, config: DataConfig, *, batch_size: BatchSize, fields: Sequence[str], seed: int
    ) -> None:
        self._sizes = _batch_sizes(batch_size, config.worlds)
        _check_fields(fields)
        for name in self._sizes:
            check_rules(get_world(name), config.rules_of(name))
        self._config = config
        self._fields = tuple(fields)
        self._seed = derived_seed(seed, "fresh", config.seed)
        self._identity = {
            "loader": "fresh",
            "config": config.model_dump(mode="json", exclude={"samples"}),
            "seed": seed,
            "batch_size": dict(self._sizes),
        }
        # The next sample that has not been handed out, and samples drawn but not handed out.
        self._next = dict.fromkeys(self._sizes, 0)
        self._drawn = dict.fromkeys(self._sizes, 0)
        self._waiting: dict[str, list[dict[str, NDArray[Any]]]] = {w: [] for w in self._sizes}

    @property
    def worlds(self) -> tuple[str, ...]:
        return tuple(self._sizes)

    def batch(self) -> Batch:
        """The next batch."""
        return {w: self._take(w, size) for w, size in self._sizes.items()}

    def state_dict(self) -> dict[str, Any]:
        """The position, as JSON-ready data."""
        return {**self._identity, "positions": dict(self._next)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue exactly where `state` was taken. Raises InputError for another loader's."""
        _same_identity(self._identity, state)
        positions = _positions(state, self._sizes)
        for world, position in positions.items():
            if not _whole(position):
                raise InputError(
                    f"loader state: position of world {world!r}: expected a sample's index, got "
                    f"{position!r}"
                )
        for world, position in positions.items():
            self._next[world] = self._drawn[world] = int(position)
            self._waiting[world] = []

    def _take(self, world: str, count: int) -> dict[str, NDArray[Any]]:
        waiting, empty = self._waiting[world], 0
        while sum(len(piece["index"]) for piece in waiting) < count:
            piece = self._draw(world)
            waiting.append(piece)
            empty = 0 if len(piece["index"]) else empty + 1
            if empty == _EMPTY_BLOCKS:
                self._waiting[world], self._drawn[world] = [], self._next[world]
                raise ConfigError(
                    f"rules: world {world!r}: slice and corner hold out each of {empty * BLOCK} "
                    "fresh samples in a row, nothing is left to train on; narrow them"
                )
        joined = {k: np.concatenate([piece[k] for piece in waiting]) for k in waiting[0]}
        self._waiting[world] = [{k: v[count:] for k, v in joined.items()}]
        taken = {k: v[:count] for k, v in joined.items()}
        self._next[world] = int(taken["index"][-1]) + 1
        return taken

    def _draw(self, name: str) -> dict[str, NDArray[Any]]:
        """The next block of samples, without the held-out ones."""
        world, first = get_world(name), self._drawn[name]
        self._drawn[name] = first + BLOCK
        samples = draw_samples(world, self._seed, range(first, first + BLOCK), self._config)
        arrays = samples.arrays
        rules = self._config.rules_of(name)
        keep = ~held_out(world, rules, arrays["theta"], samples.solution)
        out = {"index": samples.indices[keep]}
        for field in self._fields:
            if field in arrays:
                out[field] = arrays[field][keep]
            elif field == "irfs_state":
                out[field] = arrays["irfs"][keep]
            else:
                out[field] = np.zeros((int(keep.sum()), self._config.quarters), dtype=np.int8)
        return out


def _whole(value: object) -> bool:
    """Whether a value is a whole number from 0, of Python or NumPy; True and False are not."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value >= 0)


def _count(name: str, value: object) -> int:
    if not _whole(value) or value == 0:
        raise InputError(f"{name}: expected a whole number, at least 1, got {value!r}")
    return int(value)  # type: ignore[call-overload, no-any-return]  # _whole has looked


def _batch_sizes(batch_size: BatchSize, worlds: tuple[str, ...]) -> dict[str, int]:
    if not isinstance(batch_size, Mapping):
        return dict.fromkeys(worlds, _count("batch_size", batch_size))
    if not batch_size:
        raise InputError(f"batch_size: names no world; valid: {', '.join(worlds)}")
    for world in batch_size:
        if world not in worlds:
            raise unknown_name("world in this data set", world, worlds)
    return {w: _count(f"batch_size of world {w!r}", size) for w, size in batch_size.items()}


def _positions(state: Mapping[str, Any], worlds: Mapping[str, int]) -> Mapping[str, Any]:
    """The positions in a state, once they are known to be of these worlds."""
    positions = state.get("positions")
    if not isinstance(positions, Mapping) or set(positions) != set(worlds):
        raise InputError(f"loader state: expected positions of {', '.join(worlds)}")
    return positions


def _check_fields(fields: Sequence[str]) -> None:
    for field in fields:
        if field not in FIELDS:
            raise unknown_name("field", field, FIELDS)


def _same_identity(identity: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    for key, value in identity.items():
        if state.get(key) != value:
            raise InputError(
                f"loader state: {key} is {state.get(key)!r}, this loader has {value!r}; continue "
                "with the settings and data the state was saved with"
            )
