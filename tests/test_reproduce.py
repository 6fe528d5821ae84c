"""Plans of runs: what they ask for is what is done, once, whatever interrupts it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from emulator.cli import reproduce  # noqa: F401  (registers its commands)
from emulator.cli.app import run
from emulator.config import load_config
from emulator.data import DataConfig, Dataset
from emulator.errors import ConfigError, TrainingError, UnknownNameError
from emulator.evaluation.evaluate import SPLITS as SCORED
from emulator.models.weights import load_weights
from emulator.reproduce.engine import preview, run_plan
from emulator.reproduce.estimate import estimate, evaluation_seconds
from emulator.reproduce.jobs import Job, expand
from emulator.reproduce.perform import Status
from emulator.reproduce.plan import Plan
from emulator.reproduce.tuning import choose_rate
from tests.conftest import ROOT, run_config

ROWS = {"var": 170, "nk": 180}  # training rows a world
MLP = {"type": "baseline_mlp", "hidden_dim": 16, "layers": 1}


class Folder:
    """A folder with run files and plans on the small data set."""

    def __init__(self, path: Path, dataset_path: Path) -> None:
        self.path, self.dataset_path = path, dataset_path
        config = Dataset.open(dataset_path).manifest.config
        self.data = self._write("data.yaml", config.model_dump(mode="json"))
        for name, model in (("mlp", MLP), ("linear", {"type": "baseline_linear"})):
            self._write(
                f"{name}.yaml", run_config(dataset_path, model=model).model_dump(mode="json")
            )
        universal = run_config(dataset_path, training={"epochs": 2})
        self._write("universal.yaml", universal.model_dump(mode="json"))

    def _write(self, name: str, content: dict[str, Any]) -> str:
        (self.path / name).write_text(yaml.safe_dump(content))
        return str(self.path / name)

    def plan(self, *runs: dict[str, Any], output: str = "out", **keys: Any) -> Path:
        """A plan file; each run's `config` is the name of a run file."""
        entries = [
            {"role": "baseline", **entry, "config": str(self.path / f"{entry['config']}.yaml")}
            for entry in runs
        ]
        plan = {
            "data": {"config": self.data, "path": str(self.dataset_path)},
            "output": str(self.path / output),
            "runs": entries,
        }
        return Path(self._write(f"{output}.plan.yaml", plan | keys))

    def jobs(self, *runs: dict[str, Any]) -> list[Job]:
        path = self.plan(*runs)
        return expand(load_config(path, Plan), str(path), ROWS)


@pytest.fixture
def folder(tmp_path: Path, dataset_path: Path) -> Folder:
    return Folder(tmp_path, dataset_path)


def _weights(root: Path) -> dict[str, str]:
    """The hash of the weights of every run below a folder."""
    return {
        path.parent.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("weights.safetensors"))
    }


def _stopping_bar(label: str, after: int, number: int):
    """A progress bar that asks the process to stop after some steps of one run."""

    @contextmanager
    def bar(title: str):
        def progress(done: int, total: int, note: str) -> None:
            if title == label and done == after:
                os.kill(os.getpid(), number)

        yield progress

    return bar


# ---------------------------------------------------------------- what a plan asks for


@pytest.mark.fast
def test_a_run_a_regime_and_a_world_in_folders_by_name(folder: Folder) -> None:
    jobs = folder.jobs(
        {"name": "all", "config": "universal", "regimes": ["A", "all"]},
        {"name": "one", "config": "mlp", "regimes": ["A", "C"], "per_world": True},
        {"name": "nk", "config": "mlp", "per_world": True, "worlds": ["nk"]},
    )
    assert [(job.label, job.config.data.regime, job.config.data.worlds) for job in jobs] == [
        ("all/A", "A", None),
        ("all/all", "all", None),
        ("one/A/var", "A", ("var",)),
        ("one/A/nk", "A", ("nk",)),
        ("one/C/var", "C", ("var",)),
        ("one/C/nk", "C", ("nk",)),
        ("nk/A/nk", "A", ("nk",)),
    ]
    assert jobs[2].folder == folder.path / "out" / "one" / "A" / "var"
    assert {job.config.data.dataset_path for job in jobs} == {str(folder.dataset_path)}


@pytest.mark.fast
def test_a_budget_in_steps_gives_pooled_and_single_runs_the_same_samples(folder: Folder) -> None:
    """To the nearest epoch, which is 3 steps of 64 rows for both worlds."""
    jobs = folder.jobs(
        {"name": "pooled", "config": "universal", "steps": 100},
        {"name": "single", "config": "mlp", "steps": 100, "per_world": True},
    )
    assert [job.config.training.epochs for job in jobs] == [33, 33, 33]


@pytest.mark.fast
def test_candidates_come_before_the_run_that_waits_for_them(folder: Folder) -> None:
    tuning = {"lr": [1e-3, 4e-3], "steps": 6}
    own = {"name": "own", "config": "mlp", "per_world": True, "tuning": tuning}
    shared = {**own, "name": "shared", "tuning": {**tuning, "worlds": ["nk"]}}
    jobs = folder.jobs(own, shared)
    labels = [job.label for job in jobs]
    assert labels[:3] == ["own/A/var/tuning/lr_0.001", "own/A/var/tuning/lr_0.004", "own/A/var"]
    # Both worlds use the rate tuned on one, which is trained once a rate.
    assert labels[6:] == [
        "shared/A/tuning/nk/lr_0.001", "shared/A/tuning/nk/lr_0.004", "shared/A/var", "shared/A/nk",
    ]  # fmt: skip
    seen: set[Path] = set()
    for job in jobs:
        assert job.waits_for() <= seen
        assert bool(job.candidates) is not job.is_candidate
        if job.is_candidate:
            assert job.label.endswith(f"lr_{job.config.training.lr}")
            assert job.config.training.epochs == 2  # 6 steps, with a schedule of their own
        seen.add(job.folder)


@pytest.mark.fast
def test_training_keys_of_an_entry_replace_those_of_the_file(folder: Folder) -> None:
    (job,) = folder.jobs({"name": "a", "config": "mlp", "training": {"seed": 7, "epochs": 9}})
    assert (job.config.training.seed, job.config.training.epochs) == (7, 9)
    assert job.config.training.lr == 3e-3  # the file's


@pytest.mark.fast
@pytest.mark.parametrize(
    ("entry", "error", "expected"),
    [
        ({"training": {"lrr": 1}}, ConfigError, "run a: unknown key 'training.lrr'.*'lr'"),
        ({"steps": 5, "training": {"epochs": 2}}, ConfigError, "not both"),
        ({"training": {"lr": 1e-3}, "tuning": {"lr": [1, 2], "steps": 1}}, ConfigError, "not both"),
        ({"tuning": {"lr": [1e-3], "steps": 1}}, ConfigError, "at least 2 items"),
        ({"tuning": {"lr": [1e-3, 1e-3], "steps": 1}}, ConfigError, "twice"),
        ({"tuning": {"lr": [1, 2], "steps": 1, "worlds": ["nk"]}}, ConfigError, "per_world"),
        ({"worlds": ["nkk"]}, UnknownNameError, "did you mean 'nk'"),
        ({"config": "linear", "steps": 5}, ConfigError, "fitted at once"),
        ({"config": "linear", "regimes": ["all"]}, ConfigError, "does not answer in regime all"),
        ({"config": "missing"}, ConfigError, "missing.yaml: no such file"),
        ({"name": "../a"}, ConfigError, "name"),
        ({"rolle": "baseline"}, ConfigError, "did you mean 'role'"),
    ],
)
def test_a_wrong_plan_is_refused_with_the_entry_and_the_remedy(
    folder: Folder, entry: dict[str, Any], error: type[Exception], expected: str
) -> None:
    with pytest.raises(error, match=expected):
        folder.jobs({"name": "a", "config": "mlp", **entry})


@pytest.mark.fast
def test_two_runs_of_one_name_are_refused(folder: Folder) -> None:
    with pytest.raises(ConfigError, match="'a' is there twice"):
        folder.jobs({"name": "a", "config": "mlp"}, {"name": "a", "config": "linear"})


@pytest.mark.fast
@pytest.mark.parametrize(
    "path",
    [
        *sorted((ROOT / "configs").glob("reproduce/*.yaml")),
        ROOT / "configs" / "campaign.yaml",
    ],
    ids=str,
)
def test_the_plans_of_the_repository_resolve(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    plan = load_config(path, Plan)
    worlds = load_config(plan.data.config, DataConfig).worlds
    jobs = expand(plan, str(path), dict.fromkeys(worlds, 600))
    assert len({job.folder for job in jobs}) == len(jobs)
    specialists = [job for job in jobs if job.role == "specialist"]
    assert specialists
    assert all(len(job.config.data.worlds or ()) == 1 for job in specialists)


# ---------------------------------------------------------------- tuning


def _candidate(folder: Path, trained: Path, **validation: float) -> Path:
    """A finished run whose log says these errors at the step of its weights."""
    shutil.copytree(trained, folder)
    steps = load_weights(trained).provenance["steps"]
    rows = [
        {"step": 1, "val": 9.0, "val_nk": 9.0, "val_var": 9.0},
        {"step": steps, **{f"val_{world}": value for world, value in validation.items()}},
        {"step": steps + 1, "val": 0.0, "val_nk": 0.0, "val_var": 0.0},
    ]
    (folder / "train_log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def _tuned(
    tmp_path: Path, run_path: Path, dataset_path: Path, scores: dict[float, tuple[float, float]]
) -> Job:
    candidates = {
        lr: (_candidate(tmp_path / f"lr_{lr}", run_path, nk=nk, var=var),)
        for lr, (nk, var) in scores.items()
    }
    config = run_config(dataset_path, model=MLP)
    return Job("run", "specialist", tmp_path / "run", config, "data", candidates)


@pytest.mark.slow
def test_the_rate_with_the_lowest_mean_validation_is_chosen_and_all_are_recorded(
    tmp_path: Path, run_path: Path, dataset_path: Path
) -> None:
    scores = {4e-3: (0.1, 0.4), 1e-3: (0.2, 0.5), 2e-3: (0.2, 0.2)}
    job = _tuned(tmp_path, run_path, dataset_path, scores)
    assert choose_rate(job) == 2e-3
    record = json.loads((tmp_path / "run" / "tuning.json").read_text())
    assert record["chosen"] == 2e-3
    assert not record["at_edge"]
    seen = {entry["lr"]: entry["validation"] for entry in record["candidates"]}
    assert seen == pytest.approx({1e-3: 0.35, 2e-3: 0.2, 4e-3: 0.25})


@pytest.mark.slow
def test_a_rate_that_diverged_is_never_chosen(
    tmp_path: Path, run_path: Path, dataset_path: Path
) -> None:
    job = _tuned(tmp_path, run_path, dataset_path, {1e-3: (0.2, 0.2), 4e-3: (0.1, 0.1)})
    (tmp_path / "lr_0.004" / "diverged.txt").write_text("at step 2")
    assert choose_rate(job) == 1e-3
    record = json.loads((tmp_path / "run" / "tuning.json").read_text())
    assert record["at_edge"]
    assert [entry["validation"] for entry in record["candidates"]] == [0.2, None]
    (tmp_path / "lr_0.001" / "diverged.txt").write_text("at step 2")
    with pytest.raises(TrainingError, match="every learning rate"):
        choose_rate(job)


# ---------------------------------------------------------------- carrying out a plan

LONG = {"epochs": 60, "checkpoint_every": 20}  # half a second: time to be stopped in
TUNED = {
    "name": "mlp", "config": "mlp", "role": "specialist", "per_world": True,
    "tuning": {"lr": [1e-5, 3e-3], "steps": 6, "worlds": ["nk"]},
}  # fmt: skip


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
    with pytest.raises(ConfigError, match=r"training\.epochs: 3, now \d+"):
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
    (metrics.parent / "statistics.parquet").unlink()
    run_plan(path, resume=True)
    assert (metrics.parent / "statistics.parquet").exists()


@pytest.mark.slow
@pytest.mark.parametrize("label", ["mlp/A/tuning/nk/lr_0.003", "mlp/A/nk"])
def test_stopped_and_resumed_equals_one_go_bit_for_bit(folder: Folder, label: str) -> None:
    run_plan(folder.plan(TUNED))
    path = folder.plan(TUNED, output="parts")
    report = run_plan(path, bar=_stopping_bar(label, 2, signal.SIGTERM))
    assert report.stopped
    assert report.outcomes[-1].label == label
    assert report.outcomes[-1].status is Status.stopped
    assert not run_plan(path, resume=True).stopped
    assert _weights(folder.path / "parts") == _weights(folder.path / "out")


@pytest.mark.slow
def test_ctrl_c_keeps_a_checkpoint_of_the_run_in_progress(folder: Folder) -> None:
    path = folder.plan({"name": "mlp", "config": "mlp"})
    with pytest.raises(KeyboardInterrupt):
        run_plan(path, bar=_stopping_bar("mlp/A", 4, signal.SIGINT))
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

    monkeypatch.setattr("emulator.reproduce.estimate.train", diverges)
    seconds = estimate(jobs, 1)
    samples = sum(len(dataset.rows(w, s)) for w in ("var", "nk") for s in SCORED)
    for job in jobs:
        assert evaluation_seconds(job.config, dataset) == 10.0 + samples / 1000
        assert seconds[job.label] >= evaluation_seconds(job.config, dataset)


@pytest.mark.integration
def test_two_workers_give_the_weights_of_one(folder: Folder) -> None:
    run_plan(folder.plan(TUNED, {"name": "linear", "config": "linear"}))
    path = folder.plan(TUNED, {"name": "linear", "config": "linear"}, output="two")
    report = run_plan(path, workers=2)
    assert not report.stopped
    assert _weights(folder.path / "two") == _weights(folder.path / "out")
    assert (folder.path / "two" / "leaderboard.md").exists()


@pytest.mark.integration
def test_an_error_in_a_worker_is_the_errors_own(folder: Folder) -> None:
    """A truncated checkpoint, found by the worker, is told as in this process."""
    mlp, linear = {"name": "mlp", "config": "mlp"}, {"name": "linear", "config": "linear"}
    path = folder.plan(mlp, linear)
    run_plan(path, bar=_stopping_bar("mlp/A", 2, signal.SIGTERM))
    checkpoint = folder.path / "out" / "mlp" / "A" / "checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1])
    with pytest.raises(OSError, match=r"checkpoint\.pt: damaged"):
        run_plan(path, resume=True, workers=2)


@pytest.mark.integration
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_two_workers_stopped_at_any_moment_go_on_to_the_same_weights(
    folder: Folder, number: int
) -> None:
    runs = [{"name": name, "config": "mlp", "training": LONG} for name in ("a", "b")]
    run_plan(folder.plan(*runs))
    path = folder.plan(*runs, output="parts")
    # A shell's background job, as continuous integration may be, hands down an ignored SIGINT.
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from emulator.cli import main; main()"
    )
    command = [sys.executable, "-c", program,
               "campaign", str(path), "--workers", "2", "--resume"]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    logs = [folder.path / "parts" / name / "A" / "train_log.jsonl" for name in "ab"]
    deadline = time.monotonic() + 120
    while not all(log.exists() and log.stat().st_size for log in logs):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    expected = {signal.SIGTERM: 0, signal.SIGINT: 130, signal.SIGKILL: -signal.SIGKILL}
    assert process.returncode == expected[number], err
    assert "Traceback" not in err
    if number == signal.SIGTERM:
        assert "go on with --resume" in out
    run_plan(path, resume=True)
    assert _weights(folder.path / "parts") == _weights(folder.path / "out")


# ---------------------------------------------------------------- the command line


@pytest.mark.integration
def test_a_dry_run_says_what_would_be_done_and_writes_nothing(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder.plan({"name": "linear", "config": "linear"}, TUNED)
    assert run(["campaign", str(path), "--dry-run", "--format", "json"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert [entry["run"] for entry in seen["runs"]] == [job.label for job in preview(path).jobs]
    assert all(entry["seconds"] > 0 for entry in seen["runs"])
    assert run(["campaign", str(path), "--dry-run", "--only", "linear"]) == 0
    out = capsys.readouterr().out
    assert "linear/A" in out
    assert "mlp" not in out
    assert not (folder.path / "out").exists()


@pytest.mark.integration
def test_campaign_prints_json_and_exits_with_1_when_a_run_diverged(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    wild = {"name": "wild", "config": "mlp", "training": {"lr": 1e30, "warmup": 0.0}}
    path = folder.plan({"name": "linear", "config": "linear"}, wild)
    assert run(["campaign", str(path), "--only", "linear", "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["criteria"] == {}  # of universal runs alone
    assert [(entry["label"], entry["status"]) for entry in answer["runs"]] == [("linear/A", "done")]
    assert run(["campaign", str(path), "--resume"]) == 1
    assert "1 of 2 runs diverged: wild/A" in capsys.readouterr().err


@pytest.mark.integration
def test_a_plan_with_a_universal_run_ends_with_its_criteria(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder.plan({"name": "u", "config": "universal", "role": "universal"})
    assert run(["campaign", str(path)]) == 0
    assert "Criteria, u/A" in capsys.readouterr().out


@pytest.mark.integration
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["campaign", "missing.yaml"], "missing.yaml: no such file"),
        (["reproduce", "--profile", "tiny"], "tiny"),
        (["reproduce"], "root folder"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], expected: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    line = capsys.readouterr().err
    assert expected in line
    assert line.count("\n") == 1


@pytest.mark.integration
def test_only_an_existing_run(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder.plan({"name": "linear", "config": "linear"})
    assert run(["campaign", str(path), "--only", "liner"]) == 2
    assert "did you mean 'linear'" in capsys.readouterr().err
