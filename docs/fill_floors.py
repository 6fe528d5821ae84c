"""Put the table of floors between the markers of docs/floors.md.

    python docs/fill_floors.py

The page names the folder in its marker, `<!-- floors: FOLDER -->`; the table is made from the
summaries that `emulator floors` leaves there.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
HEADER = ("world", "quarters", "regime", "floor", "95 %", "Monte Carlo", "training mean",
          "in 90 % bands", "ranks, p", "histories", "not forgotten", "seconds")  # fmt: skip


def table(folder: Path) -> str:
    """The floors of a folder, a row a world, length, regime and task."""
    summaries = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*-*.json")]
    summaries.sort(key=lambda s: (s["world"], s["length"]))
    if not summaries:
        return "No floors are stored yet: `emulator floors WORLD` computes them."
    rows = [_row(summary, case) for summary in summaries for case in summary["cases"]]
    rule = ["---", "---:", "---"] + ["---:"] * (len(HEADER) - 3)
    origins = sorted({(s["commit"], s["data_sha"], s["particles"]) for s in summaries})
    made = [
        f"Commit {commit}, data {data}, {particles} particles."
        for commit, data, particles in origins
    ]
    return "\n".join(["| " + " | ".join(row) + " |" for row in (HEADER, rule, *rows)] + ["", *made])


def _row(summary: dict[str, Any], case: dict[str, Any]) -> list[str]:
    star = "" if case["task"] == "steady_state" else "*"
    # in C parameters are known, and so is everything but the state
    first = case["regime"] == "B1" and not star
    return [
        summary["world"] + star, str(summary["length"]), case["regime"], f"{case['rmse']:.3f}",
        "{:.3f} to {:.3f}".format(*case["ci95"]), f"{case['monte_carlo_rmse']:.3f}",
        f"{case['training_mean_rmse']:.3f}", f"{case['coverage_90']:.1%}",
        f"{summary['ranks_p_value']:.2f}" if first else "",
        str(summary["histories"]), str(summary["not_forgotten"]) if first else "",
        f"{summary['seconds_a_history']:.1f}" if first else "",
    ]  # fmt: skip


def filled(page: str) -> str:
    """The page with the table its marker asks for."""
    pattern = re.compile(r"(<!-- floors: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
    return pattern.sub(lambda m: f"{m[1]}\n{table(ROOT / m[2])}\n\n{m[3]}", page)


if __name__ == "__main__":
    if len(sys.argv) != 1:
        sys.exit("usage: python docs/fill_floors.py")
    path = ROOT / "docs" / "floors.md"
    path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
