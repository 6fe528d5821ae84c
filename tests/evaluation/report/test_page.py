"""The report: complete, self-contained, safe to open."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from emulator.evaluation import conclude
from emulator.evaluation.metrics.registry import METRICS
from emulator.evaluation.report.draw import draw
from emulator.evaluation.report.page import write_report
from tests.evaluation.toys import evaluated

pytestmark = pytest.mark.slow


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
    entry = run.entry("one", "A", "prior", "steady_state")
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
    entry = run.entry("one", "B1", "prior", "steady_state")
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


def test_an_undefined_ratio_is_shown_as_a_dash(tmp_path: Path) -> None:
    run = evaluated(tmp_path / "a", 0.1, hf_ratio=None)
    conclude(run, [])
    assert "<td>–</td>" in (run.folder / "report.html").read_text()
    shape_of = next(c for c in run.metrics["criteria"] if c["name"].startswith("HF-ratio"))
    assert shape_of["must"] == "not measured"
