"""State on disk: a write is whole or did not happen, and what was altered is recognised."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from emulator import storage
from emulator.storage import (
    canonical_json,
    file_sha256,
    is_sealed,
    is_temporary,
    json_sha256,
    naming,
    parse_json,
    read_bytes,
    read_json,
    sealed,
    sha256,
    sweep,
    temporary_beside,
    write_atomically,
    writing,
)

pytestmark = pytest.mark.fast

KILLED = """
import os, signal, sys
from pathlib import Path
from emulator.storage import writing
with writing(Path(sys.argv[1])) as file:
    file.write(b"half of it")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "metrics.json"
    path.write_bytes(b"before")
    return path


def holds_only(file: Path, content: bytes) -> bool:
    """Whether the file has this content and its folder nothing else."""
    return file.read_bytes() == content and list(file.parent.iterdir()) == [file]


# --------------------------------------------------------------------- writing


def test_a_write_replaces_what_was_there(file: Path) -> None:
    write_atomically(file, b"after")
    assert holds_only(file, b"after")
    with writing(file) as stream:
        stream.write(b"in ")
        assert file.read_bytes() == b"after"  # until the end
        stream.write(b"parts")
    assert holds_only(file, b"in parts")


def test_a_process_killed_in_a_write_leaves_the_old_file_and_what_can_be_swept(file: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, str(file)])
    assert ended.returncode == -signal.SIGKILL
    assert file.read_bytes() == b"before"
    assert [is_temporary(path.name) for path in sorted(file.parent.iterdir())] == [True, False]
    sweep(file.parent.iterdir())
    assert holds_only(file, b"before")


def test_an_error_in_between_leaves_the_old_file_and_nothing_else(file: Path) -> None:
    def stop() -> None:
        with writing(file) as stream:
            stream.write(b"half of it")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert holds_only(file, b"before")


@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EIO])
def test_whatever_the_system_refuses_the_file_is_named_and_the_old_one_kept(
    file: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    def refuse(what: object, *_: object) -> None:
        raise OSError(number, os.strerror(number), *([str(what)] if call != "fsync" else []))

    with monkeypatch.context() as system:
        system.setattr(os if call == "fsync" else Path, call, refuse)
        with pytest.raises(OSError, match=re.escape(os.strerror(number))) as caught:
            write_atomically(file, b"after")
    assert (caught.value.errno, caught.value.filename) == (number, str(file))
    assert "\n" not in str(caught.value)
    assert holds_only(file, b"before")


def test_a_full_device_is_one_error_though_closing_fails_too() -> None:
    def log() -> None:
        with naming("log.csv"), Path("/dev/full").open("wb") as stream:
            stream.write(b"row")
            stream.flush()

    with pytest.raises(OSError, match=r"'log\.csv'$") as caught:
        log()
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize("place", ["missing/file", "metrics.json/file"])
def test_without_its_folder_a_file_is_named(file: Path, place: str) -> None:
    path = file.parent / place
    with pytest.raises(OSError, match=f"{re.escape(str(path))}'$"):
        write_atomically(path, b"after")
    assert holds_only(file, b"before")


def test_what_fails_elsewhere_keeps_its_own_name(file: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, writing(file) as stream:
        stream.write((file.parent / "source").read_bytes())
    assert caught.value.filename == str(file.parent / "source")
    assert holds_only(file, b"before")


def test_what_is_being_written_lies_beside_its_place_and_is_told_from_what_is_done(
    tmp_path: Path,
) -> None:
    path = tmp_path / "nk" / "zarr.json"
    assert temporary_beside(path).parent == path.parent  # one file system, so that a rename does
    assert is_temporary(temporary_beside(path).name)
    assert not [name for name in ("zarr.json", ".lock", "a.tmp") if is_temporary(name)]


def test_sweeping_takes_temporaries_alone(tmp_path: Path) -> None:
    kept = [tmp_path / "a" / "0", tmp_path / ".lock"]
    for path in (*kept, temporary_beside(kept[0]), temporary_beside(tmp_path / "c")):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    sweep(tmp_path.rglob("*"))
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)


def test_what_was_there_before_can_be_kept(file: Path) -> None:
    earlier = file.with_name("earlier.json")
    with writing(file, earlier) as stream:
        stream.write(b"after")
        assert not earlier.exists()
    assert (file.read_bytes(), earlier.read_bytes()) == (b"after", b"before")


def test_a_file_and_its_name_are_on_the_disk_before_a_write_ends(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this order: the content, the rename, the folder that holds the name."""
    seen = []

    def record(descriptor: int) -> None:
        seen.append((Path(f"/proc/self/fd/{descriptor}").readlink(), file.read_bytes()))

    monkeypatch.setattr(os, "fsync", record)
    write_atomically(file, b"after")
    assert seen == [(temporary_beside(file), b"before"), (file.parent, b"after")]


# --------------------------------------------------------------------- reading


def test_what_is_no_file_is_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, words in (
        (tmp_path / "pipe", "Not a file but a pipe or a device"),
        (Path("/dev/zero"), "Not a file but a pipe or a device"),
        (tmp_path, "Is a directory"),
        (tmp_path / "none", "No such file"),
    ):
        for read in (read_bytes, read_json, file_sha256):
            with pytest.raises(OSError, match=f"{words}.*{re.escape(str(path))}"):
                read(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON: Expecting value, line 1"),
        ('{"a": 1,\n?}', "no JSON: .* line 2"),
        (b"\xff", "no text"),
        ("[" * 65, "nested more than 64 levels deep"),
        ("[" * 10_000_000, "nested more than 64 levels deep"),
        ('{"a":' * 1000 + "1" + "}" * 1000, "nested more than 64 levels deep"),
        ("[NaN]", "no finite number: NaN"),
        ("[-Infinity]", "no finite number: -Infinity"),
        ("[1e999]", "no finite number: 1e999"),
        ('{"a": 1, "a": 2}', "a key twice"),
        ("9" * 5000, "integer string conversion"),
    ],
)
def test_what_is_no_json_is_said_in_a_few_words(text: str | bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        parse_json(text)
    assert len(str(caught.value)) < 200


def test_json_is_read_as_it_was_written(tmp_path: Path) -> None:
    data = {"a": [1.5, -2, None, True], "b": {"ü": '[[[["\\'}, "deep": []}
    for _ in range(60):
        data["deep"] = [data["deep"]]
    for ascii_only in (True, False):
        (tmp_path / "a.json").write_text(json.dumps(data, ensure_ascii=ascii_only))
        assert read_json(tmp_path / "a.json") == data


# --------------------------------------------------------------------- checksums


def test_checksums_are_those_of_the_standard(tmp_path: Path) -> None:
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(b"abc") == sha256(b"a", b"", b"bc") == file_sha256(tmp_path / "abc") == abc


def test_the_order_of_keys_does_not_count_and_values_do() -> None:
    assert canonical_json({"b": 1, "a": [1.5, None]}) == '{"a":[1.5,null],"b":1}'
    text = b'{"a":[1.5,null],"b":1}'
    assert json_sha256({"b": 1, "a": (1.5, None)}) == hashlib.sha256(text).hexdigest()
    assert json_sha256({"a": 1}) != json_sha256({"a": 1.0})
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_sha256({"a": float("nan")})


def test_a_seal_breaks_with_any_change() -> None:
    data = sealed({"a": 1, "b": {"c": [2]}})
    assert list(data) == ["a", "b", storage.CHECKSUM]
    assert is_sealed(data)
    assert is_sealed(dict(reversed(data.items())))
    assert sealed(data) == data
    for change in ({"a": 2}, {"b": {"c": [3]}}, {"d": 1}, {"a": float("nan")}, {"checksum": ""}):
        assert not is_sealed({**data, **change})
    assert not is_sealed({"a": 1})
