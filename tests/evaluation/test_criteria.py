"""The criteria: each can hold, fall short, and stay unmeasured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emulator.evaluation.criteria import Criterion, Verdict, falls_short, judge
from emulator.evaluation.gaps import fill_gaps
from emulator.evaluation.runs import EvaluatedRun
from tests.evaluation.toys import evaluated

pytestmark = pytest.mark.slow

SPECIALISTS = {"baseline_gru": ("one",), "baseline_mlp": ("two",)}


def named(run: EvaluatedRun, others: list[EvaluatedRun], start: str) -> Criterion:
    found = [c for c in judge(run, others) if c.name.startswith(start)]
    assert len(found) == 1
    return found[0]


def rivals(tmp_path: Path, error: float) -> list[EvaluatedRun]:
    """A linear run and a pooled MLP."""
    return [
        evaluated(tmp_path / name, error, model=name, seed=9)
        for name in ("baseline_linear", "baseline_mlp")
    ]


def test_all_nine_criteria_of_the_specification_are_judged(tmp_path: Path) -> None:
    run = evaluated(tmp_path / "u", 0.1)
    criteria = judge(run, [])
    assert len(criteria) == 9
    assert [c.must is not Verdict.none for c in criteria] == [
        True, True, False, True, True, False, False, False, False,
    ]  # fmt: skip
    for criterion in criteria:
        assert {str(v) for v in (criterion.must, criterion.goal)} <= {str(v) for v in Verdict}
        assert criterion.to_json()["must"] == str(criterion.must)


def test_beating_every_rival_holds_and_losing_to_one_falls_short(tmp_path: Path) -> None:
    run = evaluated(tmp_path / "u", 0.1)
    worse = rivals(tmp_path, 0.5)
    criterion = named(run, worse, "beats")
    assert (criterion.must, criterion.goal) == (Verdict.holds, Verdict.holds)
    better = evaluated(tmp_path / "better", 0.05, model="baseline_mlp", seed=9)
    criterion = named(run, [*worse, better], "beats")
    assert (criterion.must, criterion.goal) == (Verdict.falls_short, Verdict.falls_short)
    assert any("pooled MLP" in line for line in criterion.details)
    assert falls_short(judge(run, [*worse, better]))


def test_a_rival_just_beaten_misses_the_goal_alone(tmp_path: Path) -> None:
    """Errors of the same size from other draws: lower by luck, the interval holds zero."""
    run = evaluated(tmp_path / "u", 0.3, seed=0)
    linear = evaluated(tmp_path / "l", 0.3002, model="baseline_linear", seed=0)
    near = [evaluated(tmp_path / f"m{s}", 0.3, model="baseline_mlp", seed=s) for s in range(1, 7)]
    for pooled in near:
        criterion = named(run, [linear, pooled], "beats")
        if criterion.must is Verdict.holds and criterion.goal is Verdict.falls_short:
            assert any("not clear of zero" in line for line in criterion.details)
            return
    pytest.fail("none of six rivals of the same quality was beaten without certainty")


def test_without_all_rivals_nothing_holds(tmp_path: Path) -> None:
    criterion = named(evaluated(tmp_path / "u", 0.1), [], "beats")
    assert criterion.must is Verdict.not_measured
    assert any("no such run" in line for line in criterion.details)
    worse_than_the_mean = evaluated(tmp_path / "bad", 3.0)
    assert named(worse_than_the_mean, [], "beats").must is Verdict.falls_short


@pytest.mark.parametrize(
    ("error", "must", "goal"),
    [
        (0.099, Verdict.holds, Verdict.holds),
        (0.11, Verdict.holds, Verdict.falls_short),
        (0.13, Verdict.falls_short, Verdict.falls_short),
    ],
)
def test_gaps_are_held_to_their_levels(
    tmp_path: Path, error: float, must: Verdict, goal: Verdict
) -> None:
    run = evaluated(tmp_path / "u", error)
    specialists = [
        evaluated(tmp_path / model, 0.1, model=model, worlds=worlds)
        for model, worlds in SPECIALISTS.items()
    ]
    fill_gaps(run, specialists)
    criterion = named(run, [], "mean gap")
    assert (criterion.must, criterion.goal) == (must, goal)


def test_a_world_without_specialist_keeps_the_gap_from_holding(tmp_path: Path) -> None:
    run = evaluated(tmp_path / "u", 0.1)
    fill_gaps(run, [evaluated(tmp_path / "s", 0.1, worlds=("one",))])
    criterion = named(run, [], "mean gap")
    assert criterion.must is Verdict.not_measured
    assert any("no specialist: two A" in line for line in criterion.details)


def _edge(run: EvaluatedRun, ratio: float) -> None:
    base = run.metrics["worlds"]["two"]["A"]["test"]["nrmse"]
    run.metrics["worlds"]["two"]["A"]["corner"]["nrmse"] = ratio * base


@pytest.mark.parametrize(
    ("ratio", "must", "goal"),
    [
        (1.4, Verdict.holds, Verdict.holds),
        (1.9, Verdict.holds, Verdict.falls_short),
        (2.1, Verdict.falls_short, Verdict.falls_short),
    ],
)
def test_edges_are_held_to_their_levels(
    tmp_path: Path, ratio: float, must: Verdict, goal: Verdict
) -> None:
    run = evaluated(tmp_path / "u", 0.1)
    _edge(run, ratio)
    criterion = named(run, [], "NRMSE on slice")
    assert (criterion.must, criterion.goal) == (must, goal)
    assert "two A corner" in criterion.figures


@pytest.mark.parametrize(
    ("key", "value", "start", "level", "verdict"),
    [
        ("nrmse", 0.009, "NRMSE on test", "goal", Verdict.not_measured),  # C is missing
        ("nrmse", 0.011, "NRMSE on test", "goal", Verdict.falls_short),
        ("hf_ratio", 1.2, "HF-ratio", "must", Verdict.falls_short),
        ("hf_ratio", 1.0, "HF-ratio", "must", Verdict.not_measured),  # no specialist
        ("hf_ratio_specialist", 1.05, "HF-ratio", "must", Verdict.holds),
        ("hf_ratio_specialist", 1.05, "HF-ratio", "goal", Verdict.falls_short),
        ("coverage_90", 0.9, "coverage", "goal", Verdict.holds),
        ("coverage_90", 0.95, "coverage", "goal", Verdict.falls_short),
    ],
)
def test_levels_of_single_figures(
    tmp_path: Path, key: str, value: float, start: str, level: str, verdict: Verdict
) -> None:
    # A toy response is white noise, so its HF-ratio is set too.
    entries: dict[str, Any] = {"hf_ratio": 1.0, key: value}
    run = evaluated(tmp_path / "u", 0.1, **entries)
    assert getattr(named(run, [], start), level) is verdict


def test_one_checkpoint_is_compared_with_those_of_single_regimes(tmp_path: Path) -> None:
    single = evaluated(tmp_path / "single", 0.1)
    for error, verdict in ((0.104, Verdict.holds), (0.106, Verdict.falls_short)):
        run = evaluated(tmp_path / f"all{error}", error)
        run.metrics["regimes"] = ["A", "C"]
        assert named(run, [single], "one checkpoint").goal is verdict
    assert named(single, [], "one checkpoint").goal is Verdict.not_measured


def test_runs_told_more_or_trained_on_other_data_are_no_rivals(tmp_path: Path) -> None:
    run = evaluated(tmp_path / "u", 0.3)
    told_more = evaluated(tmp_path / "told", 0.01, model="baseline_linear")
    told_more.metrics["extra_inputs"] = ["flags"]
    elsewhere = evaluated(tmp_path / "else", 0.01, model="baseline_mlp")
    elsewhere.metrics["data_sha"] = "another"
    criterion = named(run, [told_more, elsewhere], "beats")
    assert criterion.must is Verdict.not_measured
