"""SIGTERM and Ctrl-C end training between two steps, not within one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

TERMINATED = (
    128 + signal.SIGTERM
)  # a program's exit code when SIGTERM has stopped it, as shells say


@contextmanager
def interruptions() -> Iterator[list[int]]:
    """A list that SIGTERM and SIGINT append to, so that the loop can end between two steps."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received  # only the main thread may set handlers
        return
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(n, lambda number, frame: received.append(number)) for n in numbers]
    try:
        yield received
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
