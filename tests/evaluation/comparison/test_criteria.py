"""The criteria: each can hold, fall short, and stay unmeasured."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from emulator.evaluation.comparison.criteria import judge
from emulator.evaluation.comparison.gaps import fill_gaps
from emulator.evaluation.comparison.verdicts import Finding, Verdict, decides, unmet
from emulator.evaluation.stored.runs import EvaluatedRun
from emulator.models.configs import kind_of
from emulator.regimes import Regime, Task
from tests.evaluation.toys import JUDGED, evaluated, tuned

pytestmark = pytest.mark.slow


def named(run: EvaluatedRun, others: list[EvaluatedRun], start: str) -> Finding:
    found = [c for c in judge(run, others) if c.name.startswith(start)]
    assert len(found) == 1
    return found[0]


def whole(folder: Path, error: float, more: tuple[str, ...] = (), **options: Any) -> EvaluatedRun:
    """A run in every regime that is judged, and more."""
    return evaluated(folder, error, regimes=(*JUDGED, *more), **options)


def rivals(tmp_path: Path, error: float) -> list[EvaluatedRun]:
    """A linear run, a pooled MLP, a VAR and a Bayesian VAR."""
    return [
        whole(tmp_path / name, error, model=name, seed=9)
        for name in ("baseline_linear", "baseline_mlp", "baseline_var", "baseline_bvar")
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
    run = whole(tmp_path / "u", 0.1)
    worse = rivals(tmp_path, 0.5)
    criterion = named(run, worse, "beats")
    assert (criterion.must, criterion.goal) == (Verdict.holds, Verdict.holds)
    better = whole(tmp_path / "better", 0.05, model="baseline_mlp", seed=9)
    criterion = named(run, [*worse, better], "beats")
    assert (criterion.must, criterion.goal) == (Verdict.falls_short, Verdict.falls_short)
    assert any("pooled MLP" in line for line in criterion.details)
    stored = [c.to_json() for c in judge(run, [*worse, better])]
    assert f"{criterion.name}: falls short" in unmet(stored)


def test_a_rival_just_beaten_misses_the_goal_alone(tmp_path: Path) -> None:
    """Errors of the same size from other draws: lower by luck, the interval holds zero."""
    run = whole(tmp_path / "u", 0.3, seed=0)
    others = [
        whole(tmp_path / kind, 0.3002, model=f"baseline_{kind}")
        for kind in ("linear", "var", "bvar")
    ]
    for seed in range(1, 7):
        pooled = whole(tmp_path / f"m{seed}", 0.3, model="baseline_mlp", seed=seed)
        criterion = named(run, [*others, pooled], "beats")
        if criterion.must is Verdict.holds and criterion.goal is Verdict.falls_short:
            assert any("not clear of zero" in line for line in criterion.details)
            return
    pytest.fail("none of six rivals of the same quality was beaten without certainty")


def test_without_all_rivals_nothing_holds(tmp_path: Path) -> None:
    criterion = named(whole(tmp_path / "u", 0.1), [], "beats")
    assert criterion.must is Verdict.not_measured
    assert any("no such run" in line for line in criterion.details)


def test_comparisons_are_counted_once_and_with_rivals_that_see_as_much(tmp_path: Path) -> None:
    """In two worlds: linear and MLP in A, they and VARs in B1. C asks of responses from rest what A
    asks; in D nobody sees the innovations. The training mean is in tables alone."""
    run = whole(tmp_path / "u", 3.0, more=("D",))  # worse than the training mean
    criterion = named(run, rivals(tmp_path, 5.0), "beats")
    assert criterion.must is Verdict.holds
    assert "12 of 12 comparisons won, 12 clear of zero" in criterion.figures
    alone = whole(tmp_path / "c", 3.0)
    for world in alone.worlds:
        del alone.metrics["worlds"][world]["A"]
    alone.metrics["regimes"].remove("A")
    criterion = named(alone, [whole(tmp_path / "l", 5.0, model="baseline_linear", seed=9)], "beats")
    assert "4 of 4 comparisons won" in criterion.figures  # in B1, and in C without A


def test_from_a_state_known_parameters_are_not_all_there_is_to_see() -> None:
    """Innovations in A, a history in C: neither a linear model nor an MLP reads them, nor does a
    VAR know theta."""
    mlp, gru, var = kind_of("baseline_mlp"), kind_of("baseline_gru"), kind_of("baseline_var")
    rest, state = Task.steady_state, Task.state_dependent
    assert mlp.sees_all(Regime.A, rest)
    assert mlp.sees_all(Regime.C, rest)
    assert mlp.sees_all(Regime.B1, state)
    assert not any(mlp.sees_all(regime, state) for regime in (Regime.A, Regime.C, Regime.D))
    assert gru.sees_all(Regime.C, state)
    assert var.sees_all(Regime.B1, state)
    assert not var.sees_all(Regime.C, rest)


SPECIALISTS = ("baseline_gru", "baseline_mlp", "universal")


def specialists(tmp_path: Path, error: float, **options: Any) -> list[EvaluatedRun]:
    """Every kind in both worlds, tuned, of two seeds."""
    return tuned([
        whole(tmp_path / "own" / f"{model}_{world}", error, model=model, worlds=(world,), **options)
        for model in SPECIALISTS
        for world in ("one", "two")
    ])  # fmt: skip


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
    run = whole(tmp_path / "u", error)
    fill_gaps(run, specialists(tmp_path, 0.1))
    criterion = named(run, [], "mean gap")
    assert (criterion.must, criterion.goal) == (must, goal)


@pytest.mark.parametrize(
    ("error", "verdict"), [(0.1, Verdict.not_measured), (0.2, Verdict.falls_short)]
)
def test_a_gap_to_specialists_of_other_budgets_cannot_hold_but_can_fall_short(
    tmp_path: Path, error: float, verdict: Verdict
) -> None:
    run = whole(tmp_path / "u", error)
    fill_gaps(run, specialists(tmp_path, 0.1, seen=300))
    criterion = named(run, [], "mean gap")
    assert criterion.must is verdict
    line = "not measured: one A, copy: no run of as many samples"
    assert line in criterion.details


def test_the_gap_to_specialists_trained_longer_is_told_beside(tmp_path: Path) -> None:
    run = whole(tmp_path / "u", 0.1)
    longer = whole(tmp_path / "longer", 0.05, worlds=("one",), seen=9000)
    fill_gaps(run, [*specialists(tmp_path, 0.1), longer])
    criterion = named(run, [], "mean gap")
    assert criterion.must is Verdict.holds
    assert "trained longer at most +100.0%" in criterion.figures


def test_a_world_a_kind_or_a_seed_that_is_missing_keeps_the_gap_from_holding(
    tmp_path: Path,
) -> None:
    run = whole(tmp_path / "u", 0.1)
    there = specialists(tmp_path, 0.1)
    for left_out, line in (
        (lambda s: s.worlds == ("two",), "no specialist: two A, two B1"),
        (lambda s: s.model == "baseline_gru", "not measured: one B1, GRU: no run of as many "
         "samples"),
        (lambda s: s.metrics["seed"] == 2, "not measured: two A, MLP: 1 of 2 seeds"),
        (lambda s: s.metrics["lr"] == 4e-3, "not measured: two A, copy: 2 of 3 learning rates"),
    ):  # fmt: skip
        fill_gaps(run, [s for s in there if not left_out(s)])
        criterion = named(run, [], "mean gap")
        assert criterion.must is Verdict.not_measured
        assert line in criterion.details
    fill_gaps(run, there)
    assert named(run, [], "mean gap").must is Verdict.holds


def measured(folder: Path, others: Path, **options: Any) -> tuple[EvaluatedRun, list[EvaluatedRun]]:
    """A run that everything a single evaluation can show holds for, and those beside it."""
    run = whole(folder, 0.001, hf_ratio=1.0, coverage_90=0.9, **options)
    beside = [*rivals(others, 0.5), *specialists(others / "s", 0.001)]
    beside += [evaluated(others / "single" / r, 0.001, regimes=(r,)) for r in JUDGED]
    fill_gaps(run, beside)
    floored(run, 1.0)
    return run, beside


MEASURABLE = (
    "beats", "mean gap", "NRMSE over", "NRMSE on slice", "HF-ratio", "RMSE / floor", "coverage",
    "one checkpoint",
)  # fmt: skip


def verdicts(run: EvaluatedRun, beside: list[EvaluatedRun]) -> dict[str, set[Verdict]]:
    """What each criterion that can be measured here says, but for levels it does not have."""
    criteria = judge(run, beside)
    found = {s: next(c for c in criteria if c.name.startswith(s)) for s in MEASURABLE}
    return {start: {c.must, c.goal} - {Verdict.none} for start, c in found.items()}


def test_everything_measured_and_good_holds(tmp_path: Path) -> None:
    run, beside = measured(tmp_path / "u", tmp_path / "others")
    assert verdicts(run, beside) == {key: {Verdict.holds} for key in MEASURABLE}
    assert unmet([c.to_json() for c in judge(run, beside)]) == []


@pytest.mark.parametrize("missing", ["world", "regimes"])
def test_whatever_is_missing_keeps_every_criterion_from_holding(
    tmp_path: Path, missing: str
) -> None:
    """The worlds are those of the data set, not those the run answers."""
    run, beside = measured(tmp_path / "u", tmp_path / "others")
    if missing == "world":
        run.metrics["data_worlds"]["three"] = ["steady_state"]
    else:
        for regime in ("B1", "C"):  # every criterion asks for one of them
            run.metrics["regimes"].remove(regime)
            for tree in (run.metrics["worlds"], run.metrics["training_mean"]):
                for regimes in tree.values():
                    del regimes[regime]
    assert verdicts(run, beside) == {key: {Verdict.not_measured} for key in MEASURABLE}
    assert not decides(run)


def test_a_missing_split_keeps_the_edges_from_holding(tmp_path: Path) -> None:
    run, beside = measured(tmp_path / "u", tmp_path / "others")
    del run.metrics["worlds"]["one"]["B1"]["corner"]
    criterion = named(run, beside, "NRMSE on slice")
    assert {criterion.must, criterion.goal} == {Verdict.not_measured}
    assert any("one B1 corner" in line for line in criterion.details)


def test_regimes_that_are_not_judged_are_shown_and_decide_nothing(tmp_path: Path) -> None:
    """In D nothing is good, and neither rivals nor specialists answer."""
    run, beside = measured(tmp_path / "u", tmp_path / "others", more=("D",))
    for world in run.worlds:
        splits = run.metrics["worlds"][world]["D"]
        splits["prior"] |= {"hf_ratio": 9.0, "hf_ratio_specialist": 9.0}
        splits["corner"]["nrmse"] = 9.0
    run.metrics["gaps"]["D"] = {"steady_state": {
        "mean": 9.0, "ci95": [8.0, 10.0], "max": 9.0, "max_world": "one", "worlds": 2,
        "unmeasured": [],
    }}  # fmt: skip
    assert verdicts(run, beside) == {start: {Verdict.holds} for start in MEASURABLE}
    for start in ("mean gap", "NRMSE on slice", "HF-ratio"):
        assert any("not judged" in line for line in named(run, beside, start).details), start
    assert decides(run)


def test_only_universal_runs_over_every_world_and_regime_decide(tmp_path: Path) -> None:
    assert decides(whole(tmp_path / "u", 0.1))
    assert not decides(evaluated(tmp_path / "single", 0.1))
    assert not decides(whole(tmp_path / "one", 0.1, worlds=("one",)))
    assert not decides(whole(tmp_path / "mlp", 0.1, model="baseline_mlp"))


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
    run = whole(tmp_path / "u", 0.1)
    _edge(run, ratio)
    criterion = named(run, [], "NRMSE on slice")
    assert (criterion.must, criterion.goal) == (must, goal)
    assert "two A corner" in criterion.figures


@pytest.mark.parametrize(
    ("key", "value", "start", "level", "verdict"),
    [
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
    run = whole(tmp_path / "u", 0.1, **entries)
    assert getattr(named(run, [], start), level) is verdict


def test_jaggedness_is_told_beside_that_of_the_best_answer(tmp_path: Path) -> None:
    """The level is against the truth all the same."""
    run = floored(whole(tmp_path / "u", 0.1, hf_ratio=1.2), 1.05)
    criterion = named(run, [], "HF-ratio")
    assert criterion.must is Verdict.falls_short
    beside = [line for line in criterion.details if "1.05 against the posterior mean" in line]
    assert len(beside) == len(run.worlds)
    assert all("B1 against truth" in line for line in beside)


@pytest.mark.parametrize(
    ("regimes", "nrmse", "verdict"),
    [
        (JUDGED, 0.009, Verdict.holds),
        (JUDGED, 0.011, Verdict.falls_short),
        (("A",), 0.009, Verdict.not_measured),  # C is missing
        (("A",), 0.011, Verdict.falls_short),
        (("B1", "C"), 0.009, Verdict.not_measured),
    ],
)
def test_the_error_is_held_to_one_percent(
    tmp_path: Path, regimes: tuple[str, ...], nrmse: float, verdict: Verdict
) -> None:
    """Errors are proportional to the toy's noise."""
    unit = evaluated(tmp_path / "unit", 1.0)
    largest = max(unit.metrics["worlds"][w]["A"]["prior"]["nrmse"] for w in unit.worlds)
    run = evaluated(tmp_path / "u", nrmse / largest, regimes=regimes)
    assert named(run, [], "NRMSE over the prior, every").goal is verdict


def floored(run: EvaluatedRun, ratio: float, cases: tuple[str, ...] = ("B1",)) -> EvaluatedRun:
    """The run with every world as far from the floor as said, in an interval a tenth each way."""
    for world in run.worlds:
        for regime in cases:
            run.metrics["worlds"][world][regime]["prior"] |= {
                "floor_ratio": ratio, "floor_ratio_ci95": [ratio - 0.1, ratio + 0.1],
                "floor_rmse": 0.2, "floor_histories": 500, "floor_hf_ratio": 1.05,
            }  # fmt: skip
    return run


@pytest.mark.parametrize(("ratio", "verdict"), [(1.05, Verdict.holds), (1.15, Verdict.falls_short)])
def test_the_distance_to_the_floor_is_held_to_its_goal(
    tmp_path: Path, ratio: float, verdict: Verdict
) -> None:
    criterion = named(floored(whole(tmp_path / "u", 0.1), ratio), [], "RMSE / floor")
    assert (criterion.must, criterion.goal) == (Verdict.none, verdict)
    assert f"largest {ratio:.2f}" in criterion.figures
    assert "0 with the whole 95 % interval" in criterion.figures
    line = f"one B1: {ratio:.2f} ({ratio - 0.1:.2f} to {ratio + 0.1:.2f}), the floor 0.2000"
    assert any(line in text for text in criterion.details)


def test_an_absent_floor_is_said_and_keeps_the_goal_from_holding(tmp_path: Path) -> None:
    run = whole(tmp_path / "u", 0.1)
    criterion = named(run, [], "RMSE / floor")
    assert criterion.goal is Verdict.not_measured
    assert "emulator floors WORLD" in criterion.figures
    floored(run, 1.05)
    run.metrics["data_worlds"]["three"] = ["steady_state"]
    criterion = named(run, [], "RMSE / floor")
    assert criterion.goal is Verdict.not_measured
    assert any("not answered: three B1" in line for line in criterion.details)
    del run.metrics["worlds"]["two"]["B1"]["prior"]["floor_ratio"]
    criterion = named(run, [], "RMSE / floor")
    assert "1 lack a floor" in criterion.figures
    assert any("no floor: two B1" in line for line in criterion.details)
    assert named(floored(run, 1.2), [], "RMSE / floor").goal is Verdict.falls_short


def test_a_floor_of_few_histories_keeps_the_goal_from_holding(tmp_path: Path) -> None:
    run = floored(whole(tmp_path / "u", 0.1), 1.05)
    run.metrics["worlds"]["two"]["B1"]["prior"]["floor_histories"] = 499
    criterion = named(run, [], "RMSE / floor")
    assert criterion.goal is Verdict.not_measured
    assert any(
        "fewer than 500 histories" in line and "two B1" in line for line in criterion.details
    )
    assert named(floored(run, 1.2), [], "RMSE / floor").goal is Verdict.falls_short


def test_only_what_a_floor_can_bound_is_asked_for(tmp_path: Path) -> None:
    """zlb has no exact likelihood; in C a response from rest is known."""
    run = floored(whole(tmp_path / "u", 0.1), 1.05)
    run.metrics["data_worlds"]["zlb"] = ["steady_state", "state_dependent"]
    assert named(run, [], "RMSE / floor").goal is Verdict.holds
    run.metrics["data_worlds"]["one"] = ["steady_state", "state_dependent"]
    criterion = named(run, [], "RMSE / floor")
    assert criterion.goal is Verdict.not_measured
    assert "not answered: one* B1, one* C" in criterion.details


def test_where_the_best_answer_errs_no_small_error_is_asked_for(tmp_path: Path) -> None:
    """From a state that A does not show: set beside the exact conditional mean, not judged."""
    run = whole(tmp_path / "u", 0.005)
    for world in run.worlds:
        run.metrics["data_worlds"][world] = ["steady_state", "state_dependent"]
        for regime in ("A", "B1", "C"):
            entry = run.metrics["worlds"][world][regime]["prior"]
            entry["state_dependent"] = {**entry, "nrmse": 0.5}
    assert named(run, [], "NRMSE over the prior, every").goal is Verdict.falls_short
    beside = {"floor_ratio": 3.0, "floor_ratio_ci95": [2.9, 3.1], "floor_rmse": 0.5}
    for world in run.worlds:
        for regime in ("A", "B1", "C"):
            ratio = {} if regime == "A" else {"floor_ratio": 1.05, "floor_ratio_ci95": [1.0, 1.1]}
            entry = run.metrics["worlds"][world][regime]["prior"]
            entry["state_dependent"] |= {**beside, **ratio, "floor_histories": 500}
    floored(run, 1.05)
    assert named(run, [], "NRMSE over the prior, every").goal is Verdict.holds
    criterion = named(run, [], "RMSE / floor")
    assert criterion.goal is Verdict.holds
    assert any(line.startswith("not judged: one* A: 3.00") for line in criterion.details)


def test_one_checkpoint_is_compared_with_those_of_single_regimes(tmp_path: Path) -> None:
    singles = [evaluated(tmp_path / r, 0.1, regimes=(r,)) for r in JUDGED]
    for error, verdict in ((0.104, Verdict.holds), (0.106, Verdict.falls_short)):
        run = whole(tmp_path / f"all{error}", error)
        assert named(run, singles, "one checkpoint").goal is verdict
        alone = Verdict.not_measured if verdict is Verdict.holds else verdict
        assert named(run, singles[:1], "one checkpoint").goal is alone
    assert named(singles[0], [], "one checkpoint").goal is Verdict.not_measured


def test_a_checkpoint_of_c_alone_is_compared_from_rest(tmp_path: Path) -> None:
    """It has learned from rest on its own, whatever that of A has."""
    run = whole(tmp_path / "u", 0.1)
    singles = [evaluated(tmp_path / r, 0.1, regimes=(r,)) for r in ("A", "B1")]
    better = evaluated(tmp_path / "C", 0.05, regimes=("C",))
    assert named(run, [*singles, better], "one checkpoint").goal is Verdict.falls_short


@pytest.mark.parametrize(
    ("start", "key", "split"),
    [
        ("NRMSE over", "nrmse", "prior"),
        ("NRMSE on slice", "nrmse", "test"),
        ("HF-ratio", "hf_ratio", "prior"),
        ("coverage", "coverage_90", "prior"),
    ],
)
def test_an_answer_from_rest_counts_in_c_where_it_is_another_than_in_a(
    tmp_path: Path, start: str, key: str, split: str
) -> None:
    run = whole(tmp_path / "u", 0.1, hf_ratio=1.0, coverage_90=0.9)
    of = re.compile(r"of (\d+) within")
    before = of.search(named(run, [], start).figures)
    entry = run.metrics["worlds"]["one"]["C"][split]
    entry[key] = entry.get(key, 1.0) * 1.01
    entry["nrmse"] *= 1.01
    after = of.search(named(run, [], start).figures)
    assert before is not None
    assert after is not None
    assert int(after[1]) > int(before[1])


def test_the_single_regime_run_is_chosen_by_validation(tmp_path: Path) -> None:
    run = whole(tmp_path / "u", 0.1)
    chosen = [evaluated(tmp_path / r, 0.1, regimes=(r,), val=0.1) for r in JUDGED]
    lucky = [evaluated(tmp_path / f"t{r}", 0.05, regimes=(r,), val=0.9) for r in JUDGED]
    assert named(run, [*lucky, *chosen], "one checkpoint").goal is Verdict.holds
    assert named(run, lucky, "one checkpoint").goal is Verdict.falls_short


def test_runs_told_more_or_trained_on_other_data_are_no_rivals(tmp_path: Path) -> None:
    run = evaluated(tmp_path / "u", 0.3)
    told_more = evaluated(tmp_path / "told", 0.01, model="baseline_linear")
    told_more.metrics["extra_inputs"] = ["flags"]
    elsewhere = evaluated(tmp_path / "else", 0.01, model="baseline_mlp")
    elsewhere.metrics["samples_sha"] = "another"
    criterion = named(run, [told_more, elsewhere], "beats")
    assert criterion.must is Verdict.not_measured
