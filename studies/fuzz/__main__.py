"""Damage files at random and let commands read them: `python -m studies.fuzz`.

10,000 cases (`--cases`) over all kinds of files in studies/fuzz/subjects.py, with checksums that
are wrong after the damage and others that were made right again. Each must end with exit code 0, 1
or 2, with no traceback and at most a few lines on stderr, within 10 seconds and within a gigabyte
beyond what the process holds anyway. results/fuzz/files.json says what became of them, kind by
kind, and which did not: `--case KIND NUMBER` does one again and shows it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from studies import records
from studies.fuzz.subjects import make_healthy
from studies.fuzz.survey import do, survey

RESULTS = Path(__file__).parents[2] / "results" / "fuzz"
# Of 10,000: a case costs from a millisecond (a configuration) to a second (training goes on).
SHARES = {
    "run configuration": 0.2, "data configuration": 0.15, "plan": 0.1, "world file": 0.1,
    "history": 0.15, "weights": 0.12, "evaluation": 0.08, "data set": 0.06, "checkpoint": 0.04,
}  # fmt: skip


def cases_of(count: int) -> list[tuple[str, int]]:
    """So many cases over the kinds, in their shares, at least one of each."""
    return [
        (kind, n) for kind, share in SHARES.items() for n in range(max(1, round(share * count)))
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 where a case went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", nargs=2, metavar=("KIND", "NUMBER"))
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with Path(os.devnull).open("w") as null, contextlib.redirect_stdout(null):
            make_healthy(home / "healthy")
        if options.case:
            print(do(options.case[0], int(options.case[1]), options.seed, home))
            return 0
        start = time.perf_counter()
        found = survey(cases_of(options.cases), options.seed, home)
    facts: dict[str, Any] = {
        "cases": options.cases,
        "seed": options.seed,
        "minutes": round((time.perf_counter() - start) / 60, 1),
        "exit_codes": {kind: dict(sorted(codes.items())) for kind, codes in found.codes.items()},
        "slowest": found.slowest and asdict(found.slowest),
        "largest": found.largest and asdict(found.largest),
        "went_wrong": len(found.wrong),
        "wrong": [asdict(ending) for ending in found.wrong[:40]],
    }
    records.write(RESULTS / "files.json", facts)
    print({key: facts[key] for key in ("exit_codes", "went_wrong")})
    return int(bool(found.wrong))


if __name__ == "__main__":
    sys.exit(main())
