"""Is a history of the kind that a world makes? Mistaken units and levels, before any work."""

from __future__ import annotations

import numpy as np

from emulator.errors import InputError
from emulator.estimation.posterior import Target
from emulator.estimation.predictive import histories
from emulator.limits import LARGEST_MEAN, LARGEST_SD, SMALLEST_SD
from emulator.seeding import derived_seed
from emulator.specs import OBSERVABLE_NAMES

DRAWN = 200  # histories under the prior


def check_kind(prior: Target, seed: int) -> None:
    """Refuse a history whose s.d.s or means no history under the prior has, and that are far from
    the usual ones, as answers from data do. Raises InputError."""
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
        low = min(sds.min(), SMALLEST_SD * usual)
        high = max(sds.max(), LARGEST_SD * usual)
        beside = f"where {usual:.3g} is a usual s.d. in world {world.name!r}"
        # An observable that no shock moves is left to its likelihood.
        if usual and not low <= own.std() <= high:
            raise InputError(
                f"history: {name} has an s.d. of {own.std():.3g}, {beside}; expected its unit, "
                f"{observable.unit}"
            )
        if usual and abs(own.mean()) > max(means.max(), LARGEST_MEAN * usual):
            raise InputError(
                f"history: {name} has a mean of {own.mean():.3g}, {beside}; expected the deviation "
                "from its mean or trend"
            )
