"""The data sets of a plan: the one that trains, and the one that scores where it is another."""

from __future__ import annotations

from pathlib import Path

from emulator.config import load_config
from emulator.data import DataConfig, Dataset
from emulator.data.claim import finished
from emulator.data.generate import generate
from emulator.errors import ConfigError, DatasetError
from emulator.plans.plan import Plan
from emulator.plans.words import Bar, Say


def worlds(plan: Plan) -> tuple[str, ...]:
    """Those of the data set that trains."""
    return load_config(plan.data.config, DataConfig).worlds


def are_complete(plan: Plan) -> bool:
    """Whether nothing is left to draw."""
    return all(finished(folder, config) is not None for config, folder in _data_sets(plan))


def make(plan: Plan, workers: int, say: Say, bar: Bar) -> Dataset:
    """Draw what is missing; returns the data set that trains.

    Raises ConfigError where the set that scores is of other draws by its configuration,
    DatasetError where it is because another version made one of them: evaluation would refuse it,
    after the training.
    """
    for config, folder in _data_sets(plan):
        with bar(f"data {folder}") as progress:
            made = generate(config, folder, workers=workers, progress=progress)
        drawn = f"{made.samples:,} samples drawn in {made.seconds:.0f} s"
        say(f"data: {folder}, {drawn if made.samples else 'complete already'}")
    dataset = Dataset.open(plan.data.path)
    if plan.data.scored_on is not None:
        part = Dataset.open(plan.data.scored_on.path)
        if part.draws != dataset.draws:
            raise DatasetError(
                f"{part.path}: its draws are not those of {dataset.path}; another version made one "
                "of them: delete the older, it is made again"
            )
    return dataset


def _data_sets(plan: Plan) -> list[tuple[DataConfig, Path]]:
    """Configuration and folder of each. Raises ConfigError where they are not of the same draws."""
    whole, scored_on = load_config(plan.data.config, DataConfig), plan.data.scored_on
    if scored_on is None:
        return [(whole, Path(plan.data.path))]
    part = load_config(scored_on.config, DataConfig)
    if part.draws != whole.draws:
        raise ConfigError(
            f"data.scored_on: {scored_on.config} draws other samples than {plan.data.config}; they "
            "may differ in samples, shard_rows, chunk_rows and rules alone"
        )
    return [(whole, Path(plan.data.path)), (part, Path(scored_on.path))]
