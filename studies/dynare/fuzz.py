"""Damaged model files: each is answered, or refused in one line with its place; none takes long.

`python -m studies.dynare.fuzz [FOLDER ...]` injures 10,000 files at random (`--count`, `--seed`):
those of the tests and those in the folders given. It writes results/dynare/fuzz.json: what became
of them, the longest time in seconds of the processor, the memory that the process took, and the
first tracebacks if there are any. An injured file that broke or took over SLOW seconds is kept in
the `--keep` folder.
"""

from __future__ import annotations

import argparse
import collections
import re
import resource
import tempfile
import time
import traceback
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from emulator.errors import InputError
from emulator.worlds.dynare import Refusal, from_dynare
from studies import records
from studies.dynare.__main__ import RESULTS

TESTS = Path(__file__).parents[2] / "tests"
SOURCES = (
    *sorted((TESTS / "worlds" / "dynare" / "models").glob("*.mod")),
    *sorted((TESTS / "references").glob("*.mod")),
)
SLOW = 10.0
_LARGEST = 400_000  # bytes: an injury of a larger file costs as much as ten of others
_PIECES = [
    "(", ")", "[", "]", "{", "}", ";", "=", "==", "^", "*", "/", "-", "+", ",", "#", "'", '"', "$",
    "@{", "@#if 1\n", "@#endif\n", "@#for i in 1:3\n", "@#endfor\n", "@#define x = [1:9]\n",
    '@#include "nothing"\n', "/*", "*/", "//", "%", "end;", "model;", "shocks;", "var ",
    "varexo ", "parameters ", "initval;", "steady_state_model;", "stderr ", "corr ",
    "EXPECTATION(-1)(",
    "STEADY_STATE(", "exp(", "log(", "NaN", "Inf", "1e999", "0", "-1", "(+1)", "(-9)", "(-999)",
    "predetermined_variables ", "(linear)",
    "bind='a'", "stoch_simul;", "\x00", "\xff", "\u00e9",
    "1/0", "...", "&&", "if x\n", "end\n", "estimated_params;", "beta_pdf", "^^", "((((((",
]  # fmt: skip
_ONE_LINE = re.compile(r"^[^\n:]+:\d+: [^\n]+$")


@dataclass
class Survey:
    """Counts by verdict, the longest time in seconds of the processor, and tracebacks."""

    verdicts: collections.Counter[str] = field(default_factory=collections.Counter)
    longest: float = 0.0
    over: int = 0
    tracebacks: list[str] = field(default_factory=list)


def damaged(content: str, rng: np.random.Generator) -> str:
    """The file with one to four random injuries."""
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(0, len(content) + 1))
        to = min(len(content), at + int(rng.integers(1, 40)))
        match int(rng.integers(0, 7)):
            case 0:
                content = content[:at] + content[to:]
            case 1:
                content = content[:at] + str(rng.choice(_PIECES)) + content[at:]
            case 2:
                content = content[:to] + content[at:]
            case 3:
                lines = content.split("\n")
                rng.shuffle(lines[: int(rng.integers(1, len(lines) + 1))])
                del lines[int(rng.integers(0, len(lines)))]
                content = "\n".join(lines)
            case 4:
                content = content[:at]
            case 5:
                swap = str(rng.choice(list("()[];=+-*/^.,01azAZ_ \n'\"$%@#")))
                content = content[:at] + swap + content[at + 1 :]
            case _:
                words = re.findall(r"\w+", content) or ["x"]
                one, two = rng.choice(words, 2)
                content = re.sub(rf"\b{one}\b", str(two), content, count=int(rng.integers(0, 3)))
    return content


def attempt(path: Path) -> str:
    """What becomes of the file: answered, refused, no observables, or what should not happen."""
    try:
        from_dynare(path)
    except Refusal as refusal:
        return "refused" if _ONE_LINE.match(str(refusal)) else f"not one line: {refusal}"
    except InputError as error:  # what is wrong is none of the file's lines: no observables found
        clean = "observable" in str(error) and "\n" not in str(error)
        return "no observables" if clean else f"unexpected: {error}"
    return "answered"


def survey(files: Sequence[Path], count: int, seed: int, keep: Path) -> Survey:
    """What becomes of `count` injured files; those that break or are slow are left in `keep`."""
    rng = np.random.default_rng(seed)
    texts = [path.read_bytes().decode("latin-1") for path in files]
    out = Survey()
    for number in range(count):
        content = damaged(texts[number % len(texts)], rng)
        path = keep / f"damaged_{number}.mod"
        path.write_bytes(content.encode("utf-8" if number % 2 else "latin-1", "replace"))
        start = time.process_time()
        try:
            verdict = attempt(path)
        except Exception:  # a traceback is what is looked for
            verdict = "traceback"
            out.tracebacks.append(traceback.format_exc(limit=-3))
        seconds = time.process_time() - start
        out.verdicts[verdict] += 1
        out.longest = max(out.longest, seconds)
        out.over += seconds > SLOW
        if verdict in ("answered", "refused", "no observables") and seconds <= SLOW:
            path.unlink()
    return out


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args(arguments)
    given = sorted(p for folder in options.folders for p in folder.rglob("*.mod"))
    files = [*SOURCES, *(p for p in given if p.stat().st_size <= _LARGEST)]
    keep = options.keep or Path(tempfile.mkdtemp())
    keep.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a warning of NumPy's would reach the user
        found = survey(files, options.count, options.seed, keep)
    facts = {
        "files_injured": len(files),
        "count": options.count,
        "seed": options.seed,
        "verdicts": dict(found.verdicts.most_common()),
        "longest_seconds": round(found.longest, 1),
        f"over_{SLOW:.0f}_seconds": found.over,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "tracebacks": found.tracebacks[:5],
    }
    records.write(RESULTS / "fuzz.json", facts)
    print(facts)


if __name__ == "__main__":
    main()
