"""From a plan to the single runs it asks for, each with its folder and resolved configuration."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulator.config import load_config, parse_config
from emulator.errors import ConfigError, unknown_name
from emulator.plans.plan import Entry, Plan
from emulator.training.config import RunConfig

TUNING_FOLDER = "tuning"


@dataclass(frozen=True)
class Job:
    """One training run, and its evaluation unless it is a candidate of a tuning.

    label is the folder's path from the plan's output: `mlp_nk/A/nk`. scored_on: the data set it is
    evaluated on. candidates: for a tuned run, the folders whose validation decides its learning
    rate, by rate; they are trained before it. is_candidate: whether it is only such a folder.
    one_of_several: whether others differ from it in the rate alone, so that it may diverge. start:
    the folder of the run whose weights it starts from.
    """

    label: str
    role: str
    folder: Path
    config: RunConfig
    scored_on: str
    candidates: Mapping[float, tuple[Path, ...]] = field(default_factory=dict)
    is_candidate: bool = False
    one_of_several: bool = False
    start: Path | None = None

    def with_rate(self, lr: float) -> RunConfig:
        """The run's configuration with the learning rate chosen."""
        training = self.config.training.model_copy(update={"lr": lr})
        return self.config.model_copy(update={"training": training})

    @property
    def fitted_at_once(self) -> bool:
        """Whether the model has no steps and no learning rate."""
        return self.config.model.fitted_at_once

    def waits_for(self) -> set[Path]:
        """Folders of runs that must have ended before this one starts."""
        start = set() if self.start is None else {self.start}
        return start | {folder for folders in self.candidates.values() for folder in folders}


def expand(plan: Plan, origin: str, worlds: Sequence[str], only: Sequence[str] = ()) -> list[Job]:
    """All jobs of a plan, in its order, candidates before the runs that wait for them.

    worlds: those of the data set. only: entries to take, all unless given. Raises ConfigError
    naming the entry, UnknownNameError for a world or an entry that does not exist.
    """
    names = [entry.name for entry in plan.runs]
    for name in only:
        if name not in names:
            raise unknown_name(f"run of {origin}", name, names)
    jobs = [
        job
        for entry in plan.runs
        if not only or entry.name in only
        for job in _jobs(plan, entry, f"{origin}: run {entry.name}", worlds)
    ]
    return list({job.folder: job for job in jobs}.values())  # worlds that share their candidates


def _jobs(plan: Plan, entry: Entry, origin: str, there: Sequence[str]) -> Iterator[Job]:
    base = load_config(entry.config, RunConfig)
    scored_on = (plan.data.scored_on or plan.data).path
    worlds = entry.worlds or base.data.worlds or tuple(there)
    for world in (*worlds, *((entry.tuning and entry.tuning.worlds) or ())):
        if world not in there:
            raise unknown_name(f"world of {plan.data.path}", world, there)
    several = entry.tuning or entry.rates
    if base.model.fitted_at_once and (several or entry.steps or "steps" in entry.training):
        raise ConfigError(f"{origin}: {base.model.type} is fitted at once: no tuning, no steps")
    start = None if entry.start_from is None else Path(plan.output, entry.start_from)
    for regime in entry.regimes or (base.data.regime,):
        root = Path(plan.output, entry.name, regime)
        for part in [(world,) for world in worlds] if entry.per_world else [worlds]:
            folder = root / part[0] if entry.per_world else root
            named = part if entry.per_world or entry.worlds else base.data.worlds
            config = _config(plan, entry, base, regime, named, origin)
            candidates: dict[float, tuple[Path, ...]] = {}
            if entry.tuning is not None:
                # One world's rate is chosen in its own folder, a shared one beside the worlds.
                places: list[tuple[tuple[str, ...] | None, Path]] = [
                    ((w,), root / TUNING_FOLDER / w) for w in entry.tuning.worlds or ()
                ]
                places = places or [(named, folder / TUNING_FOLDER)]
                for lr in entry.tuning.lr:
                    name = f"lr_{lr}"
                    candidates[lr] = tuple(place / name for _, place in places)
                    for tuned, place in places:
                        short = _config(plan, entry, base, regime, tuned, origin, lr)
                        label = (place / name).relative_to(plan.output).as_posix()
                        yield Job(
                            label,
                            entry.role,
                            place / name,
                            short,
                            scored_on,
                            is_candidate=True,
                            one_of_several=True,
                            start=start,
                        )
            seeds = entry.seeds
            if entry.rates is not None:
                # The first seed at every rate, the others at the one that these choose.
                first, *others = seeds or (config.training.seed,)
                seeds = tuple(others)
                for lr in entry.rates:
                    place, run = folder / f"rate_{lr}", _with(config, origin, lr=lr, seed=first)
                    candidates[lr] = (place,)
                    label = place.relative_to(plan.output).as_posix()
                    yield Job(
                        label, entry.role, place, run, scored_on, one_of_several=True, start=start
                    )
                if not seeds:
                    continue
            for place, run in _repeats(entry.rows, seeds, folder, config, origin):
                label = place.relative_to(plan.output).as_posix()
                yield Job(label, entry.role, place, run, scored_on, candidates, start=start)


def _with(config: RunConfig, origin: str, **training: float) -> RunConfig:
    """The configuration with other keys of `training:`."""
    data = config.model_dump(mode="json")
    data["training"] |= training
    return parse_config(data, RunConfig, origin)


def _repeats(
    rows: Sequence[int] | None,
    seeds: Sequence[int] | None,
    folder: Path,
    config: RunConfig,
    origin: str,
) -> Iterator[tuple[Path, RunConfig]]:
    """A run for each number of rows and each seed that are listed, in folders of their own."""
    for count, seed in itertools.product(rows or (None,), seeds or (None,)):
        place, data = folder, config.model_dump(mode="json")
        if count is not None:
            place, data["data"]["rows"] = place / f"rows_{count}", count
        if seed is not None:
            place, data["training"]["seed"] = place / f"seed_{seed}", seed
        yield place, parse_config(data, RunConfig, origin)


def _config(
    plan: Plan,
    entry: Entry,
    base: RunConfig,
    regime: str,
    worlds: tuple[str, ...] | None,
    origin: str,
    candidate: float | None = None,
) -> RunConfig:
    """The resolved configuration of a run, or of a tuning's candidate."""
    data: dict[str, Any] = base.model_dump(mode="json")
    data["data"] |= {
        "regime": regime,
        "dataset_path": plan.data.path,
        "worlds": worlds,
    }
    if "epochs" in entry.training:
        data["training"]["steps"] = None  # which would go before them
    data["training"] |= entry.training
    if entry.steps is not None:
        data["training"]["steps"] = entry.steps
    if candidate is not None:
        assert entry.tuning is not None
        data["training"] |= {"lr": candidate, "steps": entry.tuning.steps}
    if entry.start_from is not None:
        data["training"]["start_from"] = str(Path(plan.output, entry.start_from))
    return parse_config(data, RunConfig, origin)
