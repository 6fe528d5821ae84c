"""Plans whose runs start from other runs, on few rows, scored on part of the draws."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from emulator.config import load_config
from emulator.data import DataConfig, Dataset
from emulator.data.generate import generate
from emulator.errors import ConfigError, DatasetError, WeightsError
from emulator.evaluation import evaluate
from emulator.evaluation.stored.runs import read_run
from emulator.models.weights import load_weights
from emulator.plans.carry_out import carry_out
from emulator.plans.jobs import expand
from emulator.plans.plan import read_plan
from emulator.training.run_folder import processor_seconds
from emulator.worlds import get_world
from emulator.worlds.base import Responses, World
from tests.conftest import ROOT
from tests.plans.plans import Folder

OTHERS = {"name": "others", "config": "universal", "regimes": ["A"], "worlds": ["var"], "steps": 2}
FEW = {"name": "few", "config": "universal", "regimes": ["A"], "worlds": ["nk"]}


@pytest.mark.fast
def test_a_run_for_each_number_of_rows_and_each_seed(folder: Folder) -> None:
    jobs = folder.jobs(
        OTHERS, {**FEW, "start_from": "others/A", "rows": [20, 100], "seeds": [1, 2], "steps": 8}
    )
    start = folder.path / "out" / "others" / "A"
    assert [job.label for job in jobs[1:]] == [
        f"few/A/rows_{rows}/seed_{seed}" for rows in (20, 100) for seed in (1, 2)
    ]
    for job in jobs[1:]:
        assert job.waits_for() == {start}
        assert job.config.training.start_from == str(start)
    assert {job.config.training.steps for job in jobs[1:]} == {8}
    assert [job.config.data.rows for job in jobs[1:]] == [20, 20, 100, 100]
    assert [job.config.training.seed for job in jobs[1:]] == [1, 2, 1, 2]


@pytest.mark.fast
@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"start_from": "others/B1"}, "no run before it"),
        ({"start_from": "few/A"}, "no run before it"),
        ({"seeds": [1], "training": {"seed": 2}}, "seed is in training, too"),
        ({"rows": [5], "tuning": {"lr": [1, 2], "steps": 1}}, "leave out rows and seeds"),
        ({"rows": [0]}, "rows"),
    ],
)
def test_what_cannot_be_started_is_refused(
    folder: Folder,
    entry: dict,
    expected: str,
) -> None:
    with pytest.raises(ConfigError, match=expected):
        folder.jobs(OTHERS, {**FEW, **entry})


@pytest.mark.fast
def test_the_plan_of_the_repository_compares_at_equal_draws(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    plan = read_plan(Path("configs/plans/transfer.yaml"))
    worlds = load_config(plan.data.config, DataConfig).worlds
    jobs = expand(plan, "transfer", worlds)
    few = [job for job in jobs if job.role == "few_shot"]
    for world in ("zlb", "switching", "sw07"):
        of_it = [job for job in few if job.config.data.worlds == (world,)]
        started = {job.config.training.start_from for job in of_it}
        assert started == {None, f"runs/transfer/without_{world}/A"}
        for job in of_it:
            if job.start is not None:
                others = next(other for other in jobs if other.folder == job.start)
                assert world not in others.config.data.worlds
    sizes = [(job.config.data.rows, job.config.training.seed) for job in few]
    assert len({sizes.count(size) for size in sizes}) == 1


def _more_draws(folder: Folder, dataset: Dataset) -> dict[str, Any]:
    """`data:` of a plan that trains on more of the small data set's draws and scores on it."""
    more = {**dataset.manifest.config.model_dump(mode="json"), "samples": 400}
    (folder.path / "more.yaml").write_text(yaml.safe_dump(more))
    return {
        "config": str(folder.path / "more.yaml"),
        "path": str(folder.path / "more"),
        "scored_on": {"config": folder.data, "path": str(folder.dataset_path)},
    }


@pytest.mark.slow
def test_a_set_that_scores_of_other_draws_is_refused_before_any_training(
    folder: Folder, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Configurations may agree where the versions that drew do not."""
    plan = folder.plan(OTHERS, data=_more_draws(folder, dataset))
    monkeypatch.setattr(Dataset, "draws", property(lambda self: self.path.name))
    with pytest.raises(DatasetError, match="its draws are not those of"):
        carry_out(plan)
    assert not (folder.path / "out").exists()


@pytest.mark.integration
def test_a_plan_starts_from_its_own_runs_and_is_scored_on_fewer_of_the_same_draws(
    folder: Folder,
    dataset: Dataset,
) -> None:
    """The small data set scores runs on one of 400 samples, whose first 300 it holds."""
    few_rows = {**FEW, "start_from": "others/A", "rows": [20], "steps": 2}
    plan = folder.plan(OTHERS, few_rows, data=_more_draws(folder, dataset))
    report = carry_out(plan)
    assert not report.failed
    few = folder.path / "out" / "few" / "A" / "rows_20"
    provenance = load_weights(few).provenance
    spent = [processor_seconds(run) for run in (folder.path / "out" / "others" / "A", few)]
    assert None not in spent
    assert 0 < spent[0] < spent[1]  # its start's included
    whole = Dataset.open(folder.path / "more")
    assert provenance["data_sha"] == whole.hash != dataset.hash
    assert provenance["draws_sha"] == whole.draws == dataset.draws
    assert provenance["training_rows"] == {"nk": 20}
    assert provenance["started_from"] == load_weights(folder.path / "out" / "others" / "A").sha256
    metrics = yaml.safe_load((few / "metrics.json").read_text())
    assert metrics["data_sha"] == dataset.hash
    assert metrics["training_data_sha"] == whole.hash
    assert not read_run(few, "few").is_specialist  # it knows what others know
    assert metrics["worlds"]["nk"]["A"]["prior"]["samples"] == len(dataset.scored("nk", "prior"))
    again = carry_out(plan, resume=True)  # nothing is left to do
    assert all(outcome.evaluation_seconds == 0.0 for outcome in again.outcomes)


@pytest.mark.slow
def test_no_sample_that_scores_is_one_that_trained(dataset: Dataset, tmp_path: Path) -> None:
    """A sample is in the same split however many are drawn."""
    config = dataset.manifest.config.model_copy(update={"samples": 400})
    generate(config, tmp_path / "more")
    more = Dataset.open(tmp_path / "more")
    for world in more.worlds:
        trained = set(more.rows(world, "train").tolist())
        for split in ("val", "test", "slice", "corner"):
            assert not trained & set(dataset.rows(world, split).tolist())


@pytest.mark.slow
def test_other_draws_score_nothing(
    folder: Folder,
    dataset: Dataset,
    run_path: Path,
    tmp_path: Path,
) -> None:
    other = dataset.manifest.config.model_copy(update={"seed": 7})
    generate(other, tmp_path / "other")
    with pytest.raises(WeightsError, match="may hold training samples"):
        evaluate(run_path, str(tmp_path / "other"))
    config = load_config(folder.data, DataConfig).model_dump(mode="json") | {"seed": 7}
    (folder.path / "other.yaml").write_text(yaml.safe_dump(config))
    data = {
        "config": folder.data,
        "path": str(folder.dataset_path),
        "scored_on": {"config": str(folder.path / "other.yaml"), "path": str(tmp_path / "other")},
    }
    plan = folder.plan(OTHERS)
    plan.write_text(yaml.safe_dump({**yaml.safe_load(plan.read_text()), "data": data}))
    with pytest.raises(ConfigError, match=r"data\.scored_on"):
        carry_out(plan)


@pytest.mark.slow
def test_equations_that_changed_since_draw_other_samples(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = type(get_world("nk")).irf

    def doubled(self: World, *arguments: Any, **options: Any) -> Responses:
        answer = whole(self, *arguments, **options)
        return answer._replace(values=2.0 * answer.values)

    generate(dataset.manifest.config, tmp_path / "same")
    assert Dataset.open(tmp_path / "same").draws == dataset.draws
    monkeypatch.setattr(type(get_world("nk")), "irf", doubled)
    generate(dataset.manifest.config, tmp_path / "other")
    assert Dataset.open(tmp_path / "other").draws != dataset.draws


@pytest.mark.slow
def test_the_same_samples_rounded_another_way_score_a_run(
    dataset: Dataset, run_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a processor with other instructions draws them."""
    whole = type(get_world("nk")).irf

    def rounded(self: World, *arguments: Any, **options: Any) -> Responses:
        answer = whole(self, *arguments, **options)
        up = np.nextafter(np.float32(answer.values), np.float32(np.inf))
        return answer._replace(values=up.astype(np.float64))

    monkeypatch.setattr(type(get_world("nk")), "irf", rounded)
    generate(dataset.manifest.config, tmp_path / "abroad")
    abroad = Dataset.open(tmp_path / "abroad")
    assert abroad.hash != dataset.hash
    assert (abroad.draws, abroad.samples_sha) == (dataset.draws, dataset.samples_sha)
    shutil.copytree(run_path, tmp_path / "run")
    scored = evaluate(tmp_path / "run", str(abroad.path))
    assert scored.metrics["data_sha"] == abroad.hash
    assert scored.data == dataset.samples_sha
