"""Whose directory it is: only one configuration's and one program's at a time."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from emulator.claim import LOCK
from emulator.config import config_hash, parse_config
from emulator.data.dataset import check_content
from emulator.data.schema import (
    CONFIG,
    DRAWS_VERSION,
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
from emulator.storage import is_temporary, read_json
from emulator.worlds import get_world


def config_text(config: DataConfig) -> bytes:
    """What config.json holds."""
    text = json.dumps(config.model_dump(mode="json"), indent=1, allow_nan=False)
    return (text + "\n").encode()


def finished(root: Path, config: DataConfig) -> Manifest | None:
    """The manifest, when the data set is complete (every file as it was written) and this
    configuration's, of worlds that are still the same."""
    try:
        manifest = read_manifest(root)
        if manifest.config_hash != config_hash(config) or changed_worlds(manifest):
            return None
        for name in manifest.files:
            check_content(root, name, manifest)
    except DatasetError:
        return None
    return manifest


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
            found = parse_config(read_json(file), DataConfig, str(file))
        except ValueError as error:  # a ConfigError is one
            remedy = (
                f"delete {shlex.quote(str(file))} and run the same command again"
                if _has_record(root, config)
                else f"delete {shlex.quote(str(root))}, which holds nothing finished of this "
                "configuration, or choose another --output"
            )
            named = "" if isinstance(error, ConfigError) else f"{file}: "
            raise DatasetError(f"{named}{error} (damaged?); {remedy}") from None
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
    if manifest.code.version == DRAWS_VERSION and not changed:
        return
    worlds = f", whose worlds {', '.join(changed)} differ from this one's" if changed else ""
    raise DatasetError(
        f"{root}: its draws are of version {manifest.code.version}{worlds}, this program's of "
        f"{DRAWS_VERSION}; repair it with the program that wrote it ({manifest.code.commit}), "
        "choose another --output, or delete the directory"
    )


def _has_record(root: Path, config: DataConfig) -> bool:
    """Whether a shard of this configuration was ever finished here."""
    for file in (root / RECORDS).glob("*/*.json"):
        try:
            if read_json(file)["config_hash"] == config_hash(config):
                return True
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return False
