"""Floors on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emulator.errors import DatasetError
from emulator.evaluation.floors.floors_on_disk import (
    Floors,
    find_floors,
    floor_file,
    read_floors,
    write_floors,
)
from tests.evaluation.floors.toys import CASE, toy


@pytest.mark.fast
def test_floors_survive_the_disk_and_damage_is_named(tmp_path: Path) -> None:
    path = floor_file(tmp_path, "toy", 40)
    floors = toy()
    write_floors(path, floors)
    again = read_floors(path)
    assert again.settings == floors.settings
    assert again.commits == floors.commits
    for name in ("truth", "mean", "coverage"):
        assert np.array_equal(again.arrays(CASE, name), floors.arrays(CASE, name))
    assert [f.settings.world for f in find_floors(tmp_path)] == ["toy"]
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DatasetError, match=r"toy-40\.parquet: damaged"):
        read_floors(path)
    with pytest.raises(DatasetError, match="emulator floors WORLD"):
        read_floors(tmp_path / "none-40.parquet")


@pytest.mark.fast
def test_a_flipped_bit_is_refused_or_changes_nothing(tmp_path: Path) -> None:
    """A Parquet file has bits that no reader reads; a floor has none that may change."""
    path = floor_file(tmp_path, "toy", 40)
    write_floors(path, toy(samples=3))
    whole, expected, refused = path.read_bytes(), read_floors(path), 0
    places = np.random.default_rng(0).integers(0, 8 * len(whole), 60)
    for place in places.tolist():
        content = bytearray(whole)
        content[place // 8] ^= 1 << place % 8
        path.write_bytes(content)
        try:
            found = read_floors(path)
        except DatasetError as error:
            assert "toy-40.parquet: damaged" in str(error)  # noqa: PT017
            refused += 1
            continue
        assert (found.settings, found.commits) == (expected.settings, expected.commits)
        for name in ("truth", "mean", "apart", "rank", "coverage"):
            assert np.array_equal(found.arrays(CASE, name), expected.arrays(CASE, name))
        assert found.frame["seconds"].equals(expected.frame["seconds"])
    assert refused > 20


@pytest.mark.fast
@pytest.mark.parametrize(
    "change",
    [
        lambda f: replace(f, settings=replace(f.settings, horizon=5)),
        lambda f: replace(f, settings=replace(f.settings, shocks=("one",))),
        lambda f: replace(f, settings=replace(f.settings, length="long")),
        lambda f: replace(f, scales={}),
        lambda f: replace(f, frame=f.frame.drop(columns="truth")),
        lambda f: replace(f, frame=f.frame.assign(task="Z")),
    ],
)
def test_a_whole_file_of_something_else_is_refused(
    tmp_path: Path, change: Callable[[Floors], Floors]
) -> None:
    path = floor_file(tmp_path, "toy", 40)
    write_floors(path, change(toy(samples=3)))
    with pytest.raises(DatasetError, match=r"toy-40\.parquet: damaged"):
        read_floors(path)
