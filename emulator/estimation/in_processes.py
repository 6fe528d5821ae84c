"""Independent jobs in processes of their own, answered as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import active_children, get_context
from typing import TypeVar

from emulator.workers import begin_worker, interrupts_later

Job = TypeVar("Job")
Done = TypeVar("Done")


def in_processes(work: Callable[[Job], Done], jobs: Sequence[Job], workers: int) -> Iterator[Done]:
    """What `work` makes of each job, in any order; in this process where one is enough. Whoever
    stops asking, as by Ctrl-C, stops all jobs at once, those that have begun too."""
    if workers == 1 or len(jobs) < 2:
        yield from map(work, jobs)
        return
    workers, context = min(workers, len(jobs)), get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=begin_worker) as pool:
        others = set(active_children())
        with interrupts_later():
            waiting = [pool.submit(work, job) for job in jobs]
        try:
            for future in as_completed(waiting):
                yield future.result()
        except BaseException:
            # The pool would wait for jobs that have begun, and for one more a worker. The others
            # fail with these: cancelling them beside that confuses the pool's thread.
            for worker in set(active_children()) - others:
                worker.kill()
            raise
