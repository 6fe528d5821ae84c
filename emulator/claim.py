"""One process at a time at work in a place: its others are told who is there.

with alone(folder / LOCK, folder, "emulator train"):
    ...
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from emulator.errors import EmulatorError

LOCK = ".lock"  # in a folder that is held; who holds it is in it

# What a file system says that has no locks (some network ones): there nothing can be promised.
_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK}


class ClaimError(EmulatorError, OSError):
    """Another process is at work in a place, or it cannot be written to."""


@contextmanager
def alone(lock: Path, place: Path, command: str) -> Iterator[None]:
    """Hold `place` by the file `lock`, which goes at the end, with its folder if that is new and
    empty. command: who holds it. Raises ClaimError with the process id of who does already.

    The kernel holds the lock for as long as the process lives, so one that was killed leaves a
    file that stops nobody.
    """
    new = not lock.parent.exists()
    try:
        descriptor = _take(lock, place)
    except ClaimError:
        raise
    except (FileExistsError, NotADirectoryError):
        raise ClaimError(f"{lock.parent}: is a file, or lies in one; name another place") from None
    except OSError as error:
        raise ClaimError(
            f"{lock}: cannot be written ({error.strerror}); run the same command again when it can"
        ) from None
    try:
        with suppress(OSError):  # a full disk: locked all the same, by someone without a name
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n{command}\n".encode(), 0)
        yield
    finally:
        lock.unlink(missing_ok=True)
        with suppress(OSError):  # the name that could not be written then either
            os.close(descriptor)
        if new:
            with suppress(OSError):  # not empty, as it should be
                lock.parent.rmdir()


def _take(lock: Path, place: Path) -> int:
    """The descriptor of the file, once it is locked."""
    while True:
        lock.parent.mkdir(parents=True, exist_ok=True)
        # A link is not followed, as what it leads to would be emptied.
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            descriptor = os.open(lock, flags, 0o666)
        except FileNotFoundError:  # the last holder has removed the folder, which was new
            continue
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise _foreign(lock) from None
            raise
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
                raise _foreign(lock)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    pid, command = _owner(descriptor)
                    raise ClaimError(
                        f"{place}: another `{command}` is at work here, pid {pid}; wait for it or "
                        "choose another --output"
                    ) from None
            # The last holder may have removed the file between our opening and locking it.
            with suppress(FileNotFoundError):
                if os.path.samestat(status, lock.lstat()):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _foreign(lock: Path) -> ClaimError:
    return ClaimError(f"{lock}: is a link, or no file; nothing here makes such: move it away")


def _owner(descriptor: int) -> tuple[str, str]:
    """Process id and command of who holds the lock."""
    lines = os.pread(descriptor, 100, 0).decode(errors="replace").split("\n")
    return lines[0] or "unknown", "".join(lines[1:2]) or "emulator"
