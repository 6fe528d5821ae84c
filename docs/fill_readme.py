"""Put the test tables of a leaderboard between the README's markers.

    python docs/fill_readme.py

The README names folder and regimes in its marker, `<!-- leaderboard: FOLDER REGIME ... -->`;
`make results` runs this. Columns of trajectories are left to the whole table.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TRAJECTORY = "†"


def test_tables(folder: str, regimes: list[str]) -> str:
    """The tables on `test` of FOLDER/leaderboard.md of these regimes, each under its name."""
    text = (ROOT / folder / "leaderboard.md").read_text(encoding="utf-8")
    sections = re.findall(
        r"^## test, regime (\w+)[^\n]*\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE
    )
    tables = {name: _responses(section) for name, section in sections}
    return "\n\n".join(f"Regime {name}:\n\n{tables[name]}" for name in regimes)


def _responses(section: str) -> str:
    """The table of a section without its columns of trajectories."""
    rows = [line.split("|")[1:-1] for line in section.splitlines() if line.startswith("|")]
    kept = [k for k, name in enumerate(rows[0]) if not name.strip().endswith(TRAJECTORY)]
    return "\n".join("|" + "|".join(row[k] for k in kept) + "|" for row in rows)


def filled(readme: str) -> str:
    """The README with the tables its marker asks for."""
    pattern = re.compile(r"(<!-- leaderboard: (\S+)((?: \w+)+) -->\n).*?(<!-- end -->)", re.DOTALL)
    return pattern.sub(lambda m: f"{m[1]}\n{test_tables(m[2], m[3].split())}\n\n{m[4]}", readme)


if __name__ == "__main__":
    if len(sys.argv) != 1:
        sys.exit("usage: python docs/fill_readme.py")
    page = ROOT / "README.md"
    page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
