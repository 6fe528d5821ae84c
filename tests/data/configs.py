"""Small data sets: three worlds (linear, hidden chain and flags), short samples, wide hold-outs."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from emulator.data import DataConfig
from emulator.worlds.zlb import ZeroLowerBound

WORLDS = ("nk", "var", "switching")

# Thresholds far inside the prior, so that 60 short samples fill every split.
RULES: dict[str, Any] = {
    "nk": {
        "slice": [{"parameter": "phi_pi", "above": 3.0}],
        "corner": {"persistence": 0.5, "volatility": 1.2},
    },
    "var": {
        "slice": [{"statistic": "largest_root", "above": 0.93}],
        "corner": {"persistence": 0.7, "volatility": -0.2},
    },
    "switching": {
        "slice": [
            {"parameter": "p_stay_calm", "above": 0.95},
            {"parameter": "p_stay_turbulent", "above": 0.95},
        ],
        "corner": {"persistence": 0.74, "volatility": 0.7},
    },
}


class Siblings(ZeroLowerBound):
    """A world that is not dear, drawn as one that is: three samples share two parameters."""

    dear = ("kappa", "sigma")
    siblings = 3


def small(**changes: Any) -> DataConfig:
    """A configuration of 120 short samples a world, with some settings changed."""
    settings: dict[str, Any] = {
        "worlds": WORLDS,
        "samples": 120,
        "seed": 7,
        "quarters": 60,
        "run_in": 20,
        "horizon": 8,
        "shard_rows": 40,
        "chunk_rows": 20,
        "rules": RULES,
    }
    return DataConfig.model_validate({**settings, **changes})


def checksums(root: Path) -> dict[str, str]:
    """SHA-256 of every file under a directory, by relative path."""
    return {
        str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(root.rglob("*"))
        if file.is_file()
    }
