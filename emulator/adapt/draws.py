"""Draws of one world's prior, block by block, and its responses from rest at them.

One training draw in `ASKED` is as users ask: a share of parameters is the prior's, the rest are at
their defaults. Priors of many parameters have hardly a draw near them, least of all where defaults
lie at bounds, as a file's calibration often does.

A block is a function of (seed, world, part, number) alone, so that training, validation and test
never share a draw, and nothing needs to be kept of draws that are cheap. Where they are dear a
block is kept as a file, and read again when a run goes on.
"""

from __future__ import annotations

import io
import time
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar

import numpy as np
import torch

from emulator.errors import InputError
from emulator.limits import MAX_SIZE, MIN_SIZE
from emulator.questions import Batch
from emulator.regimes import Inputs, Task
from emulator.seeding import derived_seed
from emulator.storage import GONE, read_bytes, sha256, write_atomically
from emulator.worlds.base import Status, World

if TYPE_CHECKING:
    from jaxtyping import Float

BLOCK, DEAR_BLOCK = 256, 32  # draws made at once, and kept in a file
# Draws tried for one that is valid before the prior counts as misstated; the bank's worst world
# takes two.
_MOST_TRIES = 1000
ASKED = 4  # of so many training draws, one is as users ask

ENOUGH = 0.2  # seconds of drawing that tell what a draw costs
HELD_NUMBERS = 50_000_000  # of draws in memory: 200 MB

Part = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Rows:
    """Draws as tensors (N, ...), one a field."""

    def __len__(self) -> int:
        return len(next(iter(vars(self).values())))

    def rows(self, some: slice | torch.Tensor) -> Self:
        """Some of them."""
        return type(self)(*(part[some] for part in vars(self).values()))

    @property
    def numbers(self) -> int:
        """How many they hold."""
        return sum(part.numel() for part in vars(self).values())


R = TypeVar("R", bound=Rows)


@dataclass(frozen=True)
class Draws(Rows):
    """theta (N, P) in physical units, size (N, S) in s.d.s, responses (N, S, H+1, 3) per unit of
    size."""

    theta: Float[torch.Tensor, "N P"]
    size: Float[torch.Tensor, "N S"]
    responses: Float[torch.Tensor, "N S points 3"]

    def ask(self, world: World[Any]) -> Batch:
        """What regime A shows of them, and the answers."""
        inputs = Inputs(world.name, world.shock_names, Task.steady_state, self.size, self.theta)
        return Batch(inputs, self.responses)


def joined(parts: list[R]) -> R:
    """All of them, in order."""
    return type(parts[0])(
        *map(torch.cat, zip(*(vars(part).values() for part in parts), strict=True))
    )


def draw(world: World[Any], seed: int, part: Part, block: int, horizon: int, count: int) -> Draws:
    """`count` valid draws whose responses are finite. Raises InputError where hardly any is."""
    label = derived_seed(seed, "adapt", world.name, part, block)
    rng = np.random.Generator(np.random.Philox(label))
    found: list[tuple[np.ndarray, ...]] = []
    have, tried, ahead = 0, 0, count
    while have < count:
        theta = world.from_uniforms(_uniforms(world, rng, ahead))
        if part == "train":
            theta = _as_asked(world, rng, theta)
        size = rng.uniform(MIN_SIZE, MAX_SIZE, (ahead, len(world.shocks)))
        size *= rng.choice([-1.0, 1.0], size.shape)
        solution = world.solve(theta)
        values = world.irf(theta, horizon, size, solution=solution).values
        values = values / size[:, :, None, None]
        valid = (solution.status == Status.OK) & np.isfinite(values).all(axis=(1, 2, 3))
        found.append((theta[valid], size[valid], values[valid].astype(np.float32)))
        have, tried = have + int(valid.sum()), tried + ahead
        if tried >= _MOST_TRIES * max(have, 1):
            raise InputError(
                f"world {world.name!r}: {have} of {tried} draws have a solution; narrow its "
                "parameters' bounds"
            )
        ahead = min(_MOST_TRIES, max(16, -(-(count - have) * tried // max(have, 1))))
    columns = [np.concatenate(column)[:count] for column in zip(*found, strict=True)]
    return Draws(*(torch.as_tensor(column, dtype=torch.float32) for column in columns))


def _uniforms(world: World[Any], rng: np.random.Generator, count: int) -> np.ndarray:
    """(count, P) in [0, 1); of worlds drawn by siblings each group has its dear ones in common."""
    u = rng.random((count, len(world.parameters)))
    dear = [world.parameter_names.index(name) for name in world.dear]
    shared = np.repeat(u[:: world.siblings, dear], world.siblings, axis=0)
    u[:, dear] = shared[:count]
    return u


def _as_asked(world: World[Any], rng: np.random.Generator, theta: np.ndarray) -> np.ndarray:
    """Draws (N, P), of which about one in ASKED has parameters at the default; siblings alike."""
    changed = rng.random(theta.shape) < rng.random((len(theta), 1))
    dear = [world.parameter_names.index(name) for name in world.dear]
    first = np.arange(len(theta)) // world.siblings * world.siblings
    changed[:, dear] = changed[first][:, dear]
    of_prior = (rng.integers(ASKED, size=len(theta)) > 0)[first]
    return np.where(changed | of_prior[:, None], theta, world.pack())


def of_prior(world: World[Any], draws: Draws) -> Draws:
    """Those of training draws that are the prior's: no parameter is at its default."""
    default = torch.as_tensor(world.pack(), dtype=torch.float32)
    return draws.rows((draws.theta != default).all(dim=1))


def kept(path: Path, kind: type[R], make: Callable[[], R]) -> R:
    """The draws in a file, made and kept there where it holds none as they were written."""
    try:
        content = read_bytes(path)
        data, digest = content[:-32], content[-32:]
        if sha256(data) == digest.hex():
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                return kind(*(torch.from_numpy(file[f.name]) for f in fields(kind)))
    except (*GONE, KeyError, ValueError, zipfile.BadZipFile):
        pass
    draws = make()
    buffer = io.BytesIO()
    np.savez(buffer, **{k: v.numpy() for k, v in vars(draws).items()})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, buffer.getvalue() + bytes.fromhex(sha256(buffer.getvalue())))
    return draws


def seconds_a_draw(store: Store[Any]) -> float:
    """What a draw costs of processor time, once compiled code is loaded, at as many at once as will
    be drawn; of fewer where they are dear."""
    count = max(8, store.world.siblings)
    store.draw("train", 0, 1)
    while True:
        started = time.process_time()
        store.draw("train", 0, count)
        seconds = time.process_time() - started
        if seconds > ENOUGH or count >= BLOCK:
            return seconds / count
        count = min(BLOCK, 4 * count)


def unheard(done: int) -> None:
    """What becomes of a count that nobody shows."""


class Store(ABC, Generic[R]):
    """Blocks of draws of one world, made when they are asked for.

    folder: where they are kept; None for those that are cheap to make again.
    """

    kind: type[R]

    def __init__(self, world: World[Any], seed: int, folder: Path | None) -> None:
        self.world, self.seed, self.folder = world, seed, folder
        self.size = DEAR_BLOCK if world.dear else BLOCK

    @abstractmethod
    def draw(self, part: Part, number: int, count: int) -> R:
        """The first `count` draws of a block."""

    @property
    @abstractmethod
    def numbers(self) -> int:
        """What a draw takes of memory, in numbers."""

    def block(self, part: Part, number: int) -> R:
        """All draws of one block."""

        def make() -> R:
            return self.draw(part, number, self.size)

        if self.folder is None:
            return make()
        return kept(self.folder / f"{part}-{number}.npz", self.kind, make)

    def some(
        self, part: Part, count: int, first: int = 0, told: Callable[[int], None] = unheard
    ) -> R:
        """So many draws of a part, from block `first` on. told: is called with how many there are,
        now and then."""
        parts = []
        for number in range(-(-count // self.size)):
            told(number * self.size)
            parts.append(self.block(part, first + number))
        return joined(parts).rows(slice(count))


class ResponseStore(Store[Draws]):
    """Draws with their responses over `horizon` quarters."""

    kind = Draws

    def __init__(self, world: World[Any], seed: int, horizon: int, folder: Path | None) -> None:
        super().__init__(world, seed, folder)
        self.horizon = horizon

    def draw(self, part: Part, number: int, count: int) -> Draws:
        return draw(self.world, self.seed, part, number, self.horizon, count)

    @property
    def numbers(self) -> int:
        return len(self.world.shocks) * (self.horizon + 1) * 3


class Supply(Generic[R]):
    """Training draws one after the other: chapter by chapter, each some times over, in a new order
    each time.

    chapter: makes the draws of one by its number, all of `length`. times: how often each is gone
    through; None for a set without end, which is the first chapter for ever. The first chapters
    stay in memory, for the next network that is trained.
    """

    def __init__(
        self, chapter: Callable[[int], R], length: int, times: int | None, seed: int
    ) -> None:
        self.length = length
        self._chapter, self._times, self._seed = chapter, times, seed
        self.drawn = 0  # different draws, so far
        self._held: dict[int, R] = {}
        self._latest: tuple[int, R] | None = None
        self._order: tuple[int, torch.Tensor] = (-1, torch.empty(0, dtype=torch.int64))

    def rows(self, first: int, count: int) -> R:
        """Draws `first` to `first + count` of the sequence, a function of nothing else."""
        parts = []
        while count > 0:
            turn, start = divmod(first, self.length)
            if self._order[0] != turn:
                rng = np.random.default_rng(derived_seed(self._seed, "order", turn))
                self._order = (turn, torch.as_tensor(rng.permutation(self.length)))
            draws = self._draws(0 if self._times is None else turn // self._times)
            parts.append(draws.rows(self._order[1][start : start + count]))
            first, count = first + len(parts[-1]), count - len(parts[-1])
        return joined(parts)

    def _draws(self, number: int) -> R:
        if number in self._held:
            return self._held[number]
        if self._latest is None or self._latest[0] != number:
            self._latest = (number, self._chapter(number))
            self.drawn = max(self.drawn, (number + 1) * self.length)
        draws = self._latest[1]
        if (number + 1) * draws.numbers <= HELD_NUMBERS:
            self._held[number] = draws
        return draws
