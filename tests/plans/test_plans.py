"""What a plan asks for: runs, folders, budgets, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from emulator.config import load_config
from emulator.data import DataConfig
from emulator.errors import ConfigError, UnknownNameError
from emulator.plans.jobs import expand
from emulator.plans.plan import read_plan
from tests.conftest import ROOT, run_config
from tests.plans.plans import LINEAR, TUNED, Folder


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
    jobs = folder.jobs(
        {"name": "pooled", "config": "universal", "steps": 100},
        {"name": "single", "config": "mlp", "steps": 100, "per_world": True},
    )
    assert [job.config.training.steps for job in jobs] == [100, 100, 100]


@pytest.mark.fast
def test_rates_are_tried_in_full_by_the_first_seed_and_the_best_serves_the_others(
    folder: Folder,
) -> None:
    jobs = folder.jobs({
        "name": "mlp", "config": "mlp", "worlds": ["nk"], "per_world": True, "steps": 6,
        "rates": [1e-3, 2e-3, 4e-3], "seeds": [7, 8],
    })  # fmt: skip
    *rates, other = jobs
    assert [job.label for job in jobs] == [
        "mlp/A/nk/rate_0.001", "mlp/A/nk/rate_0.002", "mlp/A/nk/rate_0.004", "mlp/A/nk/seed_8",
    ]  # fmt: skip
    settings = [(job.config.training.lr, job.config.training.seed) for job in rates]
    assert settings == [(1e-3, 7), (2e-3, 7), (4e-3, 7)]
    assert {job.config.training.steps for job in jobs} == {6}
    assert other.config.training.seed == 8
    assert other.waits_for() == {job.folder for job in rates}
    assert not any(job.is_candidate for job in jobs)  # all are evaluated
    alone = folder.jobs({"name": "mlp", "config": "mlp", "rates": [1e-3, 2e-3]})
    assert [job.label for job in alone] == ["mlp/A/rate_0.001", "mlp/A/rate_0.002"]


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
            assert job.config.training.steps == 6  # with a schedule of their own
        seen.add(job.folder)


@pytest.mark.fast
def test_candidates_of_a_run_that_starts_from_another_wait_for_it(folder: Folder) -> None:
    others = {"name": "others", "config": "universal", "worlds": ["var"]}
    tuned = {
        "name": "tuned", "config": "universal", "worlds": ["nk"], "start_from": "others/A",
        "tuning": {"lr": [1e-3, 4e-3], "steps": 6},
    }  # fmt: skip
    first, *candidates, last = folder.jobs(others, tuned)
    assert [job.is_candidate for job in candidates] == [True, True]
    assert all(job.waits_for() == {first.folder} for job in candidates)
    assert last.waits_for() == {first.folder, *(job.folder for job in candidates)}


@pytest.mark.fast
def test_epochs_of_an_entry_go_before_steps_of_its_file(folder: Folder) -> None:
    config = run_config(folder.dataset_path, training={"steps": 5}).model_dump(mode="json")
    (folder.path / "short.yaml").write_text(yaml.safe_dump(config))
    (plain,) = folder.jobs({"name": "a", "config": "short"})
    assert plain.config.training.steps == 5
    (job,) = folder.jobs({"name": "a", "config": "short", "training": {"epochs": 9}})
    assert (job.config.training.steps, job.config.training.epochs) == (None, 9)


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
        ({"training": {"lr": 1}, "tuning": {"lr": [1, 2], "steps": 1}}, ConfigError, "give one of"),
        ({"training": {"lr": 1}, "rates": [1e-3, 2e-3]}, ConfigError, "give one of tuning, rates"),
        ({"rates": [1e-3]}, ConfigError, "at least 2 items"),
        ({"rates": [1, 2], "rows": [5]}, ConfigError, "leave out rows"),
        ({"config": "linear", "rates": [1e-3, 2e-3]}, ConfigError, "fitted at once"),
        ({"tuning": {"lr": [1e-3], "steps": 1}}, ConfigError, "at least 2 items"),
        ({"tuning": {"lr": [1e-3, 1e-3], "steps": 1}}, ConfigError, "twice"),
        ({"tuning": {"lr": [1, 2], "steps": 1, "worlds": ["nk"]}}, ConfigError, "per_world"),
        ({"worlds": ["nkk"]}, UnknownNameError, "did you mean 'nk'"),
        ({"config": "linear", "steps": 5}, ConfigError, "fitted at once"),
        ({"config": "linear", "training": {"steps": 5}}, ConfigError, "fitted at once"),
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
def test_a_part_of_a_plan_is_its_entries_by_name_in_its_order(folder: Folder) -> None:
    path = folder.plan(LINEAR, TUNED, {"name": "b", "config": "mlp"})
    whole = expand(read_plan(path), str(path), ("var", "nk"))
    part = expand(read_plan(path), str(path), ("var", "nk"), ["b", "mlp"])
    assert part == [job for job in whole if not job.label.startswith("linear/")]
    with pytest.raises(UnknownNameError, match="did you mean 'linear'"):
        expand(read_plan(path), str(path), ("var", "nk"), ["linaer"])


@pytest.mark.fast
@pytest.mark.parametrize(
    "path", sorted((ROOT / "configs" / "plans").glob("*.yaml")), ids=lambda path: path.stem
)
def test_the_plans_of_the_repository_resolve(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    plan = read_plan(path)
    worlds = load_config(plan.data.config, DataConfig).worlds
    jobs = expand(plan, str(path), worlds)
    assert len({job.folder for job in jobs}) == len(jobs)
    specialists = [job for job in jobs if job.role == "specialist"]
    assert specialists or path.stem == "transfer"  # whose rivals see as few rows as it asks about
    assert all(len(job.config.data.worlds or ()) == 1 for job in specialists)
