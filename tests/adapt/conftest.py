"""Networks of one's own that are small and learn in a few steps."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from emulator.adapt import Order, adapt, card, from_data, from_parameters, learner, matter, plan
from emulator.adapt.learner import Grid
from emulator.models.weights import load_weights
from tests.shared import once

STEPS = 40
GRID = Grid((4e-3, 2e-3, 8e-3), 8)
_read_once = cache(load_weights)
TINY = Order("nk", steps=STEPS, draws=120, seed=3)


@pytest.fixture
def small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)


def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few draws a step, few units, few draws beside those trained on. Weights to start from are
    read once in a process: the shipped ones are far larger than all that is learned here."""
    monkeypatch.setattr(from_parameters, "load_weights", _read_once)
    for module in (card, from_parameters, learner, plan):
        monkeypatch.setattr(module, "BATCH", 16)
    monkeypatch.setattr(plan, "CHAPTER", 256)
    monkeypatch.setattr(plan, "FEWEST_TRIED", STEPS)
    monkeypatch.setattr(plan, "VALIDATION", 64)
    monkeypatch.setattr(plan, "TEST", 64)
    monkeypatch.setattr(Grid, "widths", (4,))
    monkeypatch.setattr(matter.Matter, "grid", GRID)
    monkeypatch.setattr(from_data.Posteriors, "grid", GRID)


@pytest.fixture(scope="session")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that `adapt` left: of `nk`, as TINY asks."""

    def make(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            small(patch)
            adapt(TINY, folder)

    return once(tmp_path_factory, "adapted", make)
