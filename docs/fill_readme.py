"""Put the test tables of a leaderboard between the README's markers.

    python docs/fill_readme.py

The README names the folder in its marker, `<!-- leaderboard: FOLDER -->`; `make results` runs this.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_tables(folder: str) -> str:
    """The tables on `test` of FOLDER/leaderboard.md, each under its regime where it has one."""
    text = (ROOT / folder / "leaderboard.md").read_text(encoding="utf-8")
    sections = re.findall(
        r"^## test(?:, ([^\n]*))?\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE
    )
    parts = []
    for title, section in sections:
        table = "\n".join(line for line in section.splitlines() if line.startswith("|"))
        parts.append(f"{title[0].upper()}{title[1:]}:\n\n{table}" if title else table)
    return "\n\n".join(parts)


def filled(readme: str) -> str:
    """The README with the tables its marker asks for."""
    pattern = re.compile(r"(<!-- leaderboard: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
    return pattern.sub(lambda m: f"{m[1]}\n{test_tables(m[2])}\n\n{m[3]}", readme)


if __name__ == "__main__":
    if len(sys.argv) != 1:
        sys.exit("usage: python docs/fill_readme.py")
    page = ROOT / "README.md"
    page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
