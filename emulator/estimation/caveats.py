"""What makes an estimate less trustworthy, a sentence each."""

from __future__ import annotations

from typing import Any

import numpy as np

from emulator.estimation.bands import scaled
from emulator.estimation.drawn import Drawn
from emulator.estimation.posterior import forgotten
from emulator.limits import ENOUGH_QUARTERS, MANY_QUARTERS, ONE_SIDE, OWN_MEAN
from emulator.specs import OBSERVABLE_NAMES
from emulator.worlds import World
from emulator.worlds.base import FloatArray

# Beyond these a caveat is given: means known to a tenth of an s.d.; runs as far apart as
# is worried about (Stan's bound); evidence known to a factor of e^.5, beneath which differences
# are barely worth mentioning (Jeffreys 1961, app. B); moves that are hardly ever accepted.
FEWEST_EFFECTIVE, LARGEST_R_HAT, LARGEST_ERROR, LEAST_ACCEPTANCE = 100, 1.05, 0.5, 0.05
# Where a network's draws are worth less than this share of them, a few weigh most, and how much
# they are worth is itself badly known.
LEAST_SHARE = 0.1


def turned(world: World[Any], drawn: FloatArray, impact: tuple[int, float]) -> list[str]:
    """Which shocks' responses are not those of one economy once they are scaled."""
    place, size = impact
    name = OBSERVABLE_NAMES[place]
    shares = (drawn[:, :, 0, place] * size < 0.0).mean(axis=0)
    lost = np.isnan(scaled(drawn, place, size)).any(axis=(2, 3)).mean(axis=0)
    out = []
    for shock, share, none in zip(world.shock_names, shares, lost, strict=True):
        if none > 0.0:
            out.append(f"{shock}: {name} hardly moves at once in {none:.0%} of draws; not scaled")
        elif share > 0.0:
            out.append(f"{shock}: {name} moves the other way in {share:.0%} of draws, turned over")
    return out


def _of_instant(found: Drawn) -> list[str]:
    """What kind of draws those of a learned posterior are."""
    said = found.instant
    if said is None:
        return []
    target = found.target
    learned = "a posterior learned on histories of 40 to 240 quarters without gaps or noise"
    unseen = []
    if said.read < len(target.history):
        unseen.append(f"has read {said.read} of these {len(target.history)} quarters")
    if target.noise.any():
        unseen.append("knows nothing of the noise given")
    drawn = f"drawn from {learned}" + (f", which {' and '.join(unseen)}" if unseen else "")
    if said.effective is None:
        return [f"instant: {drawn}; there is no exact likelihood to correct it by"]
    worth = f"{said.proposed} draws are worth {said.effective:.0f} independent ones"
    if said.corrected:
        whole = " of all quarters and the noise given" if unseen else ""
        return [f"instant, corrected: {drawn}, weighted by exact likelihoods{whole}; {worth}"]
    return [
        f"instant, not corrected: {drawn}; {worth}, too few to weigh them by exact likelihoods "
        "or to know the evidence: leave out instant for the exact posterior"
    ]


def levels_left_in(history: FloatArray) -> list[str]:
    """Which series of a history (T, 3), NaN where a number is missing, are no deviations from a
    mean or trend, by what answers from data take for such."""
    out = []
    for name, column in zip(OBSERVABLE_NAMES, history.T, strict=True):
        own = column[~np.isnan(column)]
        if len(own) < ENOUGH_QUARTERS or not own.std():
            continue
        side = max((own > 0.0).mean(), (own < 0.0).mean())
        if len(own) >= MANY_QUARTERS and abs(own.mean()) >= OWN_MEAN * own.std():
            told = f"has a mean {abs(own.mean()) / own.std():.2g} times its own s.d."
        elif side >= ONE_SIDE:
            told = f"is on one side of zero in {side:.0%} of the quarters"
        else:
            continue
        out.append(
            f"history: {name} {told}: take the deviation from its mean or trend, and levels rather "
            "than growth rates"
        )
    return out


def caveats(found: Drawn, error: float, effective: FloatArray, hats: FloatArray) -> list[str]:
    names, done, said = found.target.prior.names, found.runs, found.correction
    more = "more draws help"
    out = _of_instant(found) + levels_left_in(found.target.history)
    if said is not None and said.effective < LEAST_SHARE * said.solutions:
        out.append(
            f"the network is not good enough for this history: {said.solutions} exact solutions "
            f"of its draws are worth {said.effective:.0f} independent ones; train it further"
        )
    fewest = int(np.argmin(effective))
    if effective[fewest] < FEWEST_EFFECTIVE:
        out.append(
            f"the draws of {names[fewest]} are worth {effective[fewest]:.0f} independent ones, "
            f"fewer than {FEWEST_EFFECTIVE}; {more}"
        )
    if len(done) > 1 and hats.max() > LARGEST_R_HAT:
        worst = int(np.argmax(hats))
        out.append(f"runs disagree on {names[worst]} (R-hat {hats[worst]:.2f}); {more}")
    if error > LARGEST_ERROR:
        out.append(f"the log evidence is known to {error:.1f} only; {more}")
    stuck = sum(p.last_correlation > forgotten(len(p.theta)) for p in done)
    if stuck:
        out.append(
            f"in {stuck} of {len(done)} runs moves ended before draws had forgotten where they were"
        )
    if min(p.acceptance for p in done) < LEAST_ACCEPTANCE:
        out.append(f"moves were accepted in less than {LEAST_ACCEPTANCE:.0%} of cases; {more}")
    return out
