"""Is a history of the kind that a world makes? Mistaken units and levels, before any work."""

from __future__ import annotations

import numpy as np

from emulator.estimation.posterior import Target
from emulator.estimation.predictive import histories
from emulator.limits import LARGEST_MEAN, LARGEST_SD, SMALLEST_SD
from emulator.seeding import derived_seed
from emulator.specs import OBSERVABLE_NAMES

DRAWN = 200  # histories under the prior
# How far beyond the most extreme of them a history may be: a world's own are never refused.
BEYOND = 5.0


def unlike(prior: Target, seed: int) -> str:
    """What sets the history apart from those under the prior, empty where nothing does: s.d.s or
    means that are far from the usual ones, as answers from data have it, and from the most extreme.
    """
    world, history = prior.world, prior.history
    rng = np.random.default_rng(derived_seed(seed, "kind", world.name))
    z, _ = prior.draw(DRAWN, rng)
    made = histories(prior, prior.prior.theta(z), rng)
    for j, observable in enumerate(world.spec.observables):
        there = ~np.isnan(history[:, j])
        own, others = history[there, j], made[:, there, j]
        others = others[np.isfinite(others).all(axis=1)]
        if not own.size or not len(others):
            continue
        sds, means = others.std(axis=1), np.abs(others.mean(axis=1))
        name, usual = OBSERVABLE_NAMES[j], float(np.median(sds))
        low = min(sds.min() / BEYOND, SMALLEST_SD * usual)
        high = max(BEYOND * sds.max(), LARGEST_SD * usual)
        beside = f"where {usual:.3g} is a usual s.d. in world {world.name!r}"
        # An observable that no shock moves is left to its likelihood.
        if usual and not low <= own.std() <= high:
            return (
                f"history: {name} has an s.d. of {own.std():.3g}, {beside}; expected its unit, "
                f"{observable.unit}"
            )
        if usual and abs(own.mean()) > max(BEYOND * means.max(), LARGEST_MEAN * usual):
            return (
                f"history: {name} has a mean of {own.mean():.3g}, {beside}; expected the deviation "
                "from its mean or trend"
            )
    return ""
