"""`python -m emulator.data.thresholds --worlds nk`: the corner thresholds of a configuration.

They are quantiles of 20,000 prior draws under a seed of their own, at the default length of a
trajectory and without measurement noise, and are written into the configuration as numbers, so
that a sample's split depends on nothing but the sample.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

from emulator.data.samples import draw_samples
from emulator.data.schema import Design
from emulator.data.splits import BLOCK, summarise
from emulator.worlds import World, get_world

DRAWS, SEED = 20_000, 20_000


def thresholds(world: World[Any], tail: float, draws: int = DRAWS) -> dict[str, float]:
    """The upper `tail` quantiles of persistence and of volatility (see `splits`)."""
    persistence, volatility = [], []
    design = Design()
    for first in range(0, draws, BLOCK):
        block = range(first, min(first + BLOCK, draws))
        samples = draw_samples(world, SEED, block, design, responses=False)
        summary = summarise(samples.arrays["trajectories"], design.run_in)
        persistence.append(summary.persistence)
        volatility.append(summary.volatility)
    # Five decimals: far below the sampling error of a quantile of 20,000 draws (about .002).
    return {
        "persistence": round(float(np.quantile(np.concatenate(persistence), 1.0 - tail)), 5),
        "volatility": round(float(np.quantile(np.concatenate(volatility), 1.0 - tail)), 5),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the `rules` block of a configuration for some worlds, without slice rules."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--worlds", nargs="+", required=True, metavar="WORLD")
    parser.add_argument(
        "--tail", type=float, default=0.2, help="share of the prior above each threshold (0.2)"
    )
    options = parser.parse_args(arguments)
    print("rules:")
    for name in options.worlds:
        corner = thresholds(get_world(name), options.tail)
        text = ", ".join(f"{key}: {value}" for key, value in corner.items())
        print(f"  {name}:\n    slice: []\n    corner: {{{text}}}", flush=True)


if __name__ == "__main__":
    main()
