"""Making a data set: which shards are missing, and who writes them."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    as_completed,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from emulator.claim import LOCK, alone
from emulator.data.claim import config_text, finished, refuse_foreign
from emulator.data.finish import finish
from emulator.data.schema import CONFIG, MANIFEST, RECORDS, DataConfig, Manifest
from emulator.data.shards import (
    is_written,
    metadata,
    parameter_columns,
    write_file,
    write_shard,
)
from emulator.data.splits import check_rules, expect_splits
from emulator.errors import DatasetError, unknown_name
from emulator.progress import Progress, silent
from emulator.storage import sweep
from emulator.workers import begin_worker, interrupts_later
from emulator.worlds import get_world, has_world, list_worlds


@dataclass(frozen=True)
class Generated:
    """What `generate` did: `samples` drawn in `seconds`, of a data set with this manifest."""

    manifest: Manifest
    samples: int
    seconds: float


def generate(
    config: DataConfig,
    output: str | Path,
    *,
    executor: Executor | None = None,
    workers: int = 1,
    progress: Progress = silent,
) -> Generated:
    """Write the data set of `config` to `output`, or what is missing of it.

    executor: anything with the interface of `concurrent.futures`; its workers must see `output`.
    Without one, `workers` processes of this machine (one: this process). progress is called with
    (samples done, samples in all, rate). Raises DatasetError when the directory holds something
    else, the disk is full or a worker dies, and ConfigError for impossible rules or an empty
    split. Whatever stops it, the same call goes on from the last finished shard.
    """
    root = Path(output).resolve()
    _check_config(config)
    started = time.perf_counter()
    refuse_foreign(root, config)
    complete = finished(root, config)
    if complete is not None:
        return Generated(complete, 0, time.perf_counter() - started)
    if not (root / RECORDS).is_dir():
        for world in config.worlds:
            expect_splits(get_world(world), config)
    with alone(root / LOCK, root, "emulator generate"):
        refuse_foreign(root, config)  # whoever held the directory until now may have changed it
        sweep(root.rglob(".*"))
        # Before the manifest goes, so that the directory is never without a sign of whose it is.
        write_file(root / CONFIG, config_text(config))
        (root / MANIFEST).unlink(missing_ok=True)
        for world in config.worlds:
            for name, content in metadata(get_world(world), config).items():
                write_file(root / name, content)
        missing = [t for t in config.tasks() if not is_written(root, config, *t)]
        drawn = _write_missing(config, root, missing, executor, workers, progress)
        manifest = finish(root, config)
    return Generated(manifest, drawn, time.perf_counter() - started)


def _check_config(config: DataConfig) -> None:
    for name in config.rules:
        if not has_world(name):
            raise unknown_name("world in `rules`", name, list_worlds())
    for name in config.worlds:
        check_rules(get_world(name), config.rules_of(name))
    parameter_columns(config)


# --------------------------------------------------------------------- shards


def _write_missing(
    config: DataConfig,
    root: Path,
    missing: list[tuple[str, int]],
    executor: Executor | None,
    workers: int,
    progress: Progress,
) -> int:
    """Write the missing shards; returns the number of samples drawn."""
    total = config.samples * len(config.worlds)
    sizes = {task: len(config.shard_range(task[1])) for task in missing}
    before = total - sum(sizes.values())
    data = config.model_dump(mode="json")
    started, drawn = time.perf_counter(), 0
    progress(before, total, "")

    def advance(task: tuple[str, int]) -> None:
        nonlocal drawn
        drawn += sizes[task]
        rate = drawn / (time.perf_counter() - started)
        progress(before + drawn, total, f"{rate:,.0f} samples/s")

    if executor is None and workers == 1:
        for task in missing:
            write_shard(data, str(root), *task)
            advance(task)
        return drawn
    others = set(multiprocessing.active_children())
    with _pool(executor, min(workers, max(len(missing), 1))) as pool:
        tasks: dict[Future[None], tuple[str, int]] = {}
        try:
            with interrupts_later():
                for task in missing:
                    tasks[pool.submit(write_shard, data, str(root), *task)] = task
            for future in as_completed(tasks):
                future.result()
                advance(tasks[future])
        except BrokenProcessPool:
            # Its futures have all failed; cancelling them beside that confuses the pool's thread.
            raise DatasetError(
                f"{root}: a worker process was ended from outside (out of memory?); run the same "
                "command again, perhaps with fewer --workers (finished shards are kept)"
            ) from None
        except KeyboardInterrupt:
            if executor is None:
                # Workers may be a minute from the end of a shard, or still compiling. What they
                # leave unfinished is written again. Their futures fail with them, see above.
                for worker in set(multiprocessing.active_children()) - others:
                    worker.kill()
            else:
                for future in tasks:
                    future.cancel()
            raise
        except BaseException as error:
            for future in tasks:
                future.cancel()
            if executor is None or not _lost(error):
                raise
            reason = " ".join(f"{type(error).__name__} {error}".split())[:200]
            raise DatasetError(
                f"{root}: the workers were lost ({reason}); run the same command again when they "
                "are back (finished shards are kept)"
            ) from None
    return drawn


def _lost(error: BaseException) -> bool:
    """Whether an executor failed rather than the work it was given."""
    if isinstance(error, (BrokenExecutor, CancelledError)):
        return True
    if isinstance(error, OSError):  # its connections; what write_shard raises says what to do
        return not isinstance(error, DatasetError)
    return type(error).__module__.split(".")[0] == "distributed"


@contextmanager
def _pool(executor: Executor | None, workers: int) -> Iterator[Executor]:
    """The caller's executor, left running, or a process pool of our own."""
    if executor is not None:
        yield executor
        return
    # Not fork: numba, Zarr and Arrow hold threads and locks that a forked child would inherit.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=begin_worker) as pool:
        yield pool
