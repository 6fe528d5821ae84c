"""Loaders: every row once an epoch, fixed proportions, exact continuation, no hold-outs."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from emulator.data import Dataset, FreshLoader, StreamLoader, draw_samples
from emulator.data.loader import Batch, Loader
from emulator.data.splits import held_out
from emulator.errors import ConfigError, DatasetError, InputError, UnknownNameError
from emulator.seeding import derived_seed
from emulator.worlds import get_world
from tests.data.configs import WORLDS, small

pytestmark = pytest.mark.slow

SIZES = {"nk": 7, "switching": 3}
FIELDS = ("theta", "irfs", "irfs_state", "flags")


def stream(dataset: Dataset, **changes: Any) -> StreamLoader:
    settings: dict[str, Any] = {
        "batch_size": SIZES, "fields": FIELDS, "seed": 5, "buffer_rows": 50, **changes,
    }  # fmt: skip
    return StreamLoader(dataset, **settings)


def fresh(**changes: Any) -> FreshLoader:
    settings: dict[str, Any] = {"batch_size": SIZES, "fields": FIELDS, "seed": 5, **changes}
    return FreshLoader(small(), **settings)


def assert_equal(one: Batch, other: Batch) -> None:
    assert one.keys() == other.keys()
    for world in one:
        assert one[world].keys() == other[world].keys()
        for field, values in one[world].items():
            np.testing.assert_array_equal(values, other[world][field])


@pytest.mark.parametrize("split", ["train", "val", "test", "slice", "corner"])
def test_an_epoch_visits_every_row_of_the_split_once(dataset: Dataset, split: str) -> None:
    rows = dataset.rows("nk", split)
    loader = stream(dataset, split=split, batch_size={"nk": 4})
    seen = np.concatenate([loader.batch()["nk"]["index"] for _ in range(3 * len(rows))])
    epochs = seen[: 12 * len(rows)].reshape(12, len(rows))
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch), rows)
    assert len({tuple(epoch) for epoch in epochs.tolist()}) > 1


def test_rows_are_shuffled_across_shards(dataset: Dataset) -> None:
    loader = stream(dataset, batch_size={"nk": 20}, buffer_rows=1000)
    index = loader.batch()["nk"]["index"]
    assert len(np.unique(index // dataset.manifest.config.shard_rows)) == 3
    assert (np.diff(index) < 0).any()


def test_a_batch_holds_what_the_data_set_holds_in_fixed_proportions(dataset: Dataset) -> None:
    loader = stream(dataset)
    for _ in range(40):
        batch = loader.batch()
        assert {w: len(part["index"]) for w, part in batch.items()} == SIZES
        for world, part in batch.items():
            stored = dataset.read(world, part["index"], FIELDS)
            for field in FIELDS:
                np.testing.assert_array_equal(part[field], stored[field])


def test_one_number_takes_all_worlds(dataset: Dataset) -> None:
    batch = stream(dataset, batch_size=2).batch()
    assert {w: len(part["index"]) for w, part in batch.items()} == dict.fromkeys(WORLDS, 2)


def test_memory_holds_a_few_shards_or_a_small_split_read_once(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    original = Dataset.read

    def counting(self: Dataset, world: str, rows: Any, fields: Any) -> Any:
        read.append(len(rows))
        return original(self, world, rows, fields)

    monkeypatch.setattr(Dataset, "read", counting)
    length = len(dataset.rows("nk", "train"))
    for buffer_rows in (1, 10_000):
        read.clear()
        loader = stream(dataset, batch_size={"nk": 1}, buffer_rows=buffer_rows)
        for _ in range(3 * length):
            loader.batch()
        if buffer_rows == 1:
            # Three shards in each of three epochs, less those that end one and begin the next.
            assert 7 <= len(read) <= 9
            assert max(read) <= 40
        else:
            assert read == [length]


def test_a_limit_keeps_the_first_rows_of_the_split(dataset: Dataset) -> None:
    loader = stream(dataset, limit=5)
    seen = np.concatenate([loader.batch()["nk"]["index"] for _ in range(5)])
    np.testing.assert_array_equal(np.unique(seen), dataset.rows("nk", "train")[:5])


@pytest.mark.parametrize("kind", ["stream", "fresh"])
@pytest.mark.parametrize("taken", [0, 1, 11, 60])
def test_a_loader_continues_exactly(dataset: Dataset, kind: str, taken: int) -> None:
    def make(**changes: Any) -> Loader:
        return stream(dataset, **changes) if kind == "stream" else fresh(**changes)

    loader = make()
    for _ in range(taken):
        loader.batch()
    state = json.loads(json.dumps(loader.state_dict()))
    ahead = [loader.batch() for _ in range(6)]
    resumed = make()
    resumed.batch()  # wherever it was before
    resumed.load_state_dict(state)
    for batch in ahead:
        assert_equal(batch, resumed.batch())
    assert resumed.state_dict() == loader.state_dict()
    with pytest.raises(InputError, match="batch_size"):
        make(batch_size={"nk": 7, "switching": 4}).load_state_dict(state)
    with pytest.raises(InputError, match="seed"):
        make(seed=6).load_state_dict(state)


def test_fresh_samples_follow_the_seed_and_leave_the_hold_outs_out(dataset: Dataset) -> None:
    config = small()
    one, same, other = fresh(), fresh(), fresh(seed=6)
    batches = [one.batch() for _ in range(30)]
    assert_equal(batches[0], same.batch())
    assert not np.array_equal(batches[0]["nk"]["theta"], other.batch()["nk"]["theta"])
    seed = derived_seed(5, "fresh", config.seed)
    for name in SIZES:
        world = get_world(name)
        index = np.concatenate([b[name]["index"] for b in batches])
        assert (np.diff(index) > 0).all()
        samples = draw_samples(world, seed, np.arange(index[-1] + 1), config)
        out = held_out(world, config.rules_of(name), samples.arrays["theta"], samples.solution)
        assert out.any()
        np.testing.assert_array_equal(index, np.flatnonzero(~out))
        theta = np.concatenate([b[name]["theta"] for b in batches])
        np.testing.assert_array_equal(theta, samples.arrays["theta"][index])
        stored = dataset.read(name, np.arange(config.samples), ["theta"])["theta"]
        assert not {tuple(t) for t in theta.tolist()} & {tuple(t) for t in stored.tolist()}


def test_fresh_batches_look_like_stored_ones(dataset: Dataset) -> None:
    stored, drawn = stream(dataset).batch(), fresh().batch()
    for world in SIZES:
        assert {k: (v.shape, v.dtype) for k, v in stored[world].items()} == {
            k: (v.shape, v.dtype) for k, v in drawn[world].items()
        }


def test_wrong_names_sizes_and_empty_splits_are_said(dataset: Dataset) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'theta'"):
        stream(dataset, fields=["thetas"])
    with pytest.raises(UnknownNameError, match="split"):
        stream(dataset, split="training")
    with pytest.raises(UnknownNameError, match="world"):
        stream(dataset, batch_size={"nkk": 1})
    with pytest.raises(InputError, match="at least 1"):
        stream(dataset, batch_size=0)
    for size in (True, 2.0, "3", {"nk": -1}):
        with pytest.raises(InputError, match=r"batch_size.*at least 1"):
            stream(dataset, batch_size=size)
    with pytest.raises(InputError, match="names no world"):
        stream(dataset, batch_size={})
    for limit in (0, -5, 1.5):
        with pytest.raises(InputError, match=r"limit: .* at least 1"):
            stream(dataset, limit=limit)


def test_numpy_numbers_are_numbers(dataset: Dataset) -> None:
    loader = stream(dataset, batch_size=np.int64(3), limit=np.int32(9))
    assert json.dumps(loader.state_dict()) == json.dumps(
        stream(dataset, batch_size=3, limit=9).state_dict()
    )


@pytest.mark.parametrize("place", [[0, 10**6], [0, -1], [-1, 0], [0], 3, ["0", 0], None])
def test_a_position_that_cannot_be_is_refused(dataset: Dataset, place: Any) -> None:
    loader = stream(dataset)
    before = loader.state_dict()
    positions = {**before["positions"], "switching": place}
    with pytest.raises(InputError, match="position of world 'switching'"):
        loader.load_state_dict({**before, "positions": positions})
    with pytest.raises(InputError, match="expected positions of nk, switching"):
        loader.load_state_dict({**before, "positions": {"nk": [0, 0]}})
    assert loader.state_dict() == before


def test_a_loader_goes_on_after_a_failed_read(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"batch_size": {"nk": 7}, "buffer_rows": 1}
    good, loader = stream(dataset, **settings), stream(dataset, **settings)
    start = loader.state_dict()
    expected = [good.batch() for _ in range(12)]

    def fail(*args: Any) -> None:
        raise DatasetError("damaged")

    assert_equal(loader.batch(), expected[0])
    with monkeypatch.context() as patch:
        patch.setattr(Dataset, "read", fail)
        with pytest.raises(DatasetError, match="damaged"):
            _ = [loader.batch() for _ in range(12)]
    # Back to the window that was in memory before the failure.
    loader.load_state_dict(start)
    for batch in expected:
        assert_equal(loader.batch(), batch)


def test_rules_that_hold_out_everything_end_in_an_error() -> None:
    everything = {"corner": {"persistence": -9.0, "volatility": -99.0}}
    config = small(worlds=("nk",), rules={"nk": everything})
    loader = FreshLoader(config, batch_size=1, fields=["theta"], seed=0)
    with pytest.raises(ConfigError, match="10000 fresh samples in a row"):
        loader.batch()


def test_columns_are_arrays_with_one_entry_a_sample(dataset: Dataset) -> None:
    columns = dataset.params("switching", ["split", "crc32c", "phi_pi", "sd_rate"])
    assert {k: v.shape for k, v in columns.items()} == dict.fromkeys(columns, (120,))
    assert [columns[k].dtype.kind for k in columns] == ["U", "u", "f", "f"]
    assert np.isnan(columns["phi_pi"]).all()
    assert (columns["split"][dataset.rows("switching", "val")] == "val").all()
