"""What a plan asks for is done, once, whatever interrupts it."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from emulator.data import Dataset
from emulator.errors import ConfigError, DatasetError, TrainingError
from emulator.evaluation.scoring.opened import SCORED_SPLITS
from emulator.evaluation.stored.record import write_metrics
from emulator.evaluation.stored.runs import find_runs
from emulator.plans.carry_out import carry_out
from emulator.plans.estimate import estimate, evaluation_seconds
from emulator.plans.perform import Status, is_evaluated
from tests.plans.plans import (
    LINEAR,
    TUNED,
    UNIVERSAL,
    WILD,
    Finished,
    Folder,
    stopping_bar,
    weights,
)


@pytest.mark.slow
def test_a_plan_trains_tunes_evaluates_and_ranks(finished: Finished) -> None:
    report, out = finished.report, finished.folder.out
    assert not report.stopped
    assert not report.failed
    for run_folder in ("universal/A", "linear/A", "mlp/A/var", "mlp/A/nk"):
        assert (out / run_folder / "metrics.json").exists()
    assert not list((out / "mlp/A/tuning").rglob("metrics.json"))  # nothing but validation is seen
    record = json.loads((out / "mlp/A/var/tuning.json").read_text())
    assert record["chosen"] == 3e-3  # 1e-5 cannot have learned anything in six steps
    for world in ("var", "nk"):
        config = yaml.safe_load((out / f"mlp/A/{world}/config.yaml").read_text())
        assert config["training"]["lr"] == 3e-3
    table = (out / "leaderboard.md").read_text()
    assert all(name in table for name in ("universal/A", "linear/A", "mlp/A/var", "mlp/A/nk"))
    data, roughly, *lines = finished.said
    assert "complete already" in data
    assert "roughly" in roughly
    assert [line.split(":")[0] for line in lines[: len(report.outcomes)]] == [
        f"{k}/{len(report.outcomes)} {outcome.label}"
        for k, outcome in enumerate(report.outcomes, start=1)
    ]


@pytest.mark.slow
def test_its_record_says_what_became_of_every_run(finished: Finished) -> None:
    record = json.loads((finished.folder.out / "plan.json").read_text())
    assert set(record["runs"]) == {outcome.label for outcome in finished.report.outcomes}
    runs = record["runs"]
    roles = {label: entry["role"] for label, entry in runs.items() if not entry["candidate"]}
    assert roles == {
        "universal/A": "universal", "linear/A": "baseline",
        "mlp/A/var": "specialist", "mlp/A/nk": "specialist",
    }  # fmt: skip
    assert sum(entry["candidate"] for entry in runs.values()) == 2
    assert runs["mlp/A/nk"]["lr"] == 3e-3
    assert runs["linear/A"]["lr"] is None
    for entry in runs.values():
        assert entry["status"] == "done"
        assert entry["training_seconds"] > 0
        assert (entry["evaluation_seconds"] > 0) is not entry["candidate"]


@pytest.mark.slow
def test_its_universal_runs_end_with_gaps_criteria_and_a_report(finished: Finished) -> None:
    (universal,) = finished.report.universal
    assert {world for world, _, _ in universal.cases("prior")} == {"var", "nk"}
    stored = json.loads((finished.folder.out / "universal/A/metrics.json").read_text())
    assert stored["gaps"]
    assert stored["criteria"] == universal.metrics["criteria"]
    assert (finished.folder.out / "universal/A/report.html").exists()


@pytest.mark.slow
def test_a_finished_plan_is_left_as_it_is_and_started_again_only_on_request(
    finished: Finished, folder: Folder
) -> None:
    path = folder.takes(finished, LINEAR, TUNED)
    before = {p: p.read_bytes() for p in folder.out.rglob("*") if p.is_file()}
    with pytest.raises(ConfigError, match="--resume"):
        carry_out(path)
    report = carry_out(path, resume=True)
    assert len(report.outcomes) == 5
    assert all(o.training_seconds == o.evaluation_seconds == 0 for o in report.outcomes)
    assert {p: p.read_bytes() for p in before} == before


@pytest.mark.slow
def test_seconds_add_up_in_the_record_and_a_damaged_one_is_told(
    finished: Finished, folder: Folder
) -> None:
    path = folder.takes(finished, LINEAR)
    record = folder.out / "plan.json"
    shutil.copy(finished.folder.out / "plan.json", record)
    before = json.loads(record.read_text())["runs"]
    carry_out(path, resume=True)
    assert json.loads(record.read_text())["runs"] == before  # nothing was done, nothing is lost
    record.write_text("{")
    with pytest.raises(DatasetError, match=r"plan\.json: damaged; delete it"):
        carry_out(path, resume=True)


@pytest.mark.slow
def test_another_budget_is_refused_before_any_work(finished: Finished, folder: Folder) -> None:
    folder.takes(finished, TUNED)
    # Without tuning, as a rate that is yet to be chosen is no difference.
    changed = {key: TUNED[key] for key in TUNED if key != "tuning"} | {"training": {"lr": 3e-3}}
    path = folder.plan(LINEAR, {**changed, "steps": 30})
    with pytest.raises(ConfigError, match=r"training\.steps"):
        carry_out(path, resume=True)
    assert not (folder.out / "linear").exists()


def _of_other_weights(run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    _write(run, metrics | {"weights_sha256": "0" * 64})


def _of_fewer_regimes(run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    _write(run, metrics | {"regimes": ["A"]})


def _write(run: Path, metrics: dict) -> None:
    write_metrics(run, {k: v for k, v in metrics.items() if k not in ("format", "checksum")})


def _of_another_version(run: Path) -> None:
    (run / "metrics.json").write_text("{}")


def _without_statistics(run: Path) -> None:
    (run / "statistics.parquet").unlink()


@pytest.mark.slow
@pytest.mark.parametrize(
    "perturb", [_of_other_weights, _of_fewer_regimes, _of_another_version, _without_statistics]
)
def test_an_evaluation_that_is_not_of_this_run_as_it_is_now_does_not_count(
    finished: Finished, folder: Folder, perturb: Callable[[Path], None]
) -> None:
    folder.takes(finished, LINEAR)
    run = folder.out / "linear" / "A"
    assert is_evaluated(run, str(folder.dataset_path))
    perturb(run)
    assert not is_evaluated(run, str(folder.dataset_path))


@pytest.mark.slow
def test_an_evaluation_that_does_not_count_is_made_again(
    finished: Finished, folder: Folder
) -> None:
    """And another run's old evaluation in the folder stops nothing."""
    path = folder.takes(finished, LINEAR)
    run = folder.out / "linear" / "A"
    before = (run / "metrics.json").read_bytes()
    (folder.out / "old").mkdir()
    (folder.out / "old" / "metrics.json").write_text("{}")
    _of_other_weights(run)
    _without_statistics(run)
    (outcome,) = carry_out(path, resume=True).outcomes
    assert outcome.training_seconds == 0 < outcome.evaluation_seconds
    assert (run / "metrics.json").read_bytes() == before
    assert (run / "statistics.parquet").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("label", "number"),
    [("mlp/A/tuning/nk/lr_0.003", signal.SIGTERM), ("mlp/A/nk", signal.SIGINT)],
)
def test_stopped_and_resumed_equals_one_go_bit_for_bit(
    finished: Finished, folder: Folder, label: str, number: int
) -> None:
    path = folder.takes(finished, TUNED)
    shutil.rmtree(folder.out / label)
    bar = stopping_bar(label, 2, number)
    if number == signal.SIGINT:
        with pytest.raises(KeyboardInterrupt):
            carry_out(path, resume=True, bar=bar)
    else:
        report = carry_out(path, resume=True, bar=bar)
        assert report.stopped
        assert report.outcomes[-1].label == label
        assert report.outcomes[-1].status is Status.stopped
    assert (folder.out / label / "checkpoint.pt").exists()
    assert label not in weights(folder.out)
    assert not carry_out(path, resume=True).stopped
    assert weights(folder.out / "mlp") == weights(finished.folder.out / "mlp")


@pytest.mark.slow
def test_a_run_that_diverges_is_told_and_the_others_go_on(folder: Folder) -> None:
    tuned = {"name": "tuned", "config": "mlp", "training": {"weight_decay": 100.0, "warmup": 0.0},
             "worlds": ["nk"], "tuning": {"lr": [100.0, 3e-3], "steps": 6}}  # fmt: skip
    report = carry_out(folder.plan(WILD, tuned))
    assert [outcome.label for outcome in report.failed] == ["wild/A"]
    assert "diverged at step" in report.failed[0].message
    assert json.loads((folder.out / "tuned/A/tuning.json").read_text())["chosen"] == 3e-3
    # The candidate that diverged is a result; it is not tried again.
    before = (folder.out / "tuned/A/tuning/lr_100.0/train_log.jsonl").stat().st_mtime_ns
    carry_out(folder.plan(WILD, tuned), resume=True)
    after = (folder.out / "tuned/A/tuning/lr_100.0/train_log.jsonl").stat().st_mtime_ns
    assert after == before


@pytest.mark.slow
def test_rates_in_full_are_evaluated_but_for_one_that_diverged(folder: Folder) -> None:
    entry = {"name": "mlp", "config": "mlp", "role": "specialist", "worlds": ["nk"], "steps": 6,
             "per_world": True, "training": {"weight_decay": 100.0, "warmup": 0.0},
             "rates": [100.0, 3e-3], "seeds": [1, 2]}  # fmt: skip
    report = carry_out(folder.plan(entry))
    assert not report.failed
    runs = {run.name: run.metrics for run in find_runs(folder.out)}
    assert {(name, m["lr"], m["seed"]) for name, m in runs.items()} == {
        ("mlp/A/nk/rate_0.003", 3e-3, 1), ("mlp/A/nk/seed_2", 3e-3, 2),
    }  # fmt: skip
    assert all(metrics["processor_seconds"] > 0 for metrics in runs.values())
    before = weights(folder.out)
    assert len(carry_out(folder.plan(entry), resume=True).outcomes) == 3
    assert weights(folder.out) == before


@pytest.mark.slow
def test_estimates_count_evaluation_and_take_a_run_that_diverges_at_once(
    folder: Folder, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = folder.jobs({**UNIVERSAL, "config": "mlp", "regimes": ["A", "C"]})

    def diverges(*args: object, **options: object) -> bool:
        raise TrainingError("diverged at step 1")

    monkeypatch.setattr("emulator.plans.estimate.train", diverges)
    seconds = estimate(jobs, 1)
    samples = sum(len(dataset.scored(w, s)) for w in ("var", "nk") for s in SCORED_SPLITS)
    for job in jobs:
        assert evaluation_seconds(job.config, dataset) == 10.0 + samples / 1000
        assert seconds[job.label] >= evaluation_seconds(job.config, dataset)
