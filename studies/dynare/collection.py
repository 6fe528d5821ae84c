"""Model files of public repositories: taken out of git, each text once."""

from __future__ import annotations

import hashlib
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from emulator.worlds.dynare.text import without_comments

_LARGEST = 3_000_000  # bytes of a file that a model can need beside it
_BLANK = re.compile(r"\s+")


@dataclass(frozen=True)
class ModelFile:
    """A model file: whose, at which commit and path, its bytes' sha256, and where it lies now."""

    collection: str
    commit: str
    path: str
    sha256: str
    file: Path
    key: str  # the sha256 of what counts: the text without comments and blanks


def collect(sources: list[str], folder: Path) -> list[ModelFile]:
    """The model files of `sources`, checked out below `folder`, each text once.

    A source is `NAME=REPOSITORY` or `NAME=REPOSITORY:FOLDER`: what the collection is called, a git
    directory or work tree, and the part of it to take.
    """
    found: dict[str, ModelFile] = {}
    for source in sources:
        name, _, where = source.partition("=")
        repository, _, under = where.partition(":")
        checkout = folder / name.replace("/", "+")
        commit = _git(repository, "rev-parse", "HEAD").decode().strip()
        for path in _check_out(repository, under, checkout):
            data = (checkout / path).read_bytes()
            text = without_comments(data.decode("latin-1"))
            key = hashlib.sha256(_BLANK.sub("", text).encode()).hexdigest()
            sha256 = hashlib.sha256(data).hexdigest()
            found.setdefault(key, ModelFile(name, commit, path, sha256, checkout / path, key))
    return list(found.values())


def _check_out(repository: str, under: str, checkout: Path) -> list[str]:
    """Write the files of HEAD below `checkout`, and name the models among them."""
    listed = _git(repository, "ls-tree", "-r", "-z", "HEAD", *([f"{under}/"] if under else []))
    models = []
    for entry in filter(None, listed.split(b"\0")):
        facts, raw = entry.split(b"\t", 1)
        mode, kind, blob = facts.decode().split()
        path = raw.decode("utf-8", "replace")
        if kind != "blob" or mode == "120000" or ".." in PurePosixPath(path).parts:
            continue
        target = checkout / path
        if not target.exists():
            data = _blob(repository, blob)
            if data is None:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        if target.suffix.lower() == ".mod":
            models.append(path)
    return models


def _blob(repository: str, blob: str) -> bytes | None:
    """A file's bytes, or None for one that is too large or not in the store."""
    size = subprocess.run(
        ["git", "-C", repository, "cat-file", "-s", blob], capture_output=True, check=False
    )
    if size.returncode != 0 or int(size.stdout) > _LARGEST:
        return None
    return _git(repository, "cat-file", "blob", blob)


def _git(repository: str, *arguments: str) -> bytes:
    return subprocess.run(
        ["git", "-C", repository, *arguments], capture_output=True, check=True
    ).stdout
