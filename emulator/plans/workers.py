"""Several jobs at once, in processes that are asked, not killed, to stop.

A worker that is sent SIGTERM while it trains saves a checkpoint and ends; anywhere else it ends at
once and loses nothing, as all it writes is renamed into place. Ctrl-C is for the parent alone: it
asks the workers. A worker whose parent is gone ends at its next report.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from emulator.errors import TrainingError
from emulator.plans.jobs import Job
from emulator.plans.perform import Outcome, Status, perform
from emulator.progress import Progress
from emulator.workers import interrupts_later

REPORT_SECONDS = 0.2  # between two reports of a worker's progress


@dataclass
class _Worker:
    """A process that performs one job after the other; none when it is idle."""

    process: SpawnProcess
    job: Job | None = None
    note: str = ""


def perform_all(
    jobs: Sequence[Job],
    workers: int,
    threads: int,
    ended: Callable[[Outcome], None],
    progress: Progress,
) -> bool:
    """Perform jobs, up to `workers` at once, none before those it waits for; False when stopped.

    Results do not depend on `workers`. ended: called with every outcome as it comes. Raises the
    first error of a worker, after asking the others to stop.
    """
    waiting = list(jobs)
    unfinished = {job.folder for job in jobs}
    pool: dict[Connection, _Worker] = {}
    with _asked_to_stop(pool) as stopping:
        try:
            while True:
                while not stopping and (job := _ready(waiting, unfinished)) is not None:
                    idle = [c for c, worker in pool.items() if worker.job is None]
                    if not idle and len(pool) == workers:
                        break
                    connection = idle[0] if idle else _start(pool, threads)
                    waiting.remove(job)
                    pool[connection].job = job
                    connection.send(job)
                    if stopping:  # asked between the question above and here
                        pool[connection].process.terminate()
                busy = [c for c, worker in pool.items() if worker.job is not None]
                if not busy:
                    return not stopping
                for source in wait(busy):
                    assert isinstance(source, Connection)
                    message = _receive(source, pool[source], bool(stopping))
                    if isinstance(message, BaseException):
                        raise message
                    if isinstance(message, str):
                        pool[source].note = message
                        progress(len(jobs) - len(unfinished), len(jobs), _notes(pool))
                        continue
                    job, pool[source].job = pool[source].job, None
                    assert job is not None
                    if message.status is Status.stopped:
                        stopping.append(signal.SIGTERM)
                        pool.pop(source).process.join()
                    else:
                        unfinished.discard(job.folder)
                    ended(message)
        finally:
            for worker in pool.values():
                worker.process.terminate()
            for connection, worker in pool.items():
                worker.process.join()
                connection.close()  # not before: a report that fails would end a run unsaved


def _ready(waiting: Sequence[Job], unfinished: set[Path]) -> Job | None:
    """The first job whose candidates have all ended."""
    return next((job for job in waiting if not job.waits_for() & unfinished), None)


def _notes(pool: dict[Connection, _Worker]) -> str:
    return ", ".join(f"{w.job.label} {w.note}" for w in pool.values() if w.job is not None)


def _start(pool: dict[Connection, _Worker], threads: int) -> Connection:
    """A new worker in the pool."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(there, threads), daemon=True)
    with interrupts_later():
        process.start()
    there.close()
    pool[here] = _Worker(process)
    return here


def _work(connection: Connection, threads: int) -> None:
    """The life of a worker: jobs in, reports and outcomes out, until the parent hangs up."""
    last = 0.0

    def progress(done: int, total: int, note: str) -> None:
        nonlocal last
        if (now := time.monotonic()) - last > REPORT_SECONDS:
            last = now
            connection.send(f"{100 * done // max(total, 1)} %")

    try:
        while True:
            outcome = perform(connection.recv(), threads, progress)
            connection.send(outcome)
            if outcome.status is Status.stopped:
                return
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent has hung up, or is gone
    except Exception as error:
        # Its traceback does not travel by itself; it is shown where the error is not the user's.
        error.add_note("".join(traceback.format_exception(error)))
        connection.send(error)


def _receive(source: Connection, worker: _Worker, stopping: bool) -> str | Outcome | Exception:
    assert worker.job is not None
    try:
        message: str | Outcome | Exception = source.recv()
    except (EOFError, ConnectionResetError):
        worker.process.join()
        if stopping:
            return Outcome(worker.job.label, Status.stopped)
        return TrainingError(
            f"{worker.job.folder}: its process ended with code {worker.process.exitcode} (out of "
            "memory?); run the same command again with --resume, perhaps with fewer --workers"
        )
    return message


@contextmanager
def _asked_to_stop(pool: dict[Connection, _Worker]) -> Iterator[list[int]]:
    """A list that SIGTERM appends to, after passing it on to the workers."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received  # only the main thread may set handlers
        return

    def stop(number: int, frame: object) -> None:
        received.append(number)
        for worker in list(pool.values()):
            worker.process.terminate()

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield received
    finally:
        signal.signal(signal.SIGTERM, before)
