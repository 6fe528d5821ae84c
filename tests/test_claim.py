"""One process at a time in a place, and nothing of anybody else's is touched for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from emulator.claim import LOCK, ClaimError, alone

pytestmark = pytest.mark.fast


def test_a_place_is_held_by_one_and_free_again(tmp_path: Path) -> None:
    place = tmp_path / "run"
    with alone(place / LOCK, place, "emulator train"):
        assert (place / LOCK).read_text() == f"{os.getpid()}\nemulator train\n"
        match = f"run: another `emulator train` is at work here, pid {os.getpid()}; wait for it"
        with (
            pytest.raises(ClaimError, match=match),
            alone(place / LOCK, place, "emulator evaluate"),
        ):
            pass
        assert (place / LOCK).exists()
    assert not place.exists()  # it was new, and nothing came into it
    place.mkdir()
    (place / LOCK).write_text("1\n")  # what a killed process leaves
    with alone(place / LOCK, place, "emulator train"):
        (place / "config.yaml").touch()
    assert [path.name for path in place.iterdir()] == ["config.yaml"]


@pytest.mark.parametrize("make", [Path.symlink_to, Path.hardlink_to])
def test_what_a_link_leads_to_is_never_emptied(tmp_path: Path, make) -> None:
    target = tmp_path / "thesis.tex"
    target.write_text("words")
    make(tmp_path / LOCK, target)
    with pytest.raises(ClaimError, match=r"\.lock: is a link, or no file"):
        alone(tmp_path / LOCK, tmp_path, "emulator train").__enter__()
    assert target.read_text() == "words"
    assert (tmp_path / LOCK).exists()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, make) -> None:
    make(tmp_path / LOCK)
    with pytest.raises(ClaimError, match=r"\.lock: "):
        alone(tmp_path / LOCK, tmp_path, "emulator train").__enter__()


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(ClaimError, match=f"{place}: is a file, or lies in one; name another"):
            alone(place / LOCK, place, "emulator train").__enter__()
