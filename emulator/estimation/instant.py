"""Draws of a learned posterior as the answer, corrected where they are worth enough to be.

Run after run in this process, each kept as it is done: another takes longer to start than most
worlds' draws take.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from emulator.estimation.kept import keep_drawn, kept_drawn
from emulator.estimation.likelihoods import has_likelihood
from emulator.estimation.posterior import Posterior, Target
from emulator.estimation.runs import Run, key_of
from emulator.progress import Progress
from emulator.seeding import derived_seed

TRIED = 4  # draws weighted for each that is kept: of a hundred some ten count
# Weighted draws of a run worth fewer than this tell less of a posterior than what was learned does.
ENOUGH = 100

Worth = tuple[Posterior, float]  # draws, and how many independent ones they are worth


@dataclass(frozen=True)
class Instant:
    """How draws of a learned posterior became the answer. proposed: how many there were. read: how
    many of the history's quarters it was asked with. effective: how many independent draws of the
    exact posterior they are worth, None where the world has no exact likelihood. corrected: whether
    they were weighted by it and resampled."""

    proposed: int
    read: int
    effective: float | None
    corrected: bool


def answer(
    target: Target, runs: Sequence[Run], progress: Progress
) -> tuple[list[Posterior], Instant]:
    """The posterior of every run. progress: is told of two steps a run, weighted draws and, where
    these are not enough, draws of what was learned alone. Raises InputError where a file kept is
    damaged or of another run."""
    # Imported here: without one, worlds are estimated without torch, which takes seconds.
    from emulator.estimation.learned import as_learned, at_once, learned, read, stretch, thinned

    world, folder, particles = target.world, runs[0].start, runs[0].particles
    assert folder is not None
    found = read(folder, world)
    begun = replace(target, start=learned(found, target.history))
    streams = [
        np.random.default_rng(derived_seed(run.seed, "instant", world.name, run.number))
        for run in runs
    ]
    proposed, seen = TRIED * particles * len(runs), len(stretch(target.history))

    def drawn(done: int, end: str, make: Callable[[np.random.Generator], Worth]) -> list[Worth]:
        """Of every run what `make` draws from its stream. done: steps before. end: of files."""
        out = []
        for run, rng in zip(runs, streams, strict=True):
            path = None if run.kept is None else run.kept.with_stem(run.kept.stem + end)
            out.append(_kept(path, key_of(run, world, "", found.sha256, instant=True), rng, make))
            done += 1
            progress(done, 2 * len(runs), f"{world.name}: instant")
        return out

    progress(0, 2 * len(runs), f"{world.name}: instant")
    effective = None
    if has_likelihood(world.solve(world.pack()[None])):
        tried = drawn(0, "", lambda rng: at_once(begun, TRIED * particles, rng))
        effective = sum(worth for _, worth in tried)
        if min(worth for _, worth in tried) >= ENOUGH:
            pairs = zip(tried, streams, strict=True)
            answer = [thinned(posterior, TRIED, rng) for (posterior, _), rng in pairs]
            return answer, Instant(proposed, seen, effective, True)
    alone = drawn(len(runs), "-learned", lambda rng: (as_learned(begun, particles, rng), math.nan))
    return [posterior for posterior, _ in alone], Instant(proposed, seen, effective, False)


def _kept(
    path: Path | None,
    key: str,
    rng: np.random.Generator,
    make: Callable[[np.random.Generator], Worth],
) -> Worth:
    """What is kept at `path`, with `rng` as it was left, or made and kept there."""
    known = None if path is None else kept_drawn(path, key, Posterior, rng)
    if known is not None:
        return known[0], float(known[1]["worth"])
    posterior, worth = make(rng)
    if path is not None:
        keep_drawn(path, key, posterior, rng, worth=worth)
    return posterior, worth
