"""Who is compared, and where it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.evaluation import compare_all, conclude
from emulator.evaluation.comparison.leaderboard import write_leaderboard
from emulator.evaluation.stored.runs import EvaluatedRun, find_runs
from emulator.evaluation.stored.statistics_files import RESPONSES_FILE
from tests.evaluation.toys import evaluated, tuned

pytestmark = pytest.mark.fast


@pytest.fixture
def universal(tmp_path: Path) -> EvaluatedRun:
    return evaluated(tmp_path / "universal", 0.3)


def test_gaps_that_are_not_measured_say_so_wherever_gaps_are_shown(
    universal: EvaluatedRun, tmp_path: Path
) -> None:
    copy = evaluated(tmp_path / "s", 0.1, worlds=("one",))
    conclude(universal, [copy])
    assert universal.metrics["gaps"]["A"]["steady_state"]["unmeasured"] == ["one"]
    write_leaderboard([universal, copy], tmp_path)
    assert "not measured (+" in (tmp_path / "leaderboard.md").read_text()
    assert "not measured (+" in (universal.folder / "report.html").read_text()
    mlp = evaluated(tmp_path / "m", 0.2, model="baseline_mlp", worlds=("one",))
    conclude(universal, tuned([copy, mlp]))
    write_leaderboard([universal], tmp_path)
    assert "not measured (+" not in (tmp_path / "leaderboard.md").read_text()
    assert "not measured (+" not in (universal.folder / "report.html").read_text()


def test_a_comparison_over_fewer_runs_takes_nothing_away(tmp_path: Path) -> None:
    run = evaluated(tmp_path / "part" / "universal", 0.3)
    evaluated(tmp_path / "s", 0.1, worlds=("one",))
    whole = compare_all(find_runs(tmp_path))
    assert (len(whole.universal), len(whole.kept)) == (1, 0)
    before = (run.folder / "metrics.json").read_bytes()
    part = compare_all(find_runs(tmp_path / "part"))
    assert [kept.name for kept in part.kept] == ["universal"]
    assert (run.folder / "metrics.json").read_bytes() == before
    assert any("universal" in note for note in part.notes())


def test_runs_without_statistics_are_named(universal: EvaluatedRun, tmp_path: Path) -> None:
    bare = evaluated(tmp_path / "bare", 0.1, worlds=("one",))
    (bare.folder / RESPONSES_FILE).unlink()
    found = compare_all([universal, bare])
    assert [run.name for run in found.left_out] == ["bare"]
    assert any("statistics missing" in note and "bare" in note for note in found.notes())
