"""The YAML file of a plan: one data set and the runs on it, in order of value.

    data: {config: configs/data/smoke.yaml, path: datasets/smoke}
    output: runs/smoke
    runs:
      - {name: universal, config: configs/models/universal_A.yaml, role: universal}
      - {name: mlp_nk, config: configs/models/mlp_A.yaml, role: specialist, per_world: true,
         steps: 300, tuning: {lr: [1e-3, 2e-3, 4e-3], steps: 100}}

Paths are as in every other command: from the folder the command is given in. A run's file says
which model; the plan says on which data, in which regimes and worlds, and how long. The plans of
the repository are in configs/plans, and go by their names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from emulator.config import StrictModel, load_config
from emulator.errors import ConfigError, unknown_name
from emulator.limits import MOST_RATE, MOST_SEED, MOST_STEPS, MOST_WORKERS
from emulator.regimes import RegimeName

PLANS = Path("configs", "plans")

Role = Literal["universal", "single_regime", "specialist", "baseline", "few_shot"]


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) != len(values):
        raise ValueError("an entry is there twice")
    return values


Worlds = Annotated[tuple[str, ...], AfterValidator(_distinct), Field(min_length=1)]
Rate = Annotated[float, Field(gt=0, le=MOST_RATE)]
Count = Annotated[int, Field(ge=1, le=MOST_STEPS)]
Seed = Annotated[int, Field(ge=0, le=MOST_SEED)]


class ScoredOn(StrictModel):
    """`data.scored_on:`. A data set of the same draws, usually fewer, whose validation, test and
    hold-outs score the runs: 1,000 test samples say as much as 10,000, at a tenth of the time."""

    config: str
    path: str


class PlanData(StrictModel):
    """`data:`. The configuration the data set is made from, its folder, and what runs are scored
    on, if not on the same."""

    config: str
    path: str
    scored_on: ScoredOn | None = None


class Tuning(StrictModel):
    """`tuning:`. Short runs, one a learning rate, each with a full schedule of its own; the rate
    with the lowest mean validation NRMSE trains the run. The test split is never looked at.

    worlds: for runs a world: tune on these worlds only and use the rate in all; each world tunes
    its own when left out.
    """

    lr: Annotated[tuple[Rate, ...], AfterValidator(_distinct)] = Field(min_length=2)
    steps: int = Field(ge=1, le=MOST_STEPS)
    worlds: Worlds | None = None


class Entry(StrictModel):
    """One of `runs:`. A run a regime and, with `per_world`, a world.

    worlds: the worlds to train on; all of the data set when left out. steps: the training budget;
    runs of equal steps see the same number of samples of each world.
    training: replaces keys of the file's `training:`. rows: a run for each number of training rows,
    seeds: for each seed. rates: a run for each learning rate, in full; with it the first seed is
    theirs, and each further one trains at the rate of the lowest validation NRMSE. start_from: the
    run of the plan, entry and regime, whose weights it starts from, as `without_zlb/A`.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    config: str
    role: Role
    regimes: Annotated[tuple[RegimeName, ...], AfterValidator(_distinct)] | None = Field(
        None, min_length=1
    )
    worlds: Worlds | None = None
    per_world: bool = False
    steps: int | None = Field(None, ge=1, le=MOST_STEPS)
    training: dict[str, Any] = Field(default_factory=dict)
    rows: Annotated[tuple[Count, ...], AfterValidator(_distinct)] | None = Field(None, min_length=1)
    seeds: Annotated[tuple[Seed, ...], AfterValidator(_distinct)] | None = Field(None, min_length=1)
    rates: Annotated[tuple[Rate, ...], AfterValidator(_distinct)] | None = Field(None, min_length=2)
    start_from: str | None = None
    tuning: Tuning | None = None

    @model_validator(mode="after")
    def _one_of_each(self) -> Entry:
        for key in ("epochs", "steps") if self.steps is not None else ():
            if key in self.training:
                raise ValueError(f"give steps or training.{key}, not both")
        given = [self.tuning is not None, self.rates is not None, "lr" in self.training]
        if sum(given) > 1:
            raise ValueError("give one of tuning, rates and training.lr")
        for key, listed in (("seed", self.seeds), ("start_from", self.start_from)):
            if listed is not None and key in self.training:
                raise ValueError(f"{key} is in training, too; leave it out there")
        if self.tuning is not None and (self.rows or self.seeds):
            raise ValueError("tuning is for one run: leave out rows and seeds, or give rates")
        if self.rates is not None and self.rows is not None:
            raise ValueError("rates are for runs on all rows: leave out rows")
        if self.tuning is not None and self.tuning.worlds and not self.per_world:
            raise ValueError("tuning.worlds is for runs a world: add per_world: true, or leave it")
        return self


class Plan(StrictModel):
    """A whole plan. threads: of each run; sums on a CPU, and so results to the last bit, depend on
    it, so it is the plan's and not the machine's. floors: the folder of the floors that universal
    runs are compared with. publish: the run, entry and regime, whose metrics, report and figures
    are published with the leaderboard, as `universal/all`."""

    data: PlanData
    output: str
    floors: str | None = None
    publish: str | None = None
    threads: int = Field(1, ge=1, le=MOST_WORKERS)
    runs: tuple[Entry, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_folders(self) -> Plan:
        names = [entry.name for entry in self.runs]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"runs: the name {min(twice)!r} is there twice")
        regimes: dict[str, tuple[str, ...] | None] = {}

        def is_no_run(named: str) -> bool:
            name, _, regime = named.partition("/")
            there = regimes.get(name, ())
            return there is not None and regime not in there

        for entry in self.runs:
            if entry.start_from is not None and is_no_run(entry.start_from):
                raise ValueError(
                    f"runs: {entry.name} starts from {entry.start_from!r}, which is no run "
                    "before it; give NAME/REGIME of one"
                )
            one_a_regime = not (entry.per_world or entry.rows or entry.seeds or entry.rates)
            regimes[entry.name] = entry.regimes if one_a_regime else ()
        if self.publish is not None and is_no_run(self.publish):
            raise ValueError(
                f"publish: {self.publish!r} is no run of the plan; give NAME/REGIME of one"
            )
        return self


def read_plan(path: Path) -> Plan:
    """The plan in a YAML file. Raises ConfigError where it is wrong."""
    return load_config(path, Plan)


def find_plan(name: str) -> Path:
    """The file of a plan: a path of one, or the name of one in configs/plans.

    Raises UnknownNameError, or ConfigError where there is no configs/plans to look in.
    """
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    known = sorted(path.stem for path in PLANS.glob("*.yaml"))
    if not known:
        raise ConfigError(
            f"no plan {name!r}: the plans are part of the repository, so give this command in its "
            "root folder, or name a file of your own, PLAN.yaml"
        )
    if name not in known:
        raise unknown_name("plan", name, known)
    return PLANS / f"{name}.yaml"
