"""Compile what numba compiles, once, before tests run in several processes.

    python -m tests.kernels

Compiling takes a minute of processor time; a process that finds nothing in the cache, beside the
modules, does it for itself. Where all is in the cache, this takes a few seconds.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import emulator
from emulator import get_world
from emulator.config import load_config
from emulator.data import DataConfig
from emulator.data.generate import generate
from emulator.data.samples import draw_samples
from emulator.data.schema import Design
from emulator.estimation.likelihoods import log_likelihood
from emulator.inference.emulator import MANY
from emulator.worlds.hank import HeterogeneousAgents
from emulator.worlds.hank_zlb import HeterogeneousAgentsBound

SMOKE = Path(__file__).parents[1] / "configs" / "data" / "smoke.yaml"  # of every world


def main() -> None:
    """Draw a few samples of every world, filter a history of each kind that can be, and have the
    weights answer as many draws as compiled code is for."""
    smoke = load_config(SMOKE, DataConfig).model_dump()
    few = {"samples": 100, "quarters": 90, "horizon": 4, "shard_rows": 100, "chunk_rows": 100}
    with TemporaryDirectory() as folder:
        generate(DataConfig.model_validate({**smoke, **few}), Path(folder) / "data")
    for dear in (HeterogeneousAgents(), HeterogeneousAgentsBound()):
        dear.check(dear.pack())
    for name in ("nk", "switching"):
        world = get_world(name)
        arrays = draw_samples(world, 0, range(2), Design(quarters=90)).arrays
        history = arrays["trajectories"][0, 40:].astype("float64")
        log_likelihood(world.solve(arrays["theta"]), history, 40)
    nk = get_world("nk")
    emulator.load().respond("nk", nk.sample_parameters(MANY, np.random.default_rng(0)))


if __name__ == "__main__":
    main()
