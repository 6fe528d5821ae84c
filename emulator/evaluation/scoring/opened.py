"""A finished run opened for scoring: its weights, configuration and data, and what to score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from emulator.config import load_config
from emulator.data import Dataset
from emulator.data.schema import PRIOR
from emulator.errors import WeightsError
from emulator.models.described import taught
from emulator.models.weights import Loaded, load_weights
from emulator.regimes import Regime, Task, tasks
from emulator.training.config import RunConfig
from emulator.training.run_folder import CONFIG_FILE, require_config_of

# What a model is asked about; `test`, `slice` and `corner` are parts of the prior.
SCORED_SPLITS = (PRIOR, "val")


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
        """The regimes to score, and to each the one that training was in: those of the run in which
        it learned, and those in which its model reads the same."""
        answered = {regime: regime for regime in self.config.data.regimes}
        for regime in self.config.data.regimes:
            if not self.extra:
                answered = dict.fromkeys(self.config.model.alike(regime), regime) | answered
        known = taught(self.loaded.provenance)
        return {r: answered[r] for r in Regime if r in answered and answered[r] in known}

    def cases(self) -> Iterator[tuple[Regime, str, str, Task]]:
        """Every regime, world, split and task to score, trajectories where the run learned them."""
        forecasts = self.config.model.forecasts and self.config.losses.trajectory > 0
        for regime in self.regimes:
            for world in self.loaded.model.specs:
                for split in SCORED_SPLITS:
                    for task in tasks(self.dataset.spec(world)):
                        yield regime, world, split, task
                    if forecasts:
                        yield regime, world, split, Task.trajectory


def open_run(run: Path, dataset_path: str | None = None) -> Opened:
    """The run's weights, configuration and data. Raises WeightsError when they do not belong
    together, DatasetError and ConfigError when something is damaged."""
    loaded = load_weights(run)
    config = load_config(run / CONFIG_FILE, RunConfig)
    require_config_of(loaded.provenance, config, run)
    dataset = Dataset.open(dataset_path or config.data.dataset_path)
    # Of the same draws fewer may be scored, and under other rules: whether a sample is in the prior
    # depends on its own number alone, and none that is was ever trained on.
    trained_on = loaded.provenance["draws_sha"]
    if dataset.draws != trained_on:
        raise WeightsError(
            f"{run}: trained on draws {trained_on}, but {dataset.path} holds {dataset.draws}; what "
            "it scores may hold training samples. Name the right data set"
        )
    return Opened(run, loaded, config, dataset)
