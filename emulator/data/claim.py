"""Whose directory it is: only one configuration's, one program's and one process's at a time."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from emulator import __version__
from emulator.config import config_hash, load_config
from emulator.data.dataset import check_size
from emulator.data.schema import (
    CONFIG,
    LOCK,
    MANIFEST,
    MOMENTS,
    PARAMS,
    RECORDS,
    DataConfig,
    Manifest,
    SchemaVersionError,
    fingerprint,
    read_manifest,
)
from emulator.errors import ConfigError, DatasetError
from emulator.specs import WorldSpec
from emulator.storage import is_temporary
from emulator.worlds import get_world


def config_text(config: DataConfig) -> bytes:
    """What config.json holds."""
    text = json.dumps(config.model_dump(mode="json"), indent=1, allow_nan=False)
    return (text + "\n").encode()


def finished(root: Path, config: DataConfig) -> Manifest | None:
    """The manifest, when the data set is complete (every file there, right size) and this
    configuration's, of worlds that are still the same."""
    try:
        manifest = read_manifest(root)
        for name in manifest.files:
            check_size(root, name, manifest)
    except DatasetError:
        return None
    mine = manifest.config_hash == config_hash(config) and not changed_worlds(manifest)
    return manifest if mine else None


def changed_worlds(manifest: Manifest) -> list[str]:
    """Worlds whose numbers-bearing spec is not the one in this program."""
    changed = []
    for name, record in manifest.worlds.items():
        try:
            written = fingerprint(WorldSpec.from_dict(record.spec))
        except (KeyError, TypeError, ValueError):
            written = ""
        if written != fingerprint(get_world(name).spec):
            changed.append(name)
    return changed


def refuse_foreign(root: Path, config: DataConfig) -> None:
    """DatasetError unless the directory is new, empty, or this configuration's.

    The manifest says whose it is; without a readable one config.json; without that the shards'
    records. What an interrupted run leaves before its first record is config.json and temporaries.
    """
    if root.exists() and not root.is_dir():
        raise DatasetError(f"{root}: not a directory; choose another --output")
    if not root.is_dir():
        return
    if (manifest := _readable_manifest(root)) is not None:
        if manifest.config_hash != config_hash(config):
            raise _another(root, MANIFEST)
        _refuse_another_program(root, manifest)
        return
    file = root / CONFIG
    if file.is_file():
        try:
            found = load_config(file, DataConfig)
        except ConfigError as error:
            remedy = (
                f"delete {file} and run the same command again"
                if _has_record(root, config)
                else f"delete {root}, which holds nothing finished of this configuration, or "
                "choose another --output"
            )
            raise DatasetError(f"{error} (damaged?); {remedy}") from None
        if config_hash(found) != config_hash(config):
            raise _another(root, CONFIG)
        return
    entries = {e.name for e in root.iterdir() if not is_temporary(e.name)} - {LOCK}
    known = {MANIFEST, PARAMS, MOMENTS, RECORDS, *config.worlds}
    if entries and not (entries <= known and _has_record(root, config)):
        raise DatasetError(f"{root}: not empty and not a data set; choose another --output")


def _readable_manifest(root: Path) -> Manifest | None:
    try:
        return read_manifest(root)
    except SchemaVersionError:
        raise
    except DatasetError:
        return None


def _another(root: Path, name: str) -> DatasetError:
    return DatasetError(
        f"{root}: holds a data set of another configuration ({root / name}); choose another "
        "--output, or delete the directory"
    )


def _refuse_another_program(root: Path, manifest: Manifest) -> None:
    """A finished data set is not drawn again, or repaired, by a program that may draw others."""
    changed = changed_worlds(manifest)
    if manifest.code.version == __version__ and not changed:
        return
    worlds = f", whose worlds {', '.join(changed)} differ from this one's" if changed else ""
    raise DatasetError(
        f"{root}: finished by version {manifest.code.version}{worlds}, this is {__version__}; "
        "repair it with that version, choose another --output, or delete the directory"
    )


def _has_record(root: Path, config: DataConfig) -> bool:
    """Whether a shard of this configuration was ever finished here."""
    for file in (root / RECORDS).glob("*/*.json"):
        try:
            if json.loads(file.read_bytes())["config_hash"] == config_hash(config):
                return True
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return False


# What a file system says that has no locks (some network ones): there nothing can be promised.
_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK}


@contextmanager
def lock(root: Path) -> Iterator[None]:
    """Hold the directory alone. Raises DatasetError with the process id of who does already.

    The kernel holds the lock for as long as the process lives, so one that was killed leaves a
    file that stops nobody.
    """
    file = root / LOCK
    while True:
        try:
            root.mkdir(parents=True, exist_ok=True)
            stream = file.open("a+b")
        except OSError as error:
            raise DatasetError(
                f"{file}: cannot be written ({error.strerror}); run the same command again when it "
                "can"
            ) from None
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                stream.seek(0)
                owner = stream.read().decode(errors="replace").strip() or "unknown"
                stream.close()
                raise DatasetError(
                    f"{root}: another `emulator generate` is at work here, pid {owner}; wait for "
                    "it or choose another --output"
                ) from None
        try:
            # The last holder may have removed the file between our opening and locking it.
            if os.path.samestat(os.fstat(stream.fileno()), file.stat()):
                break
        except FileNotFoundError:
            pass
        stream.close()
    try:
        with suppress(OSError):  # a full disk: locked all the same, by someone without a name
            stream.truncate(0)
            stream.write(f"{os.getpid()}\n".encode())
            stream.flush()
        yield
    finally:
        file.unlink(missing_ok=True)
        with suppress(OSError):  # the name that could not be written then either
            stream.close()
