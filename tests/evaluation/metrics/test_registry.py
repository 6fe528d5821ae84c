"""A metric is one file: found, stored, scored and shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.errors import DatasetError
from emulator.evaluation import metrics
from emulator.evaluation.metrics import registry
from emulator.evaluation.metrics.registry import METRICS, STATISTICS
from emulator.evaluation.report.page import write_report
from emulator.evaluation.scoring.summarise import summarise
from emulator.evaluation.stored import record
from tests.conftest import ROOT
from tests.evaluation.toys import evaluated, frame, noise

pytestmark = pytest.mark.fast

PAGE = (ROOT / "docs" / "adding-a-metric.md").read_text(encoding="utf-8")


def test_every_metric_says_what_it_is_and_has_a_place_of_its_own() -> None:
    """The report prints the words; a rationale or unit takes more than a few."""
    for name, metric in METRICS.items():
        assert len(metric.words.split()) >= 6, name
        assert metric.unit, name
        assert not metric.beside or metric.beside in METRICS
    assert len({metric.place for metric in METRICS.values()}) == len(METRICS)


def test_the_table_of_metrics_in_the_documentation_is_that_of_the_code() -> None:
    rows = [f"| `{name}` | {m.unit} | {m.words} |" for name, m in METRICS.items()]
    table = "\n".join(["| metric | unit | what it is |", "| --- | --- | --- |", *rows])
    page = (ROOT / "docs" / "leaderboard.md").read_text(encoding="utf-8")
    assert table in page, f"put this table into docs/leaderboard.md:\n{table}"


def test_a_new_metric_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that the documentation shows, put beside the others."""
    (code,) = [part.split("```")[0] for part in PAGE.split("```python\n")[1:2]]
    (tmp_path / "first_year.py").write_text(code)
    monkeypatch.setattr(metrics, "__path__", [*metrics.__path__, str(tmp_path)])
    statistics, found = registry.find()
    assert list(found)[-1] == "first_year_error"
    assert found.keys() - METRICS.keys() == {"first_year_error"}
    assert statistics.keys() - STATISTICS.keys() == {"first_year"}
    assert list(STATISTICS) == [name for name in statistics if name in STATISTICS]
    monkeypatch.setitem(STATISTICS, "first_year", statistics["first_year"])  # type: ignore[arg-type]
    monkeypatch.setitem(METRICS, "first_year_error", found["first_year_error"])  # type: ignore[arg-type]
    table = frame(noise())
    value = summarise(table)["first_year_error"]
    assert value == pytest.approx((table["first_year"] / table["sigma"]).mean())
    run = evaluated(tmp_path / "run", 0.1)
    text = write_report(run).read_text()
    assert "<th>first year</th>" in text
    assert "<dt>first year error</dt>" in text
    record.read_metrics(run.folder)


def test_a_run_scored_before_there_was_a_metric_is_shown_without_it(tmp_path: Path) -> None:
    run = evaluated(tmp_path / "run", 0.1)
    del run.metrics["worlds"]["one"]["A"]["prior"]["half_life_error"]
    run.save()
    record.read_metrics(run.folder)
    assert "<td>–</td>" in write_report(run).read_text()


def test_a_metric_that_is_no_number_is_refused(tmp_path: Path) -> None:
    run = evaluated(tmp_path / "run", 0.1)
    run.metrics["worlds"]["one"]["A"]["prior"]["half_life_error"] = "3"
    run.save()
    with pytest.raises(DatasetError, match="'half_life_error' is no number"):
        record.read_metrics(run.folder)
