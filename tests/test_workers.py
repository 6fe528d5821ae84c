"""Ctrl-C while processes are started waits until they are."""

from __future__ import annotations

import os
import signal
import time
from threading import Event, Thread

import pytest

from emulator.workers import interrupts_later


@pytest.mark.fast
def test_ctrl_c_waits_also_where_another_thread_hears_it() -> None:
    stop = Event()
    reached: list[bool] = []

    def interrupted() -> None:
        with interrupts_later():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
            reached.append(True)

    listener = Thread(target=stop.wait)
    listener.start()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
        stop.set()
        listener.join()
    assert reached
