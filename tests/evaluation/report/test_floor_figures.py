"""Figures of floors."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from emulator.evaluation.floors.distances import ratio
from emulator.evaluation.floors.simulation_based_calibration import calibrate
from emulator.evaluation.report.floor_figures import floor_figure, rank_figure
from tests.evaluation.floors.toys import CASE, theirs, toy


@pytest.mark.slow
@pytest.mark.figures
def test_figures_are_written(tmp_path: Path) -> None:
    floors = toy()
    ratios = [
        ratio(name, dataclasses.replace(floors, settings=settings), CASE, theirs(floors, factor))
        for name, factor in (("universal", 1.1), ("var", 1.6))
        for length in (40, 120)
        for settings in [dataclasses.replace(floors.settings, length=length)]
    ]
    floor_figure(ratios, tmp_path / "floors.png")
    rank_figure(floors, calibrate(floors), tmp_path / "ranks.png")
    for name in ("floors.png", "ranks.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
