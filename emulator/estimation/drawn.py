"""Draws of posteriors by independent runs: exact ones, a network's, corrected, and learned ones.

Runs come first, of all worlds; then, for worlds whose runs asked a network, draws of their prior
and all draws of the runs are solved, batch by batch. Both are kept as they are done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from emulator.errors import InputError
from emulator.estimation.correction import PRIOR_SOLVED, Exact, batches, corrected, joined, solve
from emulator.estimation.diagnostics import evidence
from emulator.estimation.emulated import solved, through
from emulator.estimation.instant import Instant, answer
from emulator.estimation.kind_of_data import unlike
from emulator.estimation.posterior import Posterior, Target
from emulator.estimation.priors import OwnPrior
from emulator.estimation.runs import Run, perform
from emulator.progress import Progress
from emulator.seeding import derived_seed
from emulator.worlds import Status
from emulator.worlds.lanes import LANES


@dataclass(frozen=True)
class Correction:
    """How a network's draws were corrected: exact `solutions` of draws, worth `effective`
    independent draws of the exact posterior. log_evidence: what the network made of it."""

    solutions: int
    effective: float
    log_evidence: float


@dataclass(frozen=True)
class Drawn:
    """The posterior of a world by independent runs.

    target: whose world answers at the draws; prior: the same, whose prior is drawn from. admitted:
    the share of these that the exact prior admits, as far as `prior` does not know it itself.
    """

    target: Target
    prior: Target
    runs: list[Posterior]
    admitted: float = 1.0
    correction: Correction | None = None
    instant: Instant | None = None


@dataclass(frozen=True)
class Sampling:
    """How to draw. weights: folders, by the worlds that are drawn through a network. starts:
    folders of learned posteriors, by the worlds that start from one. instant: their draws are the
    answer. particles: of each of the `count` runs. folder: where stages are kept."""

    weights: Mapping[str, tuple[str, ...]]
    starts: Mapping[str, str]
    instant: bool
    particles: int
    count: int
    seed: int
    folder: Path | None
    workers: int
    progress: Progress


def _require_shocks(target: Target) -> None:
    """InputError where fewer shocks than series make the history impossible, but for a chance."""
    seen = ~np.isnan(target.history).all(axis=0)
    exact = int((seen & (target.noise == 0.0)).sum())
    shocks = len(target.world.shock_names)
    if exact > shocks:
        has = f"has {shocks} shock{'s' if shocks > 1 else ''} for {exact} series without noise"
        raise InputError(
            f"world {target.world.name!r} {has}, which then follow from each other exactly: give "
            "measurement noise, as --noise output=0.1, or leave a column empty"
        )


def draw(targets: dict[str, Target], how: Sampling) -> dict[str, Drawn]:
    """The posteriors of worlds by the names that `get_world` takes. Raises InputError where no
    world makes such a history, or a network is too far from its world."""
    for target in targets.values():
        _require_shocks(target)
    priors = {name: _prior(targets[name], weights) for name, weights in how.weights.items()}
    apart = [unlike(target, how.seed) for target in (targets | priors).values()]
    if all(apart):  # beside a world that makes such data, the evidence says it
        raise InputError(apart[0])
    jobs = [
        Run(
            name, how.weights.get(name, ()), how.starts.get(name), target.history, target.noise,
            how.particles, how.seed, number, _file(how.folder, f"{target.world.name}-{number}.npz"),
        )
        for name, target in targets.items()
        for number in range(how.count)
    ]  # fmt: skip
    if how.instant:
        return _instant(targets, jobs, how.progress)
    a_run, of_prior = -(-how.particles // LANES), -(-PRIOR_SOLVED // LANES)
    total = len(jobs) + len(how.weights) * (how.count * a_run + of_prior)
    found: dict[tuple[str, int], Posterior] = {}
    how.progress(0, total, "")
    for run, posterior in perform(jobs, how.workers):
        found[run.world, run.number] = posterior
        note = f"{run.world}: log evidence {posterior.log_evidence:.1f}"
        how.progress(len(found), total, note)
    runs = {name: [found[name, number] for number in range(how.count)] for name in targets}
    exact = {name: Drawn(target, target, runs[name]) for name, target in targets.items()}
    return exact | _corrected(targets, priors, runs, how, total)


def _instant(
    targets: Mapping[str, Target], jobs: Sequence[Run], progress: Progress
) -> dict[str, Drawn]:
    found = {}
    for place, (name, target) in enumerate(targets.items()):

        def told(done: int, total: int, note: str, place: int = place) -> None:
            progress(place * total + done, len(targets) * total, note)

        runs, said = answer(target, [run for run in jobs if run.world == name], told)
        found[name] = Drawn(target, target, runs, instant=said)
    return found


def _prior(target: Target, weights: tuple[str, ...]) -> Target:
    """The target whose prior and world are a network's."""
    return replace(target, prior=OwnPrior(through(target.world, weights)[0]))


def _file(folder: Path | None, name: str) -> Path | None:
    return None if folder is None else folder / name


def _corrected(
    targets: Mapping[str, Target],
    priors: Mapping[str, Target],
    runs: Mapping[str, list[Posterior]],
    how: Sampling,
    total: int,
) -> dict[str, Drawn]:
    """The posteriors of the worlds that were drawn through a network. total: steps of progress."""
    jobs = []
    for name, prior in priors.items():
        rng = np.random.default_rng(derived_seed(how.seed, "admitted", prior.world.name))
        sets = {"prior": prior.prior.theta(prior.draw(PRIOR_SOLVED, rng)[0])}
        sets |= {str(number): one.theta for number, one in enumerate(runs[name])}
        for label, theta in sets.items():
            jobs += batches((name, label), theta, targets[name], how.folder)
    done = total - len(jobs)
    parts: dict[tuple[str, str], dict[int, Exact]] = {}
    for job, exact in solve(jobs, how.workers):
        parts.setdefault(job.of, {})[job.number] = exact
        done += 1
        how.progress(done, total, f"{job.of[0]}: solved exactly")
    whole = {of: joined([some[k] for k in sorted(some)]) for of, some in parts.items()}
    return {
        name: _of_world(
            targets[name],
            prior,
            runs[name],
            {label: exact for (of, label), exact in whole.items() if of == name},
            how.seed,
        )
        for name, prior in priors.items()
    }


def _of_world(
    target: Target,
    prior: Target,
    runs: list[Posterior],
    exact: Mapping[str, Exact],
    seed: int,
) -> Drawn:
    world = target.world
    admitted = float((exact["prior"].status == Status.OK).mean())
    if not admitted:
        raise InputError(
            f"world {world.name!r}: none of {PRIOR_SOLVED} draws of the prior has a solution"
        )
    found = []
    for number, posterior in enumerate(runs):
        rng = np.random.default_rng(derived_seed(seed, "correct", world.name, number))
        found.append(corrected(posterior, exact[str(number)], admitted, rng))
    theta = np.concatenate([one.posterior.theta for one in found])
    system = joined(
        [
            Exact(*(part[one.chosen] for part in exact[str(number)]))
            for number, one in enumerate(found)
        ]
    ).system
    known = OwnPrior(solved(world, theta, system))
    said = Correction(
        len(theta),
        sum(one.effective for one in found),
        evidence([one.log_evidence for one in runs])[0],
    )
    posteriors = [one.posterior for one in found]
    return Drawn(replace(target, prior=known), prior, posteriors, admitted, said)
