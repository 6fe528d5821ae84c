"""Processes that work for this one: Ctrl-C is not for them, and they end with it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process
from multiprocessing.connection import wait


@contextmanager
def interrupts_later() -> Iterator[None]:
    """Hold Ctrl-C back until the end; processes started meanwhile never see it, not even as they
    start.

    A terminal sends it to the workers too, which would die with a traceback each. In this process a
    thread that does not block the signal hears it for the main one, so that a mask is not enough.
    """
    came: list[int] = []
    handler = signal.getsignal(signal.SIGINT)  # None where Python did not set it
    ours = threading.current_thread() is threading.main_thread() and handler is not None
    if ours:
        signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if ours:
            signal.signal(signal.SIGINT, handler)
        if came:
            signal.raise_signal(signal.SIGINT)


def begin_worker() -> None:
    """Set a worker process up: Ctrl-C is its parent's business, and it ends with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()


def _end_with_parent() -> None:
    """Let this worker process end when the one that started it does, even if that was killed."""
    parent = parent_process()
    assert parent is not None
    sentinel = parent.sentinel

    def watch() -> None:
        wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
