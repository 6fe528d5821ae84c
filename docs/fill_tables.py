"""Put stored results between the markers of the README and of docs/floors.md.

    python docs/fill_tables.py

A page names what it wants, and from which folder, in a marker: `<!-- leaderboard: FOLDER -->` takes
the test tables of a leaderboard, `<!-- floors: FOLDER -->` those of the summaries that `emulator
floors` leaves. What stands between it and `<!-- end -->` is replaced; `make results` runs this.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", ROOT / "docs" / "floors.md")
MARKED = re.compile(r"(<!-- (leaderboard|floors): (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
HEADER = ("world", "quarters", "regime", "floor", "95 %", "Monte Carlo", "training mean",
          "in 90 % bands", "ranks, p", "histories", "not forgotten", "seconds")  # fmt: skip


def leaderboard(folder: Path) -> str:
    """The tables on `test` of a folder's leaderboard.md, each under its regime where it has one."""
    text = (folder / "leaderboard.md").read_text(encoding="utf-8")
    sections = re.findall(
        r"^## test(?:, ([^\n]*))?\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE
    )
    parts = []
    for title, section in sections:
        table = "\n".join(line for line in section.splitlines() if line.startswith("|"))
        parts.append(f"{title[0].upper()}{title[1:]}:\n\n{table}" if title else table)
    return "\n\n".join(parts)


def floors(folder: Path) -> str:
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


TABLES = {"leaderboard": leaderboard, "floors": floors}


def filled(page: str) -> str:
    """The page with the tables its markers ask for."""
    return MARKED.sub(lambda m: f"{m[1]}\n{TABLES[m[2]](ROOT / m[3])}\n\n{m[4]}", page)


if __name__ == "__main__":
    if len(sys.argv) != 1:
        sys.exit("usage: python docs/fill_tables.py")
    for path in PAGES:
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
