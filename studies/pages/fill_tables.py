"""Put stored results between the markers of the README and of the pages.

    python -m studies.pages.fill_tables

A page names what it wants, and from which folder, in a marker: `<!-- leaderboard: FOLDER SPLIT
REGIME ... -->` takes the tables of a leaderboard on this split in these regimes, without columns of
trajectories, `<!-- summary: FOLDER SPLIT RUN -->` how far a run of all worlds and its best rivals
are off,
`<!-- floors: FOLDER -->` those of the summaries that `emulator floors` leaves,
`<!-- ablations: FOLDER -->` what `emulator evaluate --ablations` put into its metrics.json,
`<!-- calibrations: FOLDER -->` and `<!-- edges: FOLDER -->` what `emulator calibrations` printed
into its shipped.json. `<!-- bench: FOLDER -->` the summary in the bench.json of
`emulator bench`, `<!-- network: FOLDER -->` what the network.json of `studies.foreign_network` has.
What stands between it and `<!-- end -->` is replaced; `make tables` runs this.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path
from typing import Any

from emulator.storage import write_atomically

ROOT = Path(__file__).resolve().parents[2]
TRAJECTORY = "†"
PAGES = (
    ROOT / "README.md",
    *(
        ROOT / "docs" / f"{name}.md"
        for name in ("leaderboard", "floors", "regimes", "calibrations", "foreign-data")
    ),
)
MARKED = re.compile(
    r"(<!-- (leaderboard|summary|floors|ablations|calibrations|edges|bench|network): "
    r"(\S+)((?: [\w/]+)*) -->\n)"
    r".*?(<!-- end -->)",
    re.DOTALL,
)
HEADER = ("world", "quarters", "split", "floor", "95 %", "Monte Carlo", "training mean",
          "in 90 % bands", "HF-ratio", "ranks, p", "histories", "not forgotten",
          "seconds")  # fmt: skip


def leaderboard(folder: Path, split: str, *regimes: str) -> str:
    """The tables on a split of a folder's leaderboard.md in these regimes, each under its name."""
    text = (folder / "leaderboard.md").read_text(encoding="utf-8")
    sections = re.findall(
        rf"^## {split}, regime (\w+)[^\n]*\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE
    )
    tables = {name: _responses(section) for name, section in sections}
    return "\n\n".join(f"Regime {name}:\n\n{tables[name]}" for name in regimes)


def _responses(section: str) -> str:
    """The table of a section without its columns of trajectories."""
    rows = [line.split("|")[1:-1] for line in section.splitlines() if line.startswith("|")]
    kept = [k for k, name in enumerate(rows[0]) if not name.strip().endswith(TRAJECTORY)]
    return "\n".join("|" + "|".join(row[k] for k in kept) + "|" for row in rows)


def summary(folder: Path, split: str, run: str) -> str:
    """NRMSE on a split from rest of a run of all worlds, and of its best rival by that very error:
    given parameters (A), and given a history (B1). A row a world."""
    from emulator import get_world, list_worlds
    from emulator.evaluation.stored.record import NULL_MODEL
    from emulator.models.configs import kind_of

    with (folder / "leaderboard.csv").open(encoding="utf-8") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["split"] == split and row["task"] == "steady_state"
        ]
    lines = [
        "| world | off by, from parameters | best rival | off by, from data | best rival |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    told = {row["world"] for row in rows}
    for world in [name for name in list_worlds() if name in told]:
        cells = [f"`{world}`: {get_world(world).spec.title}"]
        for regime in ("A", "B1"):
            found = [row for row in rows if (row["world"], row["regime"]) == (world, regime)]
            (own,) = [row for row in found if row["run"] == run]
            found.remove(own)
            best = min(found, key=lambda row: float(row["nrmse"]))
            label = "mean" if best["model"] == NULL_MODEL else kind_of(best["model"]).label
            cells += [_percent(own), f"{_percent(best)} ({label})"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _percent(row: dict[str, str]) -> str:
    """An error in percent, to two digits."""
    return f"{100 * float(row['nrmse']):#.2g}".rstrip(".") + " %"


def floors(folder: Path) -> str:
    """The floors of a folder, a row a world, length and task."""
    summaries = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*-*.json")]
    summaries.sort(key=lambda s: (s["world"], s["length"]))
    if not summaries:
        return "No floors are stored yet: `emulator floors WORLD` computes them."
    rows = [_row(summary, case) for summary in summaries for case in summary["cases"]]
    rule = ["---", "---:", "---"] + ["---:"] * (len(HEADER) - 3)
    origins = sorted({(s["commit"], s["draws_sha"], s["particles"]) for s in summaries})
    made = [
        f"Commit {commit}, draws {draws}, {particles} particles."
        for commit, draws, particles in origins
    ]
    return "\n".join(["| " + " | ".join(row) + " |" for row in (HEADER, rule, *rows)] + ["", *made])


def _row(summary: dict[str, Any], case: dict[str, Any]) -> list[str]:
    star = "" if case["task"] == "steady_state" else "*"
    first = not star
    return [
        summary["world"] + star, str(summary["length"]), summary["split"], f"{case['rmse']:.3f}",
        "{:.3f} to {:.3f}".format(*case["ci95"]), f"{case['monte_carlo_rmse']:.3f}",
        f"{case['training_mean_rmse']:.3f}", f"{case['coverage_90']:.1%}",
        f"{case['hf_ratio']:.2f} ({{:.2f}} to {{:.2f}})".format(*case["hf_ratio_ci95"]),
        f"{summary['ranks_p_value']:.2f}" if first else "",
        str(summary["histories"]), str(summary["not_forgotten"]) if first else "",
        f"{summary['seconds_a_history']:.1f}" if first else "",
    ]  # fmt: skip


QUESTIONS = {"steady_state": "from rest", "state_dependent": "from a state", "trajectory": "path"}


def ablations(folder: Path) -> str:
    """Errors without an input over those with it, a row a regime, question and input."""
    found = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["ablations"]
    if not found:
        sys.exit(f"{folder}: no ablations; emulator evaluate RUN --ablations makes them")
    worlds = list(found)
    asked = {
        (regime, task, name): None  # in order, once
        for by_regime in found.values()
        for regime, by_task in by_regime.items()
        for task, by_name in by_task.items()
        for name in by_name
    }
    rows = []
    for regime, task, name in sorted(
        asked, key=lambda key: (key[0], list(QUESTIONS).index(key[1]))
    ):
        cases = [found[world][regime].get(task, {}).get(name) for world in worlds]
        ratios = ["" if case is None else _ratio(1.0 + case["increase"]) for case in cases]
        gone = next(" and ".join(case["without"]) for case in cases if case is not None)
        rows.append([regime, QUESTIONS[task], gone, *ratios])
    head = ["regime", "question", "without", *worlds]
    rule = ["---"] * 3 + ["---:"] * len(worlds)
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def _ratio(value: float) -> str:
    if value >= 99.95:  # "100." otherwise
        return f"{value:,.0f}"
    return f"{value:#.3g}" if value >= 2 else f"{value:.2f}"


def calibrations(folder: Path) -> str:
    """Errors at customary calibrations and defaults, the worst first."""
    return _calibrations(folder, "customary", 1000)


def edges(folder: Path) -> str:
    """Errors with one parameter at an end of its range, the five worst of each world."""
    return _calibrations(folder, "edges", 5)


def _calibrations(folder: Path, part: str, most: int) -> str:
    found = json.loads((folder / "shipped.json").read_text(encoding="utf-8"))
    lines = [
        "| world | calibration | NRMSE | of peak: median | worst | where | wrong signs | caveats |",
        "| --- | --- | ---: | ---: | ---: | --- | ---: | --- |",
    ]
    shown: dict[str, int] = {}
    for row in found[part]:
        shown[row["world"]] = shown.get(row["world"], 0) + 1
        if row["nrmse"] is None or shown[row["world"]] > most:
            continue
        cells = [
            row["world"], row["name"], f"{row['nrmse']:.4f}", f"{row['relative_median']:.1%}",
            f"{row['relative_worst']:.1%}", f"{row['observable']} to {row['shock']}",
            f"{row['wrong_signs']:.0f} of {row['responses']:.0f}",
            row["caveats"].replace("_", " "),
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    made = f"Weights {found['weights_sha256'][:12]}, commit {found['commit']}."
    return "\n".join([*lines, "", made])


def bench(folder: Path) -> str:
    """Errors over the VAR's, a row an estimator; the network's over each other's; what bands hold;
    what is true of the processes."""
    found = json.loads((folder / "bench.json").read_text(encoding="utf-8"))
    questions = list(found["by_horizon"])
    rows: dict[str, list[str]] = {}
    for row in found["summary"]:
        rows.setdefault(row["estimator"], []).extend([_interval(row), f"{row['median']:.2f}"])
    head = [part for question in questions for part in (f"{question}: mean (95 %)", "median")]
    tables = [[["estimator", *head], *([f"`{name}`", *cells] for name, cells in rows.items())]]
    rows = {}
    for row in found["against"]:
        rows.setdefault(row["rival"], []).extend([_interval(row), f"{row['ahead']:.0%}"])
    head = [part for question in questions for part in (f"{question}: mean (95 %)", "ahead in")]
    tables += [[["network over", *head], *([f"`{name}`", *cells] for name, cells in rows.items())]]
    rows = {}
    for row in found["bands"]:
        cells = [f"{row['held']:.1%}", f"{row['worst_tenth']:.1%}", f"{row['width_over_lp']:.2f}"]
        rows.setdefault(row["estimator"], []).extend(cells)
    head = [
        part for question in questions for part in (f"{question}: held", "worst tenth", "width")
    ]
    tables += [[["90 % bands", *head], *([f"`{name}`", *cells] for name, cells in rows.items())]]
    facts = [["true of the processes", "10 %", "50 %", "90 %"]]
    names = {
        "long_run": "long-run over short-run variance of changes",
        "late_lags": "share of VAR coefficients at lags 5 and beyond",
        "invertible": "R^2 of the shock on the series",
    }
    for name, words in names.items():
        deciles = found["population"][name]
        facts.append([words, *(f"{deciles[level]:.2f}" for level in ("0.1", "0.5", "0.9"))])
    about = (
        f"{found['processes']} {found['half']} processes of {found['samples']} samples, commit "
        f"{found['commit']}, data {found['data_sha256'][:12]}, weights "
        f"{found['weights_sha256'][:12]}."
    )
    parts = []
    for head, *body in [*tables, facts]:
        lines = [head, ["---"] + ["---:"] * (len(head) - 1), *body]
        parts.append("\n".join("| " + " | ".join(line) + " |" for line in lines))
    return "\n\n".join([*parts, about])


def network(folder: Path) -> str:
    """The network of foreign data on draws of the grammar."""
    found = json.loads((folder / "network.json").read_text(encoding="utf-8"))
    head = [
        "question", "draws", "in 68 % bands", "in 90 % bands", "worst tenth", "least typical tenth",
        "error over the VAR's: mean, median", "stacked", "Bayesian VAR",
    ]  # fmt: skip
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)]
    for kind, row in found["checked"].items():
        cells = [
            kind, str(row["draws"]), *(f"{row['held'][share]:.1%}" for share in ("0.68", "0.9")),
            f"{row['held_in_the_worst_tenth']:.1%}",
            f"{row['held_where_data_are_least_typical']:.1%}",
        ]  # fmt: skip
        for name in ("network", "stacked", "bvar"):
            errors = [
                row.get(f"{each}_error_over_var", {}).get(name) for each in ("mean", "median")
            ]
            known = [f"{error:.2f}" for error in errors if error is not None]
            cells.append(", ".join(known))
        lines.append(cells)
    rates = found["data_sets_a_second"]
    gaps = ", ".join(
        f"{row['held']:.1%} ({kind}; {row['held_without']:.1%} in the same data without)"
        for kind, row in found["with_gaps"].items()
    )
    about = (
        f"With a twentieth of all numbers missing, bands of 90 % hold {gaps}. "
        f"{found['parameters']:,} parameters, weights {found['weights_sha256'][:12]}. "
        f"{rates['50']:.0f} data sets a second of processor time, regressions included, "
        f"{rates['1']:.0f} if asked one by one."
    )
    return "\n".join([*("| " + " | ".join(line) + " |" for line in lines), "", about])


def _interval(row: dict[str, Any]) -> str:
    return f"{row['mean']:.2f} ({row['low']:.2f} to {row['high']:.2f})"


TABLES = {
    "leaderboard": leaderboard, "summary": summary, "floors": floors, "ablations": ablations,
    "calibrations": calibrations, "edges": edges, "bench": bench,
    "network": network,
}  # fmt: skip


def filled(page: str) -> str:
    """The page with the tables its markers ask for."""
    return MARKED.sub(
        lambda m: f"{m[1]}\n{TABLES[m[2]](ROOT / m[3], *m[4].split())}\n\n{m[5]}", page
    )


if __name__ == "__main__":
    if len(sys.argv) != 1:
        sys.exit("usage: python -m studies.pages.fill_tables")
    for path in PAGES:
        write_atomically(path, filled(path.read_text(encoding="utf-8")).encode())
