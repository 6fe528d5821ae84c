"""One case after the other, in a process that can hang or end: what became of each."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from studies.fuzz.subjects import SUBJECTS, answer, damage

MOST_SECONDS, MOST_BYTES, MOST_LINES = 10.0, 2**30, 4


@dataclass
class Ending:
    """What became of one case. wrong: what should not have happened, or nothing."""

    kind: str
    number: int
    file: str = ""
    code: int | None = None
    seconds: float = 0.0
    bytes: int = 0
    said: str = ""
    wrong: str = ""


@dataclass
class Survey:
    """Exit codes by kind of file, and the cases that went wrong."""

    codes: dict[str, Counter[str]] = field(default_factory=dict)
    slowest: Ending | None = None
    largest: Ending | None = None
    wrong: list[Ending] = field(default_factory=list)

    def count(self, ending: Ending) -> None:
        self.codes.setdefault(ending.kind, Counter())[str(ending.code)] += 1
        if self.slowest is None or ending.seconds > self.slowest.seconds:
            self.slowest = ending
        if self.largest is None or ending.bytes > self.largest.bytes:
            self.largest = ending
        if ending.wrong:
            self.wrong.append(ending)


def do(kind: str, number: int, seed: int, home: Path) -> Ending:
    """One case: copy, damage, ask, and look at what came."""
    rng = np.random.default_rng([seed, zlib.crc32(kind.encode()), number])
    subject, ending = SUBJECTS[kind], Ending(kind, number)
    place = home / "case" / subject.folder
    shutil.copytree(home / "healthy" / subject.folder, place, copy_function=os.link)
    try:
        ending.file = str(damage(subject, place, rng).relative_to(place))
        before, start = _memory("VmRSS"), time.perf_counter()
        _forget_peak()
        with _bounded_memory():
            code, out = _observed(subject.ask(place, place / ending.file))
        ending.seconds = round(time.perf_counter() - start, 2)
        ending.bytes = max(_memory("VmHWM") - before, 0)
        ending.code, ending.said = code, out[-300:]
        ending.wrong = _wrong(code, out, ending)
    finally:
        shutil.rmtree(home / "case", ignore_errors=True)
    return ending


def _wrong(code: int, said: str, ending: Ending) -> str:
    if "Traceback" in said:
        return "traceback"
    if code not in (0, 1, 2):
        return f"exit code {code}"
    if code == 2 and "emulator: " not in said:
        return "refused without a word"
    if len(said.splitlines()) > MOST_LINES:
        return f"{len(said.splitlines())} lines on stderr"
    if "out of memory" in said or ending.bytes > MOST_BYTES:
        return "too much memory"
    return "too slow" if ending.seconds > MOST_SECONDS else ""


def _observed(arguments: list[str]) -> tuple[int, str]:
    """A command's exit code and what it wrote on stderr, by whatever means."""
    with tempfile.TemporaryFile() as err, Path(os.devnull).open("w") as null:
        saved = os.dup(2)
        os.dup2(err.fileno(), 2)
        told = os.fdopen(os.dup(err.fileno()), "w", errors="backslashreplace", buffering=1)
        try:
            with told, contextlib.redirect_stdout(null), contextlib.redirect_stderr(told):
                code = answer(arguments)
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        except BaseException:
            traceback.print_exc(limit=-4)
            code = 1
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
        err.seek(0)
        return code, err.read().decode(errors="replace")


def _memory(name: str) -> int:
    """A line of this process's status, in bytes."""
    status = Path("/proc/self/status").read_text()
    return 1024 * next(int(x.split()[1]) for x in status.splitlines() if x.startswith(f"{name}:"))


@contextlib.contextmanager
def _bounded_memory() -> Iterator[None]:
    """Refuse what is asked for beyond the bound, before it is the machine that does."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    limit = _memory("VmSize") + MOST_BYTES + 2**29  # address space is more than memory
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _work(connection: Connection, seed: int, home: Path) -> None:
    """A process that does the cases it is sent."""
    for kind in SUBJECTS:  # imports and compiled code count for nobody
        do(kind, 0, seed, home)
    connection.send("ready")
    while (case := connection.recv()) is not None:
        connection.send(do(*case, seed, home))


def survey(cases: Sequence[tuple[str, int]], seed: int, home: Path) -> Survey:
    """Do the cases, in a process that is started anew where one hangs or ends."""
    found = Survey()
    context = multiprocessing.get_context("spawn")
    process, pipe = None, None
    for kind, number in cases:
        if process is None:
            pipe, there = context.Pipe()
            process = context.Process(target=_work, args=(there, seed, home), daemon=True)
            process.start()
            there.close()
            assert pipe.recv() == "ready"
        assert pipe is not None
        pipe.send((kind, number))
        try:
            ending = (
                pipe.recv() if pipe.poll(3 * MOST_SECONDS) else Ending(kind, number, wrong="hangs")
            )
        except EOFError:
            ending = Ending(kind, number, wrong="the process ended")
        found.count(ending)
        if ending.code is None:
            process.kill()
            process.join()
            shutil.rmtree(home / "case", ignore_errors=True)
            process = None
    if process is not None and pipe is not None:
        pipe.send(None)
        process.join()
    return found
