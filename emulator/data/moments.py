"""Normalisation moments that merge across shards.

A shard keeps count, mean and sum of squared deviations; two of them merge exactly (Chan, Golub and
LeVeque 1983, The American Statistician 37(3)). Shards are always merged in their order, so the
result does not depend on how many processes wrote them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.compiled import compiled

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Running:
    """Count, mean and summed squared deviations over a leading axis; `mean` may have any shape."""

    count: int
    mean: FloatArray
    m2: FloatArray

    @classmethod
    def of(cls, values: NDArray[Any]) -> Running:
        """The moments of values (K, ...) over their first axis, in float64."""
        shape = values.shape[1:]
        cells = int(np.prod(shape))
        mean, m2 = _moments(np.ascontiguousarray(values).reshape(len(values), cells))
        return cls(len(values), mean.reshape(shape), m2.reshape(shape))

    def merge(self, other: Running) -> Running:
        """The moments of both sets of values together."""
        count = self.count + other.count
        if not count:
            return self
        delta = other.mean - self.mean
        mean = self.mean + delta * (other.count / count)
        m2 = self.m2 + other.m2 + delta**2 * (self.count * other.count / count)
        return Running(count, mean, m2)

    def sd(self, axes: tuple[int, ...] = ()) -> FloatArray:
        """The s.d. (divisor: the number of values) after pooling over `axes` of `mean`."""
        grand = self.mean.mean(axis=axes, keepdims=True)
        total = (self.m2 + self.count * (self.mean - grand) ** 2).sum(axis=axes)
        cells = np.prod([self.mean.shape[a] for a in axes], dtype=np.int64)
        return np.asarray(np.sqrt(total / (max(self.count, 1) * cells)))

    def to_json(self) -> dict[str, Any]:
        return {"count": self.count, "mean": self.mean.tolist(), "m2": self.m2.tolist()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Running:
        """The inverse of `to_json`. Raises ValueError, TypeError or KeyError for anything else."""
        mean, m2 = (np.asarray(data[k], dtype=np.float64) for k in ("mean", "m2"))
        if not isinstance(data["count"], int) or data["count"] < 0:
            raise ValueError(f"count: {data['count']!r}")
        if mean.shape != m2.shape or not np.isfinite(mean).all() or not (m2 >= 0).all():
            raise ValueError("mean and m2 are not those of anything")
        return cls(data["count"], mean, m2)


@compiled()
def _moments(values: NDArray[Any]) -> tuple[FloatArray, FloatArray]:
    """Means and summed squared deviations of the columns of (K, M), in two passes, float64."""
    rows, columns = values.shape
    mean, m2 = np.zeros(columns), np.zeros(columns)
    for r in range(rows):
        for c in range(columns):
            mean[c] += values[r, c]
    for c in range(columns):
        mean[c] /= max(rows, 1)
    for r in range(rows):
        for c in range(columns):
            deviation = values[r, c] - mean[c]
            m2[c] += deviation * deviation
    return mean, m2


@dataclass(frozen=True)
class Moments:
    """Moments of one world's training split, in the observables' units.

    count: training samples. irf_mean (S, H+1, 3): mean per-unit response. irf_sd (S, 3): s.d. over
    samples and horizons, the sigma of the NRMSE. irf_sd_pooled (3,): the same over shocks too. The
    `irf_state_` ones are those of state-dependent responses. traj_mean, traj_sd (3,): of the
    trajectories after the run-in.
    """

    count: int
    irf_mean: FloatArray
    irf_sd: FloatArray
    irf_sd_pooled: FloatArray
    irf_state_mean: FloatArray
    irf_state_sd: FloatArray
    irf_state_sd_pooled: FloatArray
    traj_mean: FloatArray
    traj_sd: FloatArray


@dataclass(frozen=True)
class WorldMoments:
    """What is accumulated for a world: responses by cell, trajectories by observable."""

    irfs: Running
    irfs_state: Running
    trajectories: Running

    @classmethod
    def of(
        cls, irfs: NDArray[Any], irfs_state: NDArray[Any] | None, trajectories: NDArray[Any]
    ) -> WorldMoments:
        """From training samples: (K, S, H+1, 3) twice and (K, T, 3) without the run-in."""
        steady = Running.of(irfs)
        return cls(
            steady,
            steady if irfs_state is None else Running.of(irfs_state),
            Running.of(trajectories.reshape(-1, trajectories.shape[-1])),
        )

    def check(self, shocks: int, horizon: int, observables: int) -> None:
        """ValueError where these are not of a world with such numbers, up to this horizon."""
        response = (shocks, horizon + 1, observables)
        shapes = (response, response, (observables,))
        found = (self.irfs, self.irfs_state, self.trajectories)
        for running, shape in zip(found, shapes, strict=True):
            if running.mean.shape != shape:
                raise ValueError(f"expected moments of shape {shape}, found {running.mean.shape}")

    def merge(self, other: WorldMoments) -> WorldMoments:
        return WorldMoments(
            self.irfs.merge(other.irfs),
            self.irfs_state.merge(other.irfs_state),
            self.trajectories.merge(other.trajectories),
        )

    def finish(self) -> Moments:
        steady, dependent, path = self.irfs, self.irfs_state, self.trajectories
        return Moments(
            count=steady.count,
            irf_mean=steady.mean,
            irf_sd=steady.sd((1,)),
            irf_sd_pooled=steady.sd((0, 1)),
            irf_state_mean=dependent.mean,
            irf_state_sd=dependent.sd((1,)),
            irf_state_sd_pooled=dependent.sd((0, 1)),
            traj_mean=path.mean,
            traj_sd=path.sd(),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "irfs": self.irfs.to_json(),
            "irfs_state": self.irfs_state.to_json(),
            "trajectories": self.trajectories.to_json(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> WorldMoments:
        return cls(*(Running.from_json(data[k]) for k in ("irfs", "irfs_state", "trajectories")))
