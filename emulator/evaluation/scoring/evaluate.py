"""Evaluate a run: audit it, score every world and split, store the statistics, derive, draw.

    statistics.parquet              one row a response; metrics follow from it
    trajectory_statistics.parquet   the same for trajectories, of models that forecast
    leaderboard.csv, leaderboard.md
    figures/, report.html
    metrics.json                    {"worlds": {world: {regime: {split: {nrmse, ...}}}}, ...}

metrics.json comes last and records the checksums of the statistics: where it is there and they
match, the evaluation is finished. Its entries are those of the steady-state response;
`state_dependent` and `trajectory` are nested in them. `by_horizon` and `spectrum` are computed
while scoring; every other number follows from the statistics. The split `val` is scored too:
specialists are chosen on it, never on `test`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulator.config import config_hash, load_config
from emulator.data import Dataset
from emulator.errors import InputError, WeightsError
from emulator.evaluation.comparison.compare import compare
from emulator.evaluation.comparison.leaderboard import write_leaderboard
from emulator.evaluation.floors.archive import Floors
from emulator.evaluation.report.figures import Panel, irf_panel, pick
from emulator.evaluation.scoring.ablations import SPLIT as ABLATION_SPLIT
from emulator.evaluation.scoring.ablations import ablate
from emulator.evaluation.scoring.audit import audit_data, audit_inputs
from emulator.evaluation.scoring.forecasts import (
    score_forecasts,
    summarise_forecasts,
)
from emulator.evaluation.scoring.metrics.derived import accuracy, summarise
from emulator.evaluation.scoring.statistics import (
    error_by_horizon,
    mean_spectrum,
    score_model,
    statistics,
)
from emulator.evaluation.stored.files import (
    RESPONSES_FILE,
    TRAJECTORIES_FILE,
    StatisticsWriter,
    checksums,
    compact,
)
from emulator.evaluation.stored.record import NULL_MODEL
from emulator.evaluation.stored.runs import EvaluatedRun
from emulator.models.weights import Loaded, load_weights
from emulator.progress import Progress, silent
from emulator.provenance import commit
from emulator.questions import Question
from emulator.regimes import Regime, Task, tasks
from emulator.training.config import RunConfig
from emulator.training.run_folder import CONFIG_FILE

SPLITS = ("test", "val", "slice", "corner")
# The panel of responses in the run's first regime, and in B1, where bands tell most.
PANEL, B1_PANEL = "irf_panel.png", "irf_panel_B1.png"


@dataclass(frozen=True)
class Opened:
    """A finished run with the data it was trained on."""

    folder: Path
    loaded: Loaded
    config: RunConfig
    dataset: Dataset

    @property
    def extra(self) -> frozenset[str]:
        return frozenset(self.config.data.extra_inputs)

    @property
    def is_universal(self) -> bool:
        """Whether the criteria are for this run."""
        several = len(self.loaded.model.specs) > 1
        return self.config.model.universal and several and not self.extra

    @property
    def regimes(self) -> dict[Regime, Regime]:
        """The regimes to score, and to each the one that training was in: those of the run, and
        those in which its model reads the same."""
        answered = {regime: regime for regime in self.config.data.regimes}
        for regime in self.config.data.regimes:
            for alike in self.config.model.alike:
                if regime in alike and not self.extra:
                    answered = dict.fromkeys(alike, regime) | answered
        return {regime: answered[regime] for regime in Regime if regime in answered}

    def cases(self) -> Iterator[tuple[Regime, str, str, Task]]:
        """Every regime, world, split and task to score, trajectories where the run learned them."""
        forecasts = self.config.model.forecasts and self.config.losses.trajectory > 0
        for regime in self.regimes:
            for world in self.loaded.model.specs:
                for split in SPLITS:
                    for task in tasks(self.dataset.spec(world)):
                        yield regime, world, split, task
                    if forecasts:
                        yield regime, world, split, Task.trajectory


def open_run(run: Path, dataset_path: str | None = None) -> Opened:
    """The run's weights, configuration and data. Raises WeightsError when they do not belong
    together, DatasetError and ConfigError when something is damaged."""
    loaded = load_weights(run)
    config = load_config(run / CONFIG_FILE, RunConfig)
    if config_hash(config) != loaded.provenance["config_sha"]:
        raise WeightsError(
            f"{run / CONFIG_FILE}: is not the configuration these weights were trained with; "
            "restore it, or train again"
        )
    dataset = Dataset.open(dataset_path or config.data.dataset_path)
    # Of the same draws fewer may be scored: a sample's split does not depend on their number.
    trained_on = loaded.provenance["draws_sha"]
    if dataset.draws != trained_on:
        raise WeightsError(
            f"{run}: trained on draws {trained_on}, but {dataset.path} holds {dataset.draws}; its "
            "test split may hold training samples. Name the right data set"
        )
    return Opened(run, loaded, config, dataset)


def evaluate(
    run: Path,
    dataset_path: str | None = None,
    progress: Progress = silent,
    *,
    ablations: bool = False,
    criteria: bool = False,
    floors: Sequence[Floors] = (),
) -> EvaluatedRun:
    """Evaluate the weights of a run folder.

    The files named in the module docstring go to the run folder, metrics.json only when everything
    else is there. dataset_path None is the data set the run was trained on; one with
    fewer or more of the same draws will do. ablations: also score
    `test` with each input masked. criteria: refuse a run that the criteria are not for. floors:
    of its data, to say how far it is from them.

    Raises WeightsError when the weights were trained on other draws than are scored, InputError
    when predictions are missing, not finite, the truth itself, or depend on what the regime
    forbids, DatasetError when a sample is in a split it does not belong to or a scale is not that
    of the training rows.
    """
    run = run.resolve()
    opened = open_run(run, dataset_path)
    if ablations and not opened.config.model.universal:
        raise InputError(
            f"{run}: ablations mask inputs of a universal model; a {opened.config.model.type} "
            "cannot do without any of its own"
        )
    worlds = tuple(opened.loaded.model.specs)
    if criteria and not opened.is_universal:
        raise InputError(
            f"{run}: the criteria are for a universal model of several worlds, given no more than "
            f"its regime's contract; this is {opened.config.model.type} on {', '.join(worlds)}"
        )
    for world in worlds:
        audit_data(opened.dataset, world)
    seen = opened.loaded.samples_seen
    result: dict[str, Any] = {
        "model": opened.config.model.type,
        "regimes": [regime.value for regime in opened.regimes],
        "extra_inputs": sorted(opened.extra),
        "data_worlds": {
            world: [task.value for task in tasks(opened.dataset.spec(world))]
            for world in opened.dataset.worlds
        },
        "worlds": {world: {} for world in worlds},
        NULL_MODEL: {world: {} for world in worlds},
        "ablations": {},
        "samples_seen": {
            regime.value: {world: seen[trained_in][world] for world in worlds}
            for regime, trained_in in opened.regimes.items()
        },
        "until_stalled": opened.config.training.patience is not None,
        "commit": commit(),
        "config_sha": opened.loaded.provenance["config_sha"],
        "data_sha": opened.dataset.hash,
        "samples_sha": opened.dataset.samples_sha,
        "training_data_sha": opened.loaded.provenance["data_sha"],
        "training_draws_sha": opened.loaded.provenance["draws_sha"],
        "training_rows": opened.loaded.provenance["training_rows"],
        "started_from": opened.loaded.provenance["started_from"],
        "weights_sha256": opened.loaded.sha256,
        "training_commit": opened.loaded.provenance["commit"],
    }
    cases = list(opened.cases())
    panels: dict[Regime, list[Panel]] = {}
    with (
        StatisticsWriter(run / RESPONSES_FILE) as responses,
        StatisticsWriter(run / TRAJECTORIES_FILE) as paths,
    ):
        for done, (regime, world, split, task) in enumerate(cases):
            progress(done, len(cases), f"{world} {regime} {split}")
            question = Question(world, regime, task, extra=opened.extra)
            case = (opened.loaded.model, opened.dataset, question)
            if split == "test":
                audit_inputs(*case)
            if task is Task.trajectory:
                frame, by_quarter = score_forecasts(*case, split)
                paths.add(frame)
                entry = {**summarise_forecasts(frame), "by_horizon": by_quarter.tolist()}
                null = summarise_forecasts(frame, "null_mse")
            else:
                scored = score_model(*case, split)
                frame = compact(statistics(scored))
                responses.add(frame)
                entry = {**summarise(frame), "by_horizon": error_by_horizon(scored).tolist()}
                null = accuracy(frame, "null_mse")
                if split == "test":
                    entry["spectrum"] = {
                        "prediction": mean_spectrum(scored.prediction, scored.sigma).tolist(),
                        "truth": mean_spectrum(scored.truth, scored.sigma).tolist(),
                    }
                    if regime in (cases[0][0], Regime.B1) and task is Task.steady_state:
                        panels.setdefault(regime, []).append(pick(scored))
            for tree, values in (("worlds", entry), (NULL_MODEL, null)):
                splits = result[tree][world].setdefault(regime.value, {})
                if task is Task.steady_state:
                    splits[split] = values
                else:
                    splits[split][task.value] = values
            if ablations and split == ABLATION_SPLIT:
                by_regime = result["ablations"].setdefault(world, {}).setdefault(regime.value, {})
                by_regime[task.value] = ablate(*case, frame)
    result["statistics"] = checksums(run)
    folder = run / "figures"
    folder.mkdir(exist_ok=True)
    (folder / B1_PANEL).unlink(missing_ok=True)  # that of an earlier evaluation
    for regime, panel in panels.items():
        name = PANEL if regime is cases[0][0] else B1_PANEL
        irf_panel(panel, [opened.dataset.spec(world) for world in worlds], folder / name)
    evaluated = EvaluatedRun(run.name, run, result)
    write_leaderboard([evaluated], run)
    compare(evaluated, [], floors)
    progress(len(cases), len(cases), "")
    return evaluated
