"""Model files of the tests, and short ones written in place."""

from __future__ import annotations

from pathlib import Path

MODELS = Path(__file__).parent / "models"
REFERENCES = Path(__file__).parents[2] / "references"

GAP = {"output": "100*x", "inflation": "400*pi", "rate": "400*i"}

# A gap, inflation and a rule; every part of it can be replaced.
PARTS = {
    "before": "",
    "declarations": "var x pi i; varexo e; parameters rho phi;",
    "values": "rho = 0.8;\nphi = 1.5;",
    "model": "x = rho*x(-1) + e;\npi = 0.1*x;\ni = phi*pi;",
    "after": "",
    "shocks": "shocks; var e; stderr 0.01; end;",
    "end": "",
}


def text(**parts: str) -> str:
    """A small model, with some of PARTS replaced."""
    p = {**PARTS, **parts}
    model = f"model;\n{p['model']}\nend;"
    order = [p["before"], p["declarations"], p["values"], model, p["after"], p["shocks"], p["end"]]
    return "\n".join(order) + "\n"


def write(folder: Path, content: str | bytes, name: str = "small.mod") -> Path:
    """A file with this content in `folder`."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
