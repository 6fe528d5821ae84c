"""Drawing samples: pure functions of (seed, world, index).

Every sample owns one random stream per purpose (see `emulator.seeding`), so a sample's numbers
depend neither on the other samples drawn with it nor on the process that draws them.

In worlds that are dear to solve samples come as siblings: attempt k of a sample takes its dear
parameters from draw k of its group, sample index // siblings, and the others from its own. Each
sample alone has the prior's law. Samples of one group depend on each other, and so their split is
that of their group (`emulator.data.splits`).
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.data.schema import Design
from emulator.errors import InputError
from emulator.limits import MAX_SIZE, MIN_SIZE
from emulator.seeding import Purpose, stream_key
from emulator.worlds import Status, World

FloatArray = NDArray[np.float64]

# Draws of one sample before the prior counts as misstated; the worlds' own sampler has the same.
_MAX_ATTEMPTS = 10_000
# Attempts whose uniforms are drawn at once at first: three in four samples need no more even where
# a third of the prior is valid.
_FIRST_ATTEMPTS = 4


@dataclasses.dataclass(frozen=True)
class Samples:
    """Samples in the order of `indices` (B,), arrays (B, ...) as `schema.layout` describes them.

    solution: what the world's `solve` says about theta. rejections: prior draws thrown away on
    the way, by reason.
    """

    indices: NDArray[np.int64]
    arrays: dict[str, NDArray[Any]]
    solution: Any
    rejections: Counter[str]


class _Streams:
    """The generators of `emulator.seeding.stream` for one purpose, without building each anew.

    Setting a Philox counter costs a sixth of constructing a generator, which at 10,000 samples a
    second matters.
    """

    def __init__(self, key: NDArray[np.uint64], purpose: Purpose) -> None:
        self._bits = np.random.Philox(key=key)
        self._generator = np.random.Generator(self._bits)
        self._state = self._bits.state
        self._counter = self._state["state"]["counter"]
        self._counter[:] = (0, 0, int(purpose), 0)

    def at(self, index: int) -> np.random.Generator:
        """The sample's generator, at its start; good until the next call."""
        self._counter[3] = index
        self._bits.state = self._state
        return self._generator

    def fill(
        self,
        indices: NDArray[np.int64],
        shape: tuple[int, ...],
        draw: Callable[[np.random.Generator, FloatArray], object],
    ) -> FloatArray:
        """(B, *shape), each row filled by `draw(generator, row)`."""
        out = np.empty((len(indices), *shape))
        for row, index in zip(out, indices.tolist(), strict=True):
            draw(self.at(index), row)
        return out  # fmt: skip


def _normal(generator: np.random.Generator, row: FloatArray) -> None:
    generator.standard_normal(out=row)


def _uniform(generator: np.random.Generator, row: FloatArray) -> None:
    generator.random(out=row)


def draw_samples(
    world: World[Any],
    seed: int,
    indices: Sequence[int] | NDArray[np.int64],
    design: Design,
    *,
    responses: bool = True,
) -> Samples:
    """The samples `indices` (B,) of a world under a seed.

    theta is the first of the sample's own prior draws that is valid and whose paths and responses
    are finite. eps is rounded to float32 before anything is simulated, so that the stored
    innovations give the stored trajectories. Responses are per unit of `shock_size`; the
    state-dependent ones start from `state`, the end of the trajectory. `responses=False` leaves
    `irfs` and `irfs_state` out. Raises InputError when a sample finds no valid draw.
    """
    rows = np.asarray(indices, dtype=np.int64)
    key = stream_key(seed, world.name)
    shocks = len(world.shocks)
    eps = (
        _Streams(key, Purpose.INNOVATIONS)
        .fill(rows, (design.quarters, shocks), _normal)
        .astype(np.float32)
    )
    size = _shock_sizes(_Streams(key, Purpose.SHOCK_SIZE).fill(rows, (shocks,), _uniform))
    chain = (
        _Streams(key, Purpose.HIDDEN_CHAIN).fill(rows, (design.quarters,), _uniform)
        if world.hidden_chain
        else None
    )
    parameters = _ParameterDraws(world, key, rows)
    arrays: dict[str, NDArray[Any]] = {}
    pending = np.arange(len(rows))
    while True:
        parameters.advance(pending)
        solution = parameters.solution(pending)
        part = _evaluate(
            world, parameters.theta[pending], solution, eps[pending], size[pending],
            None if chain is None else chain[pending], design.horizon, responses,
        )  # fmt: skip
        if not arrays:
            arrays = part
            whole = solution
        else:
            whole = _put(whole, pending, solution)
            for name, values in part.items():
                arrays[name][pending] = values
        # A valid draw may still defeat a solver on the way; it is drawn again like any other.
        failed = ~np.logical_and.reduce(
            [np.isfinite(v).reshape(len(pending), -1).all(axis=1) for v in part.values()]
        )
        if not failed.any():
            break
        parameters.rejections[Status.NO_CONVERGENCE.name] += int(failed.sum())
        pending = pending[failed]
    trajectories = arrays["trajectories"]
    if design.measurement_noise:
        noise = _Streams(key, Purpose.MEASUREMENT).fill(rows, trajectories.shape[1:], _normal)
        spread = trajectories[:, design.run_in :].std(axis=1, keepdims=True)
        trajectories = trajectories + design.measurement_noise * spread * noise
    arrays["trajectories"] = trajectories.astype(np.float32)
    arrays |= {"theta": parameters.theta, "eps": eps, "shock_size": size}
    if whole is None:
        whole = world.solve(parameters.theta)
    return Samples(rows, arrays, whole, parameters.rejections)


def _evaluate(
    world: World[Any],
    theta: FloatArray,
    solution: Any,
    eps: NDArray[np.float32],
    size: FloatArray,
    chain: FloatArray | None,
    horizon: int,
    responses: bool,
) -> dict[str, NDArray[Any]]:
    """Trajectories (float64 still), final states, flags and responses of solved draws."""
    paths = world.simulate(theta, eps, uniforms=chain, solution=solution)
    state = np.ascontiguousarray(paths.states[:, -1])
    out: dict[str, NDArray[Any]] = {"trajectories": paths.observables, "state": state}
    if world.flag is not None:
        out["flags"] = paths.flags
    if not responses:
        return out
    unit = size[:, :, None, None]
    steady = world.irf(theta, horizon, size, solution=solution)
    out["irfs"] = (steady.values / unit).astype(np.float32)
    if not world.linear:
        usable = np.where(np.isfinite(state), state, 0.0)
        dependent = world.irf(theta, horizon, size, usable, solution=solution)
        out["irfs_state"] = (dependent.values / unit).astype(np.float32)
    return out


def _shock_sizes(u: FloatArray) -> FloatArray:
    """Uniforms (B, S) to sizes uniform on the two intervals of either sign."""
    signed = 2.0 * u - 1.0
    width = MAX_SIZE - MIN_SIZE
    return np.where(signed < 0, -1.0, 1.0) * (MIN_SIZE + width * np.abs(signed))


class _ParameterDraws:
    """Each sample's prior draws in turn: attempt k takes the next P uniforms of its stream, and
    those of dear parameters from its group's, in the same way."""

    def __init__(
        self, world: World[Any], key: NDArray[np.uint64], indices: NDArray[np.int64]
    ) -> None:
        self.theta = np.full((len(indices), len(world.parameters)), np.nan)
        self.rejections: Counter[str] = Counter()
        self._world = world
        self._indices = indices
        self._streams = _Streams(key, Purpose.PARAMETERS)
        self._shared = _Streams(key, Purpose.SIBLINGS)
        self._dear = [world.parameter_names.index(name) for name in world.dear]
        self._next = np.zeros(len(indices), dtype=np.int64)
        self._pieces: list[tuple[NDArray[np.int64], Any]] = []

    def advance(self, rows: NDArray[np.int64]) -> None:
        """Move `theta` of these rows to their next valid draw."""
        count = len(self._world.parameters)
        self._pieces = []
        ahead = _FIRST_ATTEMPTS
        while len(rows):
            first = self._next[rows]
            uniforms = np.empty((len(rows), ahead, count))
            for j, index in enumerate(self._indices[rows].tolist()):
                uniforms[j] = _attempts(self._streams.at(index), int(first[j]), ahead, count)
                if self._dear:
                    group = self._shared.at(index // self._world.siblings)
                    shared = _attempts(group, int(first[j]), ahead, len(self._dear))
                    uniforms[j][:, self._dear] = shared
            waiting = np.arange(len(rows))
            for k in range(ahead):
                theta = self._world.from_uniforms(np.ascontiguousarray(uniforms[waiting, k]))
                solution = self._world.solve(theta)
                status = solution.status
                valid = status == Status.OK
                accepted = rows[waiting[valid]]
                self._next[rows[waiting]] += 1
                self.theta[accepted] = theta[valid]
                self._pieces.append((accepted, _take(solution, valid)))
                for code, number in zip(
                    *np.unique(status[~valid], return_counts=True), strict=True
                ):
                    self.rejections[Status(int(code)).name] += int(number)
                waiting = waiting[~valid]
                if not len(waiting):
                    return
            rows = rows[waiting]
            if (self._next[rows] >= _MAX_ATTEMPTS).any():
                reasons = ", ".join(f"{name} {n}" for name, n in self.rejections.most_common())
                raise InputError(
                    f"world {self._world.name!r}: no valid draw in {_MAX_ATTEMPTS} attempts "
                    f"of one sample ({reasons}); its prior is misstated"
                )
            ahead *= 2

    def solution(self, rows: NDArray[np.int64]) -> Any:
        """The solution of `theta[rows]`, the rows of the last `advance`, without solving again."""
        pieces = [(where, piece) for where, piece in self._pieces if len(where)]
        if any(piece is None for _, piece in pieces):
            return self._world.solve(self.theta[rows])
        order = np.argsort(np.concatenate([where for where, _ in pieces]))
        kind = type(pieces[0][1])
        columns = zip(*(_columns(piece) for _, piece in pieces), strict=True)
        return kind(*(c[0] if isinstance(c[0], int) else np.concatenate(c)[order] for c in columns))


def _attempts(generator: np.random.Generator, first: int, ahead: int, count: int) -> FloatArray:
    """Uniforms (ahead, count) of a stream at its start, after those of `first` attempts."""
    if first:
        generator.random(first * count)
    return generator.random((ahead, count))


def _columns(solution: Any) -> list[Any]:
    if dataclasses.is_dataclass(solution):
        return [getattr(solution, f.name) for f in dataclasses.fields(solution)]
    return list(solution) if isinstance(solution, tuple) else [None]


def _by_row(solution: Any, rows: int) -> bool:
    """Whether it is a record of arrays with one row a draw, and of whole numbers for all."""
    return all(
        isinstance(c, int) or (isinstance(c, np.ndarray) and c.shape[:1] == (rows,))
        for c in _columns(solution)
    )


def _take(solution: Any, rows: NDArray[np.bool_]) -> Any:
    """Some rows of a solution; None when it has none (`_by_row`)."""
    if not _by_row(solution, len(rows)):
        return None
    columns = _columns(solution)
    return type(solution)(*(c if isinstance(c, int) else c[rows] for c in columns))


def _put(whole: Any, rows: NDArray[np.int64], part: Any) -> Any:
    """A solution with those of `part` in some rows, in place; None when it has none."""
    if whole is None or not _by_row(part, len(rows)):
        return None
    for column, new in zip(_columns(whole), _columns(part), strict=True):
        if not isinstance(column, int):
            column[rows] = new
    return whole
