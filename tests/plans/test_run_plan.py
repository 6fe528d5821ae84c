"""What a plan asks for is done, once, whatever interrupts it."""

from __future__ import annotations

import json
import signal

import pytest
import yaml

from emulator.data import Dataset
from emulator.errors import ConfigError, TrainingError
from emulator.evaluation.scoring.evaluate import SPLITS as SCORED
from emulator.evaluation.stored.record import write_metrics
from emulator.plans.engine import run_plan
from emulator.plans.estimate import estimate, evaluation_seconds
from emulator.plans.perform import Status
from tests.plans.plans import TUNED, Folder, stopping_bar, weights


@pytest.mark.slow
def test_a_plan_trains_tunes_evaluates_and_ranks(folder: Folder) -> None:
    path = folder.plan({"name": "linear", "config": "linear"}, TUNED)
    said: list[str] = []
    report = run_plan(path, say=said.append)
    assert not report.stopped
    assert not report.failed
    out = folder.path / "out"
    for run_folder in ("linear/A", "mlp/A/var", "mlp/A/nk"):
        assert (out / run_folder / "metrics.json").exists()
    assert not list((out / "mlp/A/tuning").rglob("metrics.json"))  # nothing but validation is seen
    record = json.loads((out / "mlp/A/var/tuning.json").read_text())
    assert record["chosen"] == 3e-3  # 1e-5 cannot have learned anything in six steps
    for world in ("var", "nk"):
        config = yaml.safe_load((out / f"mlp/A/{world}/config.yaml").read_text())
        assert config["training"]["lr"] == 3e-3
    table = (out / "leaderboard.md").read_text()
    assert all(name in table for name in ("linear/A", "mlp/A/var", "mlp/A/nk"))
    runs = json.loads((out / "plan.json").read_text())["runs"]
    assert {runs[label]["role"] for label in ("linear/A", "mlp/A/nk")} == {"baseline", "specialist"}
    assert len(said) == 2 + len(report.outcomes)
    assert "roughly" in said[1]


@pytest.mark.slow
def test_a_finished_plan_is_left_as_it_is_and_started_again_only_on_request(folder: Folder) -> None:
    path = folder.plan({"name": "linear", "config": "linear"}, {"name": "mlp", "config": "mlp"})
    run_plan(path)
    out = folder.path / "out"
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file() and p.name != "plan.json"}
    with pytest.raises(ConfigError, match="--resume"):
        run_plan(path)
    report = run_plan(path, resume=True)
    assert all(o.training_seconds == o.evaluation_seconds == 0 for o in report.outcomes)
    after = {p: p.read_bytes() for p in out.rglob("*") if p.is_file() and p.name != "plan.json"}
    assert after == before


@pytest.mark.slow
def test_another_budget_is_refused_before_any_work(folder: Folder) -> None:
    mlp = {"name": "mlp", "config": "mlp"}
    run_plan(folder.plan(mlp))
    changed = folder.plan({"name": "linear", "config": "linear"}, {**mlp, "steps": 30})
    with pytest.raises(ConfigError, match=r"training\.steps"):
        run_plan(changed, resume=True)
    assert not (folder.path / "out" / "linear").exists()


@pytest.mark.slow
def test_an_evaluation_of_other_weights_is_made_again(folder: Folder) -> None:
    path = folder.plan({"name": "linear", "config": "linear"})
    run_plan(path)
    metrics = folder.path / "out" / "linear" / "A" / "metrics.json"
    before = metrics.read_bytes()
    metrics.write_text(json.dumps({**json.loads(before), "weights_sha256": "0" * 64}))
    run_plan(path, resume=True)
    assert metrics.read_bytes() == before


@pytest.mark.slow
def test_an_evaluation_by_another_version_is_made_again(folder: Folder) -> None:
    """As is one whose statistics are gone; another run's old evaluation stops nothing."""
    path = folder.plan({"name": "linear", "config": "linear"})
    run_plan(path)
    out = folder.path / "out"
    metrics = out / "linear" / "A" / "metrics.json"
    before = metrics.read_bytes()
    (out / "old").mkdir()
    (out / "old" / "metrics.json").write_text("{}")
    metrics.write_text("{}")
    run_plan(path, resume=True)
    assert metrics.read_bytes() == before
    # One that scored fewer regimes than its model answers, as versions before this did.
    less = {k: v for k, v in json.loads(before).items() if k not in ("format", "checksum")}
    write_metrics(metrics.parent, less | {"regimes": ["A"]})
    run_plan(path, resume=True)
    assert metrics.read_bytes() == before
    (metrics.parent / "statistics.parquet").unlink()
    run_plan(path, resume=True)
    assert (metrics.parent / "statistics.parquet").exists()


@pytest.mark.slow
@pytest.mark.parametrize("label", ["mlp/A/tuning/nk/lr_0.003", "mlp/A/nk"])
def test_stopped_and_resumed_equals_one_go_bit_for_bit(folder: Folder, label: str) -> None:
    run_plan(folder.plan(TUNED))
    path = folder.plan(TUNED, output="parts")
    report = run_plan(path, bar=stopping_bar(label, 2, signal.SIGTERM))
    assert report.stopped
    assert report.outcomes[-1].label == label
    assert report.outcomes[-1].status is Status.stopped
    assert not run_plan(path, resume=True).stopped
    assert weights(folder.path / "parts") == weights(folder.path / "out")


@pytest.mark.slow
def test_ctrl_c_keeps_a_checkpoint_of_the_run_in_progress(folder: Folder) -> None:
    path = folder.plan({"name": "mlp", "config": "mlp"})
    with pytest.raises(KeyboardInterrupt):
        run_plan(path, bar=stopping_bar("mlp/A", 4, signal.SIGINT))
    assert (folder.path / "out" / "mlp" / "A" / "checkpoint.pt").exists()
    assert not run_plan(path, resume=True).stopped


@pytest.mark.slow
def test_a_run_that_diverges_is_told_and_the_others_go_on(folder: Folder) -> None:
    wild = {"name": "wild", "config": "mlp", "training": {"lr": 1e30, "warmup": 0.0}}
    tuned = {"name": "tuned", "config": "mlp", "training": {"warmup": 0.0},
             "tuning": {"lr": [1e30, 3e-3], "steps": 6}}  # fmt: skip
    report = run_plan(folder.plan(wild, tuned))
    assert [outcome.label for outcome in report.failed] == ["wild/A"]
    assert "diverged at step" in report.failed[0].message
    assert json.loads((folder.path / "out/tuned/A/tuning.json").read_text())["chosen"] == 3e-3
    # The candidate that diverged is a result; it is not tried again.
    before = (folder.path / "out/tuned/A/tuning/lr_1e+30/train_log.jsonl").stat().st_mtime_ns
    run_plan(folder.plan(wild, tuned), resume=True)
    after = (folder.path / "out/tuned/A/tuning/lr_1e+30/train_log.jsonl").stat().st_mtime_ns
    assert after == before


@pytest.mark.slow
def test_estimates_count_evaluation_and_take_a_run_that_diverges_at_once(
    folder: Folder, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = {"name": "mlp", "config": "mlp", "regimes": ["A", "C"]}
    jobs = folder.jobs(entry)

    def diverges(*args: object, **options: object) -> bool:
        raise TrainingError("diverged at step 1")

    monkeypatch.setattr("emulator.plans.estimate.train", diverges)
    seconds = estimate(jobs, 1)
    samples = sum(len(dataset.rows(w, s)) for w in ("var", "nk") for s in SCORED)
    for job in jobs:
        assert evaluation_seconds(job.config, dataset) == 10.0 + samples / 1000
        assert seconds[job.label] >= evaluation_seconds(job.config, dataset)
