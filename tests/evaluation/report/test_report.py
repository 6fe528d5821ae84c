"""Figures and the report: complete, self-contained, safe to open."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from emulator.errors import DatasetError
from emulator.evaluation import conclude
from emulator.evaluation.metrics.registry import METRICS
from emulator.evaluation.report.draw import draw
from emulator.evaluation.report.page import write_report
from emulator.evaluation.report.response_panel import irf_panel
from emulator.evaluation.scoring.score import pick
from emulator.evaluation.stored.panels import PANELS_FILE, read_panels, write_panels
from emulator.specs import MACRO_OBSERVABLES
from tests.evaluation.toys import bands, evaluated, scored
from tests.specs import SMALL

pytestmark = pytest.mark.slow

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


def test_the_panel_has_a_row_a_world_with_and_without_bands(tmp_path: Path) -> None:
    case = scored(np.random.default_rng(0).normal(size=(6, 2, 9, 3)))
    wide = scored(
        case.prediction - case.truth, quantiles=bands(case.prediction, (-2.0, -1.0, 0.0, 1.0, 2.0))
    )
    assert SMALL.observables == MACRO_OBSERVABLES
    sizes = []
    for name, panel in (("one", [case]), ("two", [wide, wide])):
        irf_panel([pick(case, SMALL) for case in panel], tmp_path / f"{name}.png")
        data = (tmp_path / f"{name}.png").read_bytes()
        assert data[:4] == PNG
        sizes.append(int.from_bytes(data[20:24], "big"))  # the height in a PNG's header
    assert sizes[1] > sizes[0]


def test_panels_survive_the_disk_and_damage_is_named(tmp_path: Path) -> None:
    assert read_panels(tmp_path) == []
    case = scored(np.random.default_rng(0).normal(size=(6, 2, 9, 3)))
    wide = scored(
        case.prediction - case.truth, quantiles=bands(case.prediction, (-2.0, -1.0, 0.0, 1.0, 2.0))
    )
    panels = [pick(case, SMALL), pick(wide, SMALL)]
    write_panels(tmp_path, panels)
    for panel, again in zip(panels, read_panels(tmp_path), strict=True):
        for key, value in vars(panel).items():
            assert np.array_equal(value, vars(again)[key]), key
    file = tmp_path / PANELS_FILE
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(DatasetError, match=r"panels\.safetensors: damaged.*emulator evaluate"):
        read_panels(tmp_path)


def test_the_report_is_one_file_that_fetches_nothing(tmp_path: Path) -> None:
    run = evaluated(tmp_path / "u", 0.2)
    draw(run, [])
    text = (run.folder / "report.html").read_text()
    references = re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?([^\"')> ]+)", text)
    assert references
    assert all(r.startswith("data:image/png;base64,") for r in references)
    assert "<script" not in text
    assert "@import" not in text
    assert 'name="viewport"' in text


def test_the_report_holds_scores_criteria_definitions_and_provenance(tmp_path: Path) -> None:
    run = evaluated(tmp_path / "u", 0.2)
    conclude(run, [evaluated(tmp_path / "s", 0.1, worlds=("one",))])
    text = (run.folder / "report.html").read_text()
    entry = run.entry("one", "A", "test", "steady_state")
    assert entry
    for shown in (f"{entry['nrmse']:.4f}", f"{entry['gap']:+.1%}", "falls short", "holds"):
        assert shown in text
    for name in METRICS:
        assert f"<dt>{name.replace('_', ' ')}</dt>" in text
    for key in ("commit", "config sha", "data sha", "weights sha256"):
        assert f"<dt>{key}</dt>" in text


def test_the_report_shows_distances_to_the_floor_where_there_are_floors(tmp_path: Path) -> None:
    run = evaluated(tmp_path / "u", 0.2, regimes=("A", "B1"))
    draw(run, [])
    assert "RMSE / floor" not in write_report(run).read_text()
    entry = run.entry("one", "B1", "test", "steady_state")
    assert entry
    entry |= {"floor_ratio": 1.234, "floor_ratio_ci95": [1.111, 1.357], "floor_rmse": 0.2,
              "floor_histories": 50}  # fmt: skip
    run.metrics["floors"] = {"one": "sha"}
    text = write_report(run).read_text()
    assert "<td>1.23</td><td>1.11 to 1.36</td>" in text


def test_names_in_a_report_cannot_become_markup(tmp_path: Path) -> None:
    run = evaluated(tmp_path / "u", 0.2)
    run.metrics["commit"] = "<img onerror=alert(1)>"
    draw(run, [])
    text = write_report(run).read_text()
    assert "<img onerror" not in text
    assert "&lt;img onerror" in text
