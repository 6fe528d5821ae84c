"""Functions that numba compiles, and the cache of what it compiled.

numba's own cache stops a program where it cannot write, or cannot read what it wrote, and it keeps
a function's machine code while a function that it calls, in another file, has changed. Here

- what is stored counts only while every file of the package with a compiled function is the same;
- what cannot be read again, or is not what was written (SHA-256), is compiled again;
- where neither the package's folder nor the user's cache can be written, a folder of the user's
  under the system's temporary one serves; where that fails too, nothing is stored.

Compiling all takes 45 s of processor time.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile

PACKAGE = Path(__file__).parent
MARK = b"@compiled("  # what a file with a compiled function has in it
DIGEST = hashlib.sha256().digest_size

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def compiled(**options: Any) -> Callable[[FunctionT], FunctionT]:
    """Compile a function when it is first called, without the interpreter's lock.

    `options` are those of numba's `njit`. The machine code is stored, as this module says.
    """

    def compile_(function: FunctionT) -> FunctionT:
        dispatcher = numba.njit(nogil=True, **options)(function)
        stored = _cache_of(function)
        if stored is not None:
            dispatcher._cache = stored  # what njit(cache=True) sets
        return dispatcher  # type: ignore[no-any-return]

    return compile_


class _Files(IndexDataCacheFile):  # type: ignore[misc]  # numba has no types
    """The files of one function, each with the SHA-256 of what it holds at its end.

    The code says what arguments it is for: two processes that store at once may choose one name.
    """

    def save(self, key: Any, data: Any) -> None:
        super().save(key, (str(key), data))

    def load(self, key: Any) -> Any:
        found = super().load(key)
        return found[1] if found is not None and found[0] == str(key) else None

    def _dump(self, obj: Any) -> bytes:
        data: bytes = super()._dump(obj)
        return data + hashlib.sha256(data).digest()

    def _load_data(self, name: str) -> Any:
        data = Path(self._data_path(name)).read_bytes()
        body, digest = data[:-DIGEST], data[-DIGEST:]
        if hashlib.sha256(body).digest() != digest:
            raise ValueError(f"{name} is damaged")
        return super()._load_data(name)  # which stops before the digest


class _Cache(FunctionCache):  # type: ignore[misc]
    """numba's cache of one function, which neither stops a program nor outlives the sources."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file = _Files(self._cache_path, self._impl.filename_base, _sources())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled function of a signature, or None where there is none to be had."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # whatever reading bytes that nobody wrote may raise
            self._forget()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Store a compiled function, where that can be done."""
        try:
            super().save_overload(sig, data)
        except Exception:  # a full disk, a folder that is gone, an index cut by another process
            self._forget()

    def _forget(self) -> None:
        try:
            self.flush()
        except OSError:
            self.disable()


def _cache_of(function: Callable[..., Any]) -> _Cache | None:
    """The function's cache in the first folder that can be written, or None."""
    try:
        return _Cache(function)
    except (RuntimeError, OSError):  # numba found no folder
        folder = _temporary_folder()
    if folder is None:
        return None
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(folder)
    try:
        return _Cache(function)
    except (RuntimeError, OSError):
        return None
    finally:
        numba.config.CACHE_DIR = before


def cache_folder() -> Path | None:
    """Where machine code of this package's functions is stored, or None where nowhere can be."""
    found = _cache_of(compiled)  # of any function of the package
    return None if found is None else Path(found.cache_path)


def _temporary_folder() -> Path | None:
    """A folder that nobody but this user can write in: what is read from it is run."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    try:
        folder = Path(tempfile.gettempdir()) / f"emulator-{user}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    if stat.S_ISDIR(found.st_mode) and mine and not found.st_mode & 0o022:
        return folder
    return None


@cache
def _sources() -> str:
    """SHA-256 of every file with a compiled function: each may call those of others."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_bytes()
        if MARK in text:
            digest.update(text)
    return digest.hexdigest()
