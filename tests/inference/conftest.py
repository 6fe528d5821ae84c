"""A trained run as the object that users hold."""

from __future__ import annotations

from pathlib import Path

import pytest

import emulator


@pytest.fixture(scope="module")
def model(run_path: Path) -> emulator.Emulator:
    return emulator.load(run_path)


@pytest.fixture
def every_regime(model: emulator.Emulator) -> emulator.Emulator:
    """The same weights as if trained in every regime: what is asked here holds for any weights."""
    return emulator.Emulator(model.model, {**model.provenance, "regime": "all"})
