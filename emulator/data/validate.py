"""Checking a data set: files, schema, values, splits, and samples computed again.

A damaged or missing file raises DatasetError; a check that falls short is reported, so that all of
them are seen at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.data.dataset import Dataset, check_content
from emulator.data.moments import WorldMoments
from emulator.data.samples import draw_samples
from emulator.data.schema import SPLITS, DataConfig, Layout, fingerprint, layout
from emulator.data.shards import sample_checksums
from emulator.data.splits import split_codes
from emulator.errors import InputError, UnknownNameError
from emulator.limits import MAX_SIZE, MIN_SIZE
from emulator.progress import Progress, silent
from emulator.seeding import derived_seed
from emulator.worlds import Status, World, get_world

# Samples of each world that are drawn again from the seed and solved again from the stored theta.
RECOMPUTED = 64
# Stored responses and paths are float32 (relative rounding 6e-8) of float64 numbers that another
# machine's LAPACK or libm computes to about 1e-9; relative to the largest number of the sample.
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Check:
    """One promise about a data set, whether it holds, and what was found."""

    name: str
    world: str | None
    passed: bool
    detail: str


def validate(path: str | Path, progress: Progress = silent) -> list[Check]:
    """Every check of the data set at `path`, passed or not, in a fixed order.

    Raises DatasetError, naming file and remedy, when a file is missing or its bytes have changed.
    """
    data = Dataset.open(path)
    config = data.manifest.config
    steps = len(data.manifest.files) + len(config.tasks())
    done = 0
    for name in data.manifest.files:
        check_content(data.path, name, data.manifest)
        done += 1
        progress(done, steps, "checksums")
    checks = [Check("checksums", None, True, f"{len(data.manifest.files)} files")]
    for name in data.worlds:
        world, check = _same_world(data, name)
        checks.append(check)
        if world is None:
            # Computing with another world would call good data damaged.
            done += config.shards
            progress(done, steps, name)
            continue
        scan = _Scan(data, world)
        for shard in range(config.shards):
            scan.add(config.shard_range(shard))
            done += 1
            progress(done, steps, name)
        checks.extend(scan.checks())
        checks.extend(_recompute(data, world))
    return checks


def _same_world(data: Dataset, name: str) -> tuple[World[Any] | None, Check]:
    """The world, when this program has it as it was when the data were drawn."""
    remedy = f"the data were written at {data.manifest.code.commit}, check them with that program"
    try:
        world = get_world(name)
    except (UnknownNameError, InputError):
        return None, Check("world", name, False, f"not in this program; {remedy}")
    if fingerprint(world.spec) != fingerprint(data.spec(name)):
        return None, Check("world", name, False, f"its spec has changed since; {remedy}")
    return world, Check("world", name, True, "its spec is the one in this program")


class _Scan:
    """One pass over a world's samples, a shard at a time, and what it found."""

    def __init__(self, data: Dataset, world: World[Any]) -> None:
        self._data, self._world = data, world
        self._config: DataConfig = data.manifest.config
        self._arrays: tuple[Layout, ...] = layout(data.spec(world.name), self._config)
        self._params = data.params(
            world.name, ["index", "split", "status", "crc32c", *world.parameter_names]
        )
        self._bad: dict[str, int] = {}
        self._digest = hashlib.sha256()
        self._moments: WorldMoments | None = None
        self._counts = np.zeros(len(SPLITS), dtype=np.int64)

    def add(self, indices: range) -> None:
        """Check one shard's samples."""
        world, config = self._world, self._config
        rows = np.arange(indices.start, indices.stop)
        values = self._data.read(world.name, rows, [a.name for a in self._arrays])
        part = {k: v[indices.start : indices.stop] for k, v in self._params.items()}
        theta, codes = values["theta"], np.array([SPLITS.index(s) for s in part["split"]])
        self._counts += np.bincount(codes, minlength=len(SPLITS))

        finite = [np.isfinite(v).reshape(len(rows), -1).all(axis=1) for v in values.values()]
        self._count("finite", ~np.logical_and.reduce(finite))
        solution = world.solve(theta)
        self._count("bounds", solution.status != Status.OK)
        size = np.abs(values["shock_size"])
        self._count("shock_size", ((size < MIN_SIZE) | (size > MAX_SIZE)).any(axis=1))

        # The rules are computed again from theta, not from what was written.
        expected = split_codes(world, config, rows, theta, solution)
        self._count("splits", codes != expected)
        columns = np.array([part[p] for p in world.parameter_names]).T
        same = (columns == theta).all(axis=1) & (np.array(part["index"]) == rows)
        self._count("params", ~same | (np.array(part["status"]) != Status.OK.name))

        crc = sample_checksums(values, self._arrays, codes.astype(np.int8))
        self._count("contents", crc != np.array(part["crc32c"], dtype=np.uint32))
        self._digest.update(crc.astype("<u4").tobytes())
        train = codes == SPLITS.index("train")
        moments = WorldMoments.of(
            values["irfs"][train],
            None if world.linear else values["irfs_state"][train],
            values["trajectories"][train, config.run_in :],
        )
        self._moments = moments if self._moments is None else self._moments.merge(moments)

    def _count(self, name: str, bad: NDArray[np.bool_]) -> None:
        self._bad[name] = self._bad.get(name, 0) + int(bad.sum())

    def checks(self) -> Iterator[Check]:
        """What the pass found, once every shard was added."""
        name, manifest = self._world.name, self._data.manifest
        record = manifest.worlds[name]
        yield Check("schema", name, True, f"{len(self._arrays)} arrays of {record.samples} samples")
        promises = {
            "finite": "finite values in every array",
            "bounds": "theta inside its bounds, with a unique stable solution",
            "shock_size": f"sizes from {MIN_SIZE} to {MAX_SIZE} in modulus",
            "splits": "each sample in the one split its rules give (hold-outs pure)",
            "params": "params.parquet agrees with the arrays",
            "contents": "each sample has its CRC",
        }
        for key, promise in promises.items():
            bad = self._bad[key]
            yield Check(
                key, name, not bad, promise if not bad else f"{bad} samples fail: {promise}"
            )
        counts = dict(zip(SPLITS, self._counts.tolist(), strict=True))
        same = counts == record.splits and self._digest.hexdigest() == record.contents
        detail = f"counts {counts}" if same else f"found {counts}, written {record.splits}"
        yield Check("manifest", name, same, f"{detail}, contents hash recomputed")
        assert self._moments is not None
        found, written = self._moments.finish(), self._data.moments(name)
        # Both merge the same shards in the same order, in float64: only libraries can differ.
        close = all(
            np.allclose(getattr(found, k), getattr(written, k), rtol=1e-9, atol=1e-12)
            for k in found.__dataclass_fields__
        )
        verb = "agrees with" if close else "differs from"
        yield Check("moments", name, close, f"moments.json {verb} the training samples")


def _recompute(data: Dataset, world: World[Any]) -> Iterator[Check]:
    """Some samples again: drawn from the seed, and solved from the stored theta and eps."""
    config = data.manifest.config
    rng = np.random.Generator(np.random.Philox(derived_seed(config.seed, "validate", world.name)))
    count = min(RECOMPUTED, config.samples)
    rows = np.sort(rng.choice(config.samples, count, replace=False))
    names = [a.name for a in layout(data.spec(world.name), config)]
    stored = data.read(world.name, rows, names)
    drawn = draw_samples(world, config.seed, rows, config).arrays
    worst = max(_distance(stored[k], drawn[k]) for k in names)
    detail = f"{count} samples drawn again from the seed differ by {worst:.1e} at most"
    yield Check("redrawn", world.name, worst <= _TOLERANCE, detail)

    size = stored["shock_size"]
    again = {"irfs": world.irf(stored["theta"], config.horizon, size).values}
    if not world.linear:
        again["irfs_state"] = world.irf(
            stored["theta"], config.horizon, size, stored["state"]
        ).values
    if not world.hidden_chain and not config.measurement_noise:
        again["trajectories"] = world.simulate(stored["theta"], stored["eps"]).observables
    unit = size[:, :, None, None]
    worst = max(
        _distance(stored[k] * (1.0 if k == "trajectories" else unit), v) for k, v in again.items()
    )
    detail = f"{', '.join(again)} of {count} samples solved again differ by {worst:.1e} at most"
    yield Check("recomputed", world.name, worst <= _TOLERANCE, detail)


def _distance(stored: NDArray[Any], exact: NDArray[Any]) -> float:
    """The largest difference, each sample's relative to its largest number."""
    rows = len(stored)
    flat, other = (np.asarray(v, dtype=np.float64).reshape(rows, -1) for v in (stored, exact))
    scale = np.abs(other).max(axis=1, keepdims=True)
    gap = np.abs(flat - other) / np.where(scale > 0, scale, 1.0)
    # NaN on either side is a difference, not something max may drop.
    return float(np.nan_to_num(gap, nan=np.inf).max())
