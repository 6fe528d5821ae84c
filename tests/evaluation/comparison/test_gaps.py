"""Gaps: who is the specialist, what is compared with what."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from emulator.errors import DatasetError
from emulator.evaluation.comparison.gaps import fill_gaps, paired_difference
from emulator.evaluation.stored.runs import EvaluatedRun
from emulator.evaluation.stored.statistics_files import RESPONSES_FILE, checksums
from tests.evaluation.toys import evaluated

pytestmark = pytest.mark.fast


@pytest.fixture
def universal(tmp_path: Path) -> EvaluatedRun:
    return evaluated(tmp_path / "universal", 0.3)


def entry(run: EvaluatedRun, world: str = "one") -> dict:
    found = run.entry(world, "A", "test", "steady_state")
    assert found is not None
    return found


def test_errors_of_twice_the_size_are_a_gap_of_one_hundred_percent(
    universal: EvaluatedRun, tmp_path: Path
) -> None:
    """The same noise at half the size: the ratio is 2 in every sample, hence in every resample."""
    half = evaluated(tmp_path / "half", 0.15, model="baseline_mlp", worlds=("one",))
    assert fill_gaps(universal, [half])
    assert entry(universal)["gap"] == pytest.approx(1.0)
    assert entry(universal)["gap_ci95"] == pytest.approx([1.0, 1.0])
    assert entry(universal)["specialist"] == "half"
    assert entry(universal)["specialist_nrmse"] == pytest.approx(entry(half)["nrmse"])
    assert "gap" not in entry(universal, "two")
    summary = universal.metrics["gaps"]["A"]["steady_state"]
    assert (summary["mean"], summary["max_world"]) == (pytest.approx(1.0), "one")


def test_the_specialist_is_chosen_on_validation_never_on_test(
    universal: EvaluatedRun, tmp_path: Path
) -> None:
    best_on_test = evaluated(
        tmp_path / "a", 0.1, model="baseline_gru", worlds=("one",), val=0.9, seed=1
    )
    best_on_val = evaluated(
        tmp_path / "b", 0.2, model="baseline_mlp", worlds=("one",), val=0.01, seed=2
    )
    fill_gaps(universal, [best_on_test, best_on_val])
    assert entry(universal)["specialist"] == "b"


def test_equal_samples_come_before_longer_training_which_is_reported_beside(
    universal: EvaluatedRun, tmp_path: Path
) -> None:
    equal = evaluated(tmp_path / "equal", 0.25, worlds=("one",), seen=1050)
    longer = evaluated(tmp_path / "longer", 0.1, worlds=("one",), seen=5000)
    fill_gaps(universal, [equal, longer])
    found = entry(universal)
    assert (found["specialist"], found["equal_samples"]) == ("equal", True)
    assert found["specialist_converged"] == "longer"
    assert found["gap_converged"] == pytest.approx(2.0)
    fill_gaps(universal, [longer])
    assert (entry(universal)["specialist"], entry(universal)["equal_samples"]) == ("longer", False)


def test_who_is_no_specialist_of_these_data_is_not_compared(
    universal: EvaluatedRun, tmp_path: Path
) -> None:
    pooled = evaluated(tmp_path / "pooled", 0.1, model="baseline_mlp")
    linear = evaluated(tmp_path / "linear", 0.1, model="baseline_linear", worlds=("one",))
    other = evaluated(tmp_path / "other", 0.1, worlds=("one",))
    other.metrics["samples_sha"] = "another"
    elsewhere = evaluated(tmp_path / "elsewhere", 0.1, worlds=("one",))
    elsewhere.metrics["training_draws_sha"] = "another"
    told_more = evaluated(tmp_path / "told", 0.1, worlds=("one",))
    told_more.metrics["extra_inputs"] = ["flags"]
    assert not fill_gaps(universal, [universal, pooled, linear, other, elsewhere, told_more])
    assert "gap" not in entry(universal)


def test_a_specialist_of_the_same_samples_rounded_another_way_is_compared(
    universal: EvaluatedRun, tmp_path: Path
) -> None:
    abroad = evaluated(tmp_path / "abroad", 0.1, worlds=("one",))
    abroad.metrics["data_sha"] = abroad.metrics["training_data_sha"] = "other bits"
    assert fill_gaps(universal, [abroad])
    assert entry(universal)["specialist"] == "abroad"


def test_a_gap_is_forgotten_when_its_specialist_is_gone(
    universal: EvaluatedRun, tmp_path: Path
) -> None:
    fill_gaps(universal, [evaluated(tmp_path / "one", 0.1, worlds=("one",))])
    assert "gap" in entry(universal)
    fill_gaps(universal, [])
    leftover = [k for k in entry(universal) if "gap" in k or "specialist" in k or "equal" in k]
    assert leftover == []
    assert universal.metrics["gaps"] == {}


def test_runs_scored_on_other_samples_are_refused(universal: EvaluatedRun, tmp_path: Path) -> None:
    other = evaluated(tmp_path / "other", 0.1)
    file = other.folder / RESPONSES_FILE
    table = pd.read_parquet(file)
    table[table["sample"] != 3].to_parquet(file)
    other.metrics["statistics"] = checksums(other.folder)
    with pytest.raises(DatasetError, match="other samples"):
        paired_difference(universal, other, "one", "A", "steady_state")


def test_metrics_that_are_not_those_of_the_statistics_are_refused(
    universal: EvaluatedRun, tmp_path: Path
) -> None:
    specialist = evaluated(tmp_path / "s", 0.1, worlds=("one",))
    entry(specialist)["nrmse"] *= 0.99
    with pytest.raises(DatasetError, match="another NRMSE"):
        fill_gaps(universal, [specialist])
