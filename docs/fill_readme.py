"""Put the test table of a leaderboard between the README's markers.

    python docs/fill_readme.py

The README names the folder in its marker, `<!-- leaderboard: FOLDER -->`; `make results` runs this.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_table(folder: str) -> str:
    """The `## test` table of FOLDER/leaderboard.md."""
    text = (ROOT / folder / "leaderboard.md").read_text(encoding="utf-8")
    section = text.split("## test\n", 1)[1].split("\n## ", 1)[0]
    return "\n".join(line for line in section.splitlines() if line.startswith("|"))


def filled(readme: str) -> str:
    """The README with the table its marker asks for."""
    pattern = re.compile(r"(<!-- leaderboard: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
    return pattern.sub(lambda m: f"{m[1]}\n{test_table(m[2])}\n\n{m[3]}", readme)


if __name__ == "__main__":
    if len(sys.argv) != 1:
        sys.exit("usage: python docs/fill_readme.py")
    page = ROOT / "README.md"
    page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
