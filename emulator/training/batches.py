"""Training batches: which rows, regime, task and history length each step gets.

Rows come from one of three sources. `resident` holds the training split on the device, and step k's
rows are a pure function of (seed, k); `stream` reads it from disk; `fresh` draws new samples from
the worlds, held-out ones left out. Step k's regimes and tasks, and its histories' length and end,
depend on (seed, k) alone. Whatever the source, training goes on exactly from a checkpoint's
position. Of histories a share can be as users have them (rough.py).

In every step each world is asked for responses, of the same rows once with theta known and once
without it where the run trains on regimes of both kinds: what one kind needs to learn is mostly not
what the other needs. Of the regimes without theta B1 is asked as often as B2 and D together. One
world is asked for trajectories, in any regime: a mean over steps is then a mean over worlds, at the
cost of one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import torch

from emulator.data import Dataset, FreshLoader, Loader, Moments, StreamLoader
from emulator.data.moments import WorldMoments
from emulator.errors import ConfigError
from emulator.limits import MIN_HISTORY
from emulator.models import bands
from emulator.models.base import Part
from emulator.questions import (
    Batch,
    Fields,
    Question,
    as_tensors,
    history_quarters,
    needed,
    nows,
    pose,
    pose_all,
    read,
    why_no_now,
)
from emulator.regimes import (
    CONTRACTS,
    Inputs,
    Regime,
    Task,
    tasks,
)
from emulator.seeding import derived_seed
from emulator.specs import WorldSpec
from emulator.training.rough import roughened

# Rows that say how far a world's rows reach. Extremes of few lie inside those of many: under 500
# they say little, beyond 16,000 they hardly change (docs/experiments.md).
FEWEST_MEASURED, MOST_MEASURED = 500, 16_384
MOST_COMPRESSED = 4096  # rows that principal components are of: tens of thousands of curves
MOST_CALIBRATED = 1024  # validation rows that say how wide bands have to be
# How often a regime is asked for responses, relative to others of its kind; 1 where not said. B1 is
# the one that needs most: B2 is the same question without a name, and D knows more.
OFTEN = {Regime.B1: 2}
# The same where a state alone is trained: users have histories, and innovations may leave a state
# open, as hidden regimes do.
OFTEN_BY_STATE = {Regime.C: 3}
PATH_ROWS = 2  # trajectories of half the rows: a path costs as much as several responses


class StepBatch(NamedTuple):
    """A step's batches by world: responses of every world, a batch a kind of regime; trajectories
    of one world or of none."""

    responses: dict[str, tuple[Batch, ...]]
    trajectories: dict[str, Batch]


@dataclass(frozen=True)
class Shown:
    """What of a data set a run shows its model.

    regimes: those trained on. extra: inputs beyond the contract. trajectories: whether they are
    asked for. device: where tensors go. first: how many training rows of a world, the first ones;
    None for all.
    """

    dataset: Dataset
    worlds: tuple[str, ...]
    regimes: tuple[Regime, ...]
    extra: frozenset[str] = frozenset()
    trajectories: bool = False
    device: str = "cpu"
    first: int | None = None

    def __post_init__(self) -> None:
        config = self.dataset.manifest.config
        for world in self.worlds if self.first is not None else ():
            if (there := len(self.dataset.rows(world, "train"))) < (self.first or 0):
                raise ConfigError(
                    f"data.rows: {self.first} asked for, {world} has {there} training rows in "
                    f"{self.dataset.path}; ask for fewer, or draw more"
                )
        if self.trajectories and not nows(config):
            raise ConfigError(
                f"losses.trajectory: samples of {self.dataset.path} {why_no_now(config)}; set it "
                "to 0 or draw other samples"
            )

    def training_rows(self, world: str) -> np.ndarray:
        """Rows to train on."""
        return self.dataset.rows(world, "train")[: self.first]

    def moments(self, world: str) -> Moments:
        """Moments of the rows to train on."""
        if self.first is None:
            return self.dataset.moments(world)
        names = ["irfs", "irfs_state", "trajectories"]
        fields = self.dataset.read(world, self.training_rows(world), names)
        paths = fields["trajectories"][:, self.dataset.manifest.config.run_in :]
        return WorldMoments.of(fields["irfs"], fields["irfs_state"], paths).finish()

    @property
    def with_parameters(self) -> tuple[Regime, ...]:
        """The regimes in which parameters are given."""
        return tuple(regime for regime in self.regimes if CONTRACTS[regime].theta)

    def taught(self, only: Part | None) -> tuple[Regime, ...]:
        """The regimes in which responses are trained where a part is."""
        if only is None:
            return self.regimes
        known = self.with_parameters
        return known if only != "from_data" else tuple(r for r in self.regimes if r not in known)

    def spec(self, world: str) -> WorldSpec:
        return self.dataset.spec(world)

    @property
    def longest(self) -> int:
        """Quarters of the longest history the data set can show."""
        return history_quarters(self.dataset.manifest.config)

    def questions(self, world: str, regimes: Sequence[Regime]) -> list[Question]:
        """Every response task of a world in these regimes, with the longest history."""
        every = tasks(self.spec(world))
        return [Question(world, r, task, extra=self.extra) for r in regimes for task in every]

    def field_names(self, world: str) -> list[str]:
        """The data-set fields that the run's questions to a world are made of."""
        asked = self.questions(world, self.regimes)
        if self.trajectories:
            asked += [
                Question(world, regime, Task.trajectory, extra=self.extra)
                for regime in self.regimes
            ]
        return needed(asked)

    def read(self, world: str, rows: np.ndarray) -> Fields:
        """The needed fields of some rows, float32 tensors on the device."""
        return read(self.dataset, world, rows, self.field_names(world), self.device)

    def responses(self, world: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Parameters (N, P) of the first training rows and their responses from rest, (N, S, H+1,
        3), on the CPU."""
        rows = self.training_rows(world)[:MOST_COMPRESSED]
        fields = read(self.dataset, world, rows, ["theta", "irfs"])
        return fields["theta"], fields["irfs"]

    def measured(self) -> Iterator[Inputs]:
        """What the first training rows of each world show in every response task and every regime
        in which parameters are given, for worlds with rows enough to say how far rows reach."""
        for world in self.worlds:
            rows = self.training_rows(world)[:MOST_MEASURED]
            asked = self.questions(world, self.with_parameters)
            if len(rows) < FEWEST_MEASURED or not asked:
                continue
            for batch in pose_all(self.dataset, asked, rows, self.device):
                yield batch.inputs

    def validated(self) -> Iterator[Batch]:
        """The first validation rows of each world in every regime and response task, with
        histories of each of `bands.LENGTHS` that there are, for worlds with rows enough to say how
        wide bands have to be."""
        lengths = [length for length in bands.LENGTHS if length <= self.longest]
        given = {r for r in self.regimes if CONTRACTS[r].history or "history" in self.extra}
        for world in self.worlds:
            rows = self.dataset.rows(world, "val")[:MOST_CALIBRATED]
            if len(rows) < bands.FEWEST:
                continue
            asked = [
                replace(question, length=length)
                for question in self.questions(world, self.regimes)
                for length in (lengths if question.regime in given else lengths[:1])
            ]
            yield from pose_all(self.dataset, asked, rows, self.device)


class Source(Protocol):
    """Rows of every world for each step, asked for in order."""

    def rows(self, step: int) -> dict[str, Fields]: ...

    def position(self) -> dict[str, Any]: ...

    def restore(self, position: dict[str, Any]) -> None: ...


class Batches:
    """The batches of a run; `batch(k)` is the k-th, from 0.

    part: (rank, ranks), for training in several processes: each sees its share of every batch's
    rows. The shares together are the batch. only: `from_parameters` asks only what parameters
    answer, and for paths of known innovations; `from_state` of that only what the parts see that
    answers from a state pass through; `from_data` asks for responses where parameters are unknown,
    and for every path. rough: the share of histories as users have them (rough.py).
    worlds: those asked.
    """

    def __init__(
        self,
        shown: Shown,
        batch_size: int,
        seed: int,
        source: Literal["resident", "stream", "fresh"] = "resident",
        part: tuple[int, int] = (0, 1),
        only: Part | None = None,
        rough: float = 0.0,
    ) -> None:
        self.shown, self.seed, self.part, self.rough = shown, seed, part, rough
        largest = max(len(shown.training_rows(w)) for w in shown.worlds)
        self.steps_per_epoch = -(-largest // batch_size)
        known = list(shown.with_parameters)
        unknown = [r for r in shown.regimes if r not in known]
        self.path_regimes = list(shown.regimes)
        self.choices = {world: tasks(shown.spec(world)) for world in shown.worlds}
        if only == "from_data":
            known = []
        elif only is not None:
            unknown = []
            self.path_regimes = [r for r in shown.regimes if CONTRACTS[r].eps_sequence]
        if only == "from_state":
            self.path_regimes = []
            self.choices = {w: some for w in shown.worlds if (some := _by_state(shown.spec(w)))}
        self.worlds = tuple(self.choices)
        if not self.worlds:
            raise ConfigError(
                f"training.only: responses of {', '.join(shown.worlds)} do not depend on the state"
            )
        often = OFTEN_BY_STATE if only == "from_state" else OFTEN
        self.kinds = [_repeated(kind, often) for kind in (known, unknown) if kind]
        self.source: Source = (
            _Resident(shown, batch_size, seed)
            if source == "resident"
            else _Loaded(shown, batch_size, seed, source == "fresh")
        )

    def batch(self, step: int) -> StepBatch:
        """Responses of every world, and the trajectories of one."""
        rng = np.random.default_rng(derived_seed(self.seed, "batch", step))
        noise = np.random.default_rng(derived_seed(self.seed, "rough", step))
        shown, rows = self.shown, self.source.rows(step)
        # One length and end for all worlds, as a step costs by its longest history.
        length = int(rng.integers(MIN_HISTORY, shown.longest + 1))
        # Responses from rest are the same whenever they are asked for; those from a state are
        # stored for the last one.
        config = shown.dataset.manifest.config
        now = int(rng.integers(config.run_in + length, config.quarters + 1))
        responses: dict[str, tuple[Batch, ...]] = {}
        for world, choices in self.choices.items():
            part, batches = self._share(rows[world]), []
            for regimes in self.kinds:
                regime = regimes[rng.integers(len(regimes))]
                task = choices[rng.integers(len(choices))]
                asked_at = now if task is Task.steady_state else None
                question = Question(world, regime, task, length, asked_at, extra=shown.extra)
                posed = pose(shown.dataset, question, part)
                batches.append(roughened(posed, self.rough, noise, self.part))
            responses[world] = tuple(batches)
        if not shown.trajectories or not self.path_regimes:
            return StepBatch(responses, {})
        world = shown.worlds[rng.integers(len(shown.worlds))]
        regime = self.path_regimes[rng.integers(len(self.path_regimes))]
        now = int(rng.integers(nows(config).start, nows(config).stop))
        length = int(rng.integers(MIN_HISTORY, history_quarters(config, now) + 1))
        some = self._share({k: v[: -(-len(v) // PATH_ROWS)] for k, v in rows[world].items()})
        question = Question(world, regime, Task.trajectory, length, now, extra=shown.extra)
        posed = roughened(pose(shown.dataset, question, some), self.rough, noise, self.part)
        return StepBatch(responses, {world: posed})

    def whole(self, world: str) -> list[Batch]:
        """All training rows of a world at once, a batch a response task, for closed-form fits."""
        shown = self.shown
        fields = shown.read(world, shown.training_rows(world))
        asked = shown.questions(world, shown.regimes[:1])
        return [pose(shown.dataset, question, fields) for question in asked]

    def _share(self, fields: Fields) -> Fields:
        rank, ranks = self.part
        return {name: tensor[rank::ranks] for name, tensor in fields.items()}


def _by_state(spec: WorldSpec) -> tuple[Task, ...]:
    """The tasks that see what a state adds to: where the size adds to a response too, both."""
    return tasks(spec) if spec.by_size and not spec.linear else tasks(spec)[1:]


def _repeated(kind: list[Regime], often: Mapping[Regime, int]) -> list[Regime]:
    """Each regime as often as it is to be drawn; one alone needs no draw."""
    return kind if len(kind) == 1 else [r for r in kind for _ in range(often.get(r, 1))]


class _Resident:
    """The training split on the device; every row comes once before any comes again."""

    def __init__(self, shown: Shown, batch_size: int, seed: int) -> None:
        self.batch_size, self.seed = batch_size, seed
        self.fields = {w: shown.read(w, shown.training_rows(w)) for w in shown.worlds}

    def rows(self, step: int) -> dict[str, Fields]:
        out = {}
        for world, fields in self.fields.items():
            order = torch.as_tensor(self.order(world, step))
            out[world] = {name: tensor[order] for name, tensor in fields.items()}
        return out

    def order(self, world: str, step: int) -> np.ndarray:
        """Rows of step k: consecutive cuts of an endless chain of seeded permutations."""
        count = len(self.fields[world]["shock_size"])
        positions = step * self.batch_size + np.arange(self.batch_size)
        turn = positions // count
        rows = np.empty(self.batch_size, dtype=np.int64)
        for t in np.unique(turn):
            rng = np.random.default_rng(derived_seed(self.seed, "order", world, int(t)))
            here = turn == t
            rows[here] = rng.permutation(count)[positions[here] % count]
        return rows

    def position(self) -> dict[str, Any]:
        return {}  # the step says it all

    def restore(self, position: dict[str, Any]) -> None:
        pass


class _Loaded:
    """Rows from a loader of `emulator.data`, which keeps its own position."""

    def __init__(self, shown: Shown, batch_size: int, seed: int, fresh: bool) -> None:
        self.device = shown.device
        self.fields = {w: shown.field_names(w) for w in shown.worlds}
        fields = sorted(set().union(*self.fields.values()))
        sizes = dict.fromkeys(shown.worlds, batch_size)
        if fresh:
            config = shown.dataset.manifest.config
            self.loader: Loader = FreshLoader(config, batch_size=sizes, fields=fields, seed=seed)
        else:
            self.loader = StreamLoader(shown.dataset, batch_size=sizes, fields=fields, seed=seed)

    def rows(self, step: int) -> dict[str, Fields]:
        return {
            world: as_tensors({name: part[name] for name in self.fields[world]}, self.device)
            for world, part in self.loader.batch().items()
        }

    def position(self) -> dict[str, Any]:
        return self.loader.state_dict()

    def restore(self, position: dict[str, Any]) -> None:
        self.loader.load_state_dict(position)
