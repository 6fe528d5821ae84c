"""`python -m emulator.data.thresholds --worlds nk`: the corner thresholds of a configuration.

They are upper quantiles, each on its own, of persistence and volatility (`worlds.population`) over
20,000 prior draws under a seed of their own, and are written into the configuration as numbers, so
that a sample's split depends on nothing but its parameters and its number.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

from emulator.data.samples import draw_samples
from emulator.data.schema import Design
from emulator.data.splits import BLOCK
from emulator.worlds import World, get_world
from emulator.worlds.population import population_moments

DRAWS, SEED = 20_000, 20_000


def thresholds(world: World[Any], tail: float, draws: int = DRAWS) -> dict[str, float]:
    """The upper `tail` quantiles of persistence and of volatility."""
    persistence, volatility = [], []
    design = Design()
    for first in range(0, draws, BLOCK):
        block = range(first, min(first + BLOCK, draws))
        samples = draw_samples(world, SEED, block, design, responses=False)
        moments = population_moments(world, samples.arrays["theta"], samples.solution)
        persistence.append(moments.persistence)
        volatility.append(moments.volatility)
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
