"""Weights for tests of what holds for any weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from emulator.data import draw_samples
from emulator.data.schema import Design
from emulator.models.universal import UniversalConfig
from emulator.models.weights import load_weights, save_weights
from emulator.worlds import get_world
from emulator.worlds.registry import BUILT_IN


def in_every_regime(run: Path, folder: Path) -> Path:
    """A copy of a run's weights that passes for trained in every regime; returns `folder`."""
    loaded = load_weights(run)
    provenance = {**loaded.provenance, "regime": "all"}
    save_weights(folder, loaded.model, provenance, "card")
    return folder


def of_every_world(folder: Path) -> Path:
    """Weights that know every world and regime, with output scales as trained ones have and nothing
    learned; returns `folder`."""
    worlds = [get_world(name) for name in BUILT_IN]
    config = UniversalConfig(
        hidden_dim=32, world_embed_dim=8, param_embed_dim=8, blocks=1, shock_blocks=1, poles=4
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = config.build([world.spec for world in worlds], horizon=40)
    responses, paths = {}, {}
    for world in worlds:
        arrays = draw_samples(world, 0, range(20), Design()).arrays
        responses[world.name] = arrays["irfs"].std(axis=(0, 2), dtype=np.float64)
        paths[world.name] = arrays["trajectories"].std(axis=(0, 1), dtype=np.float64)
    model.set_scales(responses, paths)
    provenance = {
        "regime": "all", "commit": "c0ffee", "data_sha": "da7a",
        "samples_seen": {"A": dict.fromkeys(model.specs, 0)},
    }  # fmt: skip
    save_weights(folder, model, provenance, "card")
    return folder
