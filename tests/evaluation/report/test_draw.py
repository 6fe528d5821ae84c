"""Figures: those that something supports, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.evaluation import conclude
from tests.evaluation.toys import evaluated

pytestmark = [pytest.mark.slow, pytest.mark.figures]


PNG = b"\x89PNG"


def test_every_figure_that_something_supports_is_drawn_and_no_other(tmp_path: Path) -> None:
    run = evaluated(tmp_path / "u", 0.2, calibration=[0.05, 0.25, 0.5, 0.75, 0.95])
    specialist = evaluated(tmp_path / "s", 0.1, worlds=("one",))
    conclude(run, [specialist])
    always = {"error_by_horizon.png", "shape_diagnostics.png"}
    folder = run.folder / "figures"
    assert {p.name for p in folder.iterdir()} == always | {"calibration.png", "gaps.png"}
    assert all(p.read_bytes()[:4] == PNG for p in folder.iterdir())
    conclude(run, [])  # the specialist is gone
    assert {p.name for p in folder.iterdir()} == always | {"calibration.png"}
