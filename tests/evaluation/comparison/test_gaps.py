"""Gaps: who is the specialist, what is compared with what."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from emulator.errors import DatasetError
from emulator.evaluation.comparison.gaps import fill_gaps, paired_difference
from emulator.evaluation.comparison.specialists import asked_kinds
from emulator.evaluation.stored.runs import EvaluatedRun
from emulator.evaluation.stored.statistics_files import RESPONSES_FILE, checksums
from tests.evaluation.toys import evaluated, tuned

pytestmark = pytest.mark.fast


@pytest.fixture
def universal(tmp_path: Path) -> EvaluatedRun:
    return evaluated(tmp_path / "universal", 0.3)


def entry(run: EvaluatedRun, world: str = "one") -> dict:
    found = run.entry(world, "A", "prior", "steady_state")
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
    assert found["specialist"] == "equal"
    assert "copy: no run of as many samples" not in found["unmeasured"]
    assert found["specialist_converged"] == "longer"
    assert found["gap_converged"] == pytest.approx(2.0)
    fill_gaps(universal, [longer])
    assert entry(universal)["specialist"] == "longer"
    assert "copy: no run of as many samples" in entry(universal)["unmeasured"]


def test_a_specialist_that_stalled_is_trained_longer_whatever_it_saw(
    universal: EvaluatedRun, tmp_path: Path
) -> None:
    equal = evaluated(tmp_path / "equal", 0.25, worlds=("one",))
    stalled = evaluated(tmp_path / "stalled", 0.1, worlds=("one",), seen=500)
    fill_gaps(universal, [equal, stalled])
    assert "gap_converged" not in entry(universal)
    stalled.metrics["until_stalled"] = True
    fill_gaps(universal, [equal, stalled])
    assert entry(universal)["specialist"] == "equal"
    assert entry(universal)["gap_converged"] == pytest.approx(2.0)


def test_a_gap_is_measured_by_every_kind_three_rates_and_two_seeds(
    universal: EvaluatedRun, tmp_path: Path
) -> None:
    """In A of copies and MLPs: there is no history that a GRU could read."""
    copy = evaluated(tmp_path / "copy", 0.25, worlds=("one",))
    mlp = evaluated(tmp_path / "mlp", 0.3, model="baseline_mlp", worlds=("one",))
    fill_gaps(universal, [copy, mlp])
    assert sorted(entry(universal)["unmeasured"]) == sorted(
        f"{kind}: {there}"
        for kind in ("copy", "MLP")
        for there in ("1 of 3 learning rates", "1 of 2 seeds")
    )
    fill_gaps(universal, tuned([copy]))
    assert entry(universal)["unmeasured"] == ["MLP: no run of as many samples"]
    assert universal.metrics["gaps"]["A"]["steady_state"]["unmeasured"] == ["one"]
    fill_gaps(universal, tuned([copy, mlp]))
    assert entry(universal)["unmeasured"] == []
    assert universal.metrics["gaps"]["A"]["steady_state"]["unmeasured"] == []
    elsewhere = [s for s in tuned([copy, mlp]) if s.metrics["seed"] == 1]
    fill_gaps(universal, elsewhere)
    assert entry(universal)["unmeasured"] == ["copy: 1 of 2 seeds", "MLP: 1 of 2 seeds"]


@pytest.mark.parametrize(
    ("regime", "task", "kinds"),
    [
        ("A", "steady_state", {"copy", "MLP"}),
        ("A", "state_dependent", {"copy"}),
        ("A", "trajectory", {"copy"}),
        ("B1", "steady_state", {"copy", "MLP", "GRU"}),
        ("B1", "state_dependent", {"copy", "MLP", "GRU"}),
        ("C", "state_dependent", {"copy", "GRU"}),
    ],
)
def test_kinds_are_asked_for_where_they_see_all_that_tells(
    regime: str, task: str, kinds: set[str]
) -> None:
    assert {kind.label for kind in asked_kinds(regime, task)} == kinds


def test_the_gap_at_equal_compute_is_to_those_of_as_much_time_a_world(
    universal: EvaluatedRun, tmp_path: Path
) -> None:
    """The run took 100 s for two worlds."""
    short = evaluated(tmp_path / "short", 0.25, worlds=("one",), seconds=5.0)
    fair = evaluated(tmp_path / "fair", 0.1, worlds=("one",), seconds=55.0, seen=5000)
    longer = evaluated(tmp_path / "longer", 0.05, worlds=("one",), seconds=500.0, seen=50_000)
    unknown = evaluated(tmp_path / "unknown", 0.01, worlds=("one",), seconds=None, seen=9000)
    fill_gaps(universal, [short, fair, longer])
    found = entry(universal)
    assert (found["specialist"], found["specialist_compute"]) == ("short", "fair")
    assert found["gap_compute"] == pytest.approx(2.0)
    assert found["specialist_converged"] == "longer"
    summary = universal.metrics["gaps"]["A"]["steady_state"]
    assert summary["compute"]["mean"] == pytest.approx(2.0)
    fill_gaps(universal, [short, unknown])
    assert "gap_compute" not in entry(universal)
    assert "compute" not in universal.metrics["gaps"]["A"]["steady_state"]


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
    fewer = evaluated(tmp_path / "fewer", 0.1, worlds=("one",))
    fewer.metrics["training_rows"] = {"one": 50}
    ruled = evaluated(tmp_path / "ruled", 0.1, worlds=("one",))
    ruled.metrics["held_out"] = {"one": [{"parameter": "a", "above": 1.0}]}
    begun = evaluated(tmp_path / "begun", 0.1, worlds=("one",))
    begun.metrics["started_from"] = "weights of every world"
    strangers = (pooled, linear, other, elsewhere, told_more, fewer, ruled, begun)
    assert not fill_gaps(universal, [universal, *strangers])
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
    leftover = [k for k in entry(universal) if "gap" in k or "specialist" in k or "unme" in k]
    assert leftover == []
    assert universal.metrics["gaps"] == {}


def test_runs_scored_on_other_samples_are_refused(universal: EvaluatedRun, tmp_path: Path) -> None:
    other = evaluated(tmp_path / "other", 0.1)
    file = other.folder / RESPONSES_FILE
    table = pd.read_parquet(file)
    table[table["sample"] != 30].to_parquet(file)
    other.metrics["statistics"] = checksums(other.folder)
    with pytest.raises(DatasetError, match="other samples"):
        paired_difference(universal, other, "one", "A", "steady_state")


def test_siblings_count_as_one_in_intervals_and_in_no_mean(
    universal: EvaluatedRun, tmp_path: Path
) -> None:
    other = evaluated(tmp_path / "other", 0.2, worlds=("one",), seed=3)
    mean, alone = paired_difference(universal, other, "one", "A", "steady_state")
    for run in (universal, other):
        entry(run)["siblings"] = 1000  # all samples are in one group
    again, together = paired_difference(universal, other, "one", "A", "steady_state")
    assert again == mean == pytest.approx(together[0]) == pytest.approx(together[1])
    assert alone[1] > alone[0]
    assert fill_gaps(universal, [other])
    gap = entry(universal)["gap"]
    assert entry(universal)["gap_ci95"] == pytest.approx([gap, gap])
    del entry(other)["siblings"]  # evaluated by an earlier version
    with pytest.raises(DatasetError, match="on both again"):
        fill_gaps(universal, [other])


def test_metrics_that_are_not_those_of_the_statistics_are_refused(
    universal: EvaluatedRun, tmp_path: Path
) -> None:
    specialist = evaluated(tmp_path / "s", 0.1, worlds=("one",))
    entry(specialist)["nrmse"] *= 0.99
    with pytest.raises(DatasetError, match="another NRMSE"):
        fill_gaps(universal, [specialist])
