"""Jobs in processes of their own end with whoever asked for them."""

from __future__ import annotations

import time

import pytest

from emulator.estimation.in_processes import in_processes


@pytest.mark.slow
def test_whoever_stops_asking_stops_jobs_that_have_begun() -> None:
    asked = in_processes(time.sleep, [0.0, 90.0, 90.0, 90.0], 2)
    next(asked)
    begin = time.monotonic()
    asked.close()  # type: ignore[attr-defined]
    assert time.monotonic() - begin < 45.0  # the pool would wait for all that it took
