"""Weights for tests of what holds for any weights."""

from __future__ import annotations

from pathlib import Path

from emulator.models.weights import load_weights, save_weights


def in_every_regime(run: Path, folder: Path) -> Path:
    """A copy of a run's weights that passes for trained in every regime; returns `folder`."""
    loaded = load_weights(run)
    provenance = {**loaded.provenance, "regime": "all"}
    save_weights(folder, loaded.model, loaded.config, provenance, "card")
    return folder
