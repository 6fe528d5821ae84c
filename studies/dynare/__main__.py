"""Public Dynare files answered by Dynare 5.3 and by `emulator.worlds.dynare`, side by side.

`python -m studies.dynare --work FOLDER NAME=REPOSITORY[:FOLDER] ...` takes the .mod files out of
git repositories, each text once (comments and blanks aside). It writes results/dynare/shares.json
and results/dynare/files.csv; no file of others is kept beside them. What Dynare says is kept in
FOLDER, so that a run that stops can be taken up again. Needs Octave and Dynare (Debian: `dynare`).
The MATLAB code beside the models is run as its authors wrote it: run this without a network.

A file counts if Dynare solves it as it stands, in the state of its first command that answers
something: to first order, in 60 s of the processor's time, with one shock or more that has an s.d.
Those do not count that Dynare refuses, those that only simulate under perfect foresight, and those
without an s.d., which have no responses to compare.

Of a file that counts, `read` says that every statement and value it needs is read here, `solved`
that there is a steady state and a unique stable solution, and `equal` that every variable's
response to every shock, 41 quarters of it, is Dynare's within 1e-8 of its peak. Orders, options of
stoch_simul and criteria for unit roots set by a file are left out on both sides (docs/dynare.md).
"""

from __future__ import annotations

import argparse
import collections
import csv
import io
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulator.storage import write_atomically
from studies import records
from studies.dynare import octave
from studies.dynare.collection import ModelFile, collect
from studies.dynare.compare import Answer, compare, dynare

RESULTS = Path(__file__).parents[2] / "results" / "dynare"
KINDS = ("equal", "differs", "not solved", "not read")
# What of a reason tells its cause; the first that fits counts.
_CAUSES = {
    "optimal policy without commitment": ("without commitment",),
    "external functions": ("external_function",),
    "computed by MATLAB code": ("no value that can be read", "not declared", "which is not run"),
    "no steady state found": ("no steady state", "is NaN or infinite"),
    "responses differ": ("off its peak",),
}


@dataclass(frozen=True)
class Row:
    """A file and what both say of it; `answer` is None for one that does not count."""

    file: ModelFile
    dynare: str
    answer: Answer | None
    seconds: float = 0.0


def examine(file: ModelFile, answers: Path) -> Row:
    """What Dynare says of a file, kept in `answers`, and what is said here."""
    numbers = answers / f"{file.key[:16]}.mat"
    said = octave.solve(file.file, numbers)
    if said != "solved":
        return Row(file, said, None)
    theirs = dynare(numbers)
    if theirs is None:
        return Row(file, "no shocks: none has an s.d.", None)
    start = time.perf_counter()
    answer = compare(file.file, theirs)
    return Row(file, said, answer, time.perf_counter() - start)


def shares(rows: Sequence[Row]) -> dict[str, Any]:
    """Counts, and shares of the files that count."""
    kinds = collections.Counter(row.answer.kind for row in rows if row.answer)
    total = sum(kinds.values())
    out: dict[str, Any] = {
        "files": len(rows),
        "left_out": dict(
            sorted(
                collections.Counter(r.dynare.split(":")[0] for r in rows if not r.answer).items()
            )
        ),
        "count": total,
        **{kind.replace(" ", "_"): kinds[kind] for kind in KINDS},
    }
    causes = collections.Counter(
        _cause(row.answer.reason) for row in rows if row.answer and row.answer.kind != "equal"
    )
    out["causes"] = dict(causes.most_common())
    if total:
        read = total - kinds["not read"]
        solved = read - kinds["not solved"]
        out |= {
            "share_read": round(read / total, 4),
            "share_solved": round(solved / total, 4),
            "share_equal": round(kinds["equal"] / total, 4),
        }
    return out


def _cause(reason: str) -> str:
    found = (cause for cause, signs in _CAUSES.items() if any(sign in reason for sign in signs))
    return next(found, "others")


def table(rows: Sequence[Row]) -> str:
    """The files that count, as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["collection", "commit", "path", "sha256", "dynare", "here", "gap", "reason"])
    for row in rows:
        if row.answer:
            file, answer = row.file, row.answer
            gap = "" if answer.gap is None else f"{answer.gap:.1e}"
            facts = [file.collection, file.commit, file.path, file.sha256, row.dynare]
            writer.writerow([*facts, answer.kind, gap, answer.reason])
    return out.getvalue()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="+", metavar="NAME=REPOSITORY[:FOLDER]")
    parser.add_argument("--work", type=Path, required=True, help="where files and answers are kept")
    options = parser.parse_args(arguments)
    rows: list[Row] = []
    for file in collect(options.sources, options.work / "files"):
        rows.append(examine(file, options.work / "dynare"))
        said = rows[-1].answer.kind if rows[-1].answer else "does not count"
        print(f"{file.collection} {file.path}: {rows[-1].dynare}; here {said}", flush=True)
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        by_name.setdefault(row.file.collection, []).append(row)
    facts = {
        "dynare": octave.version(),
        "all": shares(rows),
        "slowest_seconds": round(max((row.seconds for row in rows), default=0.0), 1),
        "collections": {
            name: {"commit": some[0].file.commit, **shares(some)} for name, some in by_name.items()
        },
    }
    records.write(RESULTS / "shares.json", facts)  # first, as it says whether files are changed
    write_atomically(RESULTS / "files.csv", table(rows).encode())
    for key, value in facts["all"].items():
        print(f"{key}: {value}")


if __name__ == "__main__":
    main()
