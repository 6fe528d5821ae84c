"""Weights for tests of what holds for any weights."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emulator.config import load_config
from emulator.data import DataConfig, draw_samples
from emulator.data.schema import Design
from emulator.models.universal import UniversalConfig
from emulator.models.weights import load_weights, save_weights
from emulator.regimes import Regime
from emulator.worlds import get_world

CONFIGS = Path(__file__).parents[1] / "configs"
# The worlds of the shipped weights; others that the package has they do not know.
TAUGHT = load_config(CONFIGS / "data" / "full.yaml", DataConfig).worlds


def provenance(worlds: Iterable[str], **changes: Any) -> dict[str, Any]:
    """What weights of these worlds, trained in every regime and of no sample, say of themselves."""
    counts = dict.fromkeys(worlds, 0)
    return {
        "commit": "c0ffee", "config_sha": "c0f1", "data_sha": "da7a", "draws_sha": "d7a5",
        "training_rows": counts, "held_out": {world: [] for world in counts}, "started_from": None,
        "regime": "all", "device": "cpu", "processes": 1,
        "samples_seen": dict.fromkeys((r.value for r in Regime), counts), **changes,
    }  # fmt: skip


def in_every_regime(run: Path, folder: Path) -> Path:
    """A copy of a run's weights that passes for trained in every regime; returns `folder`."""
    loaded = load_weights(run)
    (seen,) = loaded.samples_seen.values()
    every = dict.fromkeys((r.value for r in Regime), seen)
    provenance = {**loaded.provenance, "regime": "all", "samples_seen": every}
    save_weights(folder, loaded.model, provenance, "card")
    return folder


def of_every_world(folder: Path) -> Path:
    """Weights that know the worlds and regimes of the shipped ones, with output scales as trained
    ones have and nothing learned; returns `folder`."""
    worlds = [get_world(name) for name in TAUGHT]
    config = UniversalConfig(
        hidden_dim=32,
        world_embed_dim=8,
        param_embed_dim=8,
        group_width=8,
        trunk_width=16,
        shock_blocks=1,
        poles=4,
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
    save_weights(folder, model, provenance(model.specs), "card")
    return folder
