"""Draws of the grammar: an economy, a question about it, its answer, and data sets to find it from.

Three questions, which data alone can answer:

    observed    the response to a shock that is a column of the data
    recursive   the response to a series' innovation, the series ahead of it held fixed, that raises
                it by one
    proxy       the response to a shock, per rise of a series on impact; a column of the data, the
                instrument, is the shock with noise

Draw i under a seed depends on both alone.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from emulator.econometrics.question import FloatArray
from emulator.errors import InputError
from emulator.foreign.grammar.disturbances import disturbances, drift
from emulator.foreign.grammar.expectations import expectations
from emulator.foreign.grammar.families import autoregression, factors, waves
from emulator.foreign.grammar.series import (
    BoolArray,
    differenced,
    integrated,
    scaled,
    summed,
)
from emulator.foreign.linear_economy import (
    Economy,
    innovations,
    recursive,
    simulated,
    to_innovation,
)
from emulator.seeding import Purpose, stream, stream_key

Kind = Literal["observed", "recursive", "proxy"]
KINDS: tuple[Kind, ...] = ("observed", "recursive", "proxy")

LEAST_SERIES, MOST_SERIES = 2, 8  # of a data set, shock or instrument among them
LEAST_QUARTERS, MOST_QUARTERS = 80, 250
HORIZONS = (20, 40)
LONG_FROM = 121  # quarters: shorter data are asked about the first of them alone
BURN_IN = 200
SAMPLES = 4  # data sets a draw: an economy costs more to draw than its data
LEAST_IMPACT = 0.05  # in s.d.s of changes, on the series whose rise an instrument is scaled by
LARGEST = 1e3  # responses: an innovation of almost nothing
FAMILIES = {
    "factors": (factors, 0.55),
    "autoregression": (autoregression, 0.15),
    "waves": (waves, 0.05),
    "expectations": (expectations, 0.25),
}


class Drawn(NamedTuple):
    """An economy of the grammar.

    direction (k,): its named shock, of length one. differences (n,): series that are changes, as
    their user knows. integrated (n,): series in which some innovation stays for ever.
    """

    family: str
    economy: Economy
    direction: FloatArray
    differences: BoolArray
    integrated: BoolArray


class Sets(NamedTuple):
    """Data sets of one economy and question.

    data (B, T, n), the shock or instrument first where there is one. before: the place of the
    series whose innovation is asked about. to: the series whose rise is one on impact, in `proxy`
    behind the instrument. truth (H+1, n): NaN for an instrument, of which nothing is asked.
    """

    drawn: Drawn
    kind: Kind
    data: FloatArray
    before: int
    to: int
    differences: BoolArray
    truth: FloatArray


def economy(rng: np.random.Generator, n: int) -> Drawn:
    """An economy of n series in s.d.s of their changes, and its named shock."""
    name = str(rng.choice(list(FAMILIES), p=[weight for _, weight in FAMILIES.values()]))
    found, common = FAMILIES[name][0](rng, n)
    found = scaled(found)
    rises = ~integrated(found) & (rng.random(n) < (0.6 if rng.random() < 0.6 else 0.0))
    found = scaled(summed(found, rises))
    differences = integrated(found) & (
        rng.random(n) < rng.choice([0.0, 0.5, 1.0], p=[0.6, 0.2, 0.2])
    )
    found = scaled(differenced(found, differences))
    direction = np.zeros(found.b.shape[1])
    if rng.random() < 0.5:  # what moves one series most, as policy does
        direction[:common] = (found.c @ found.b[:, :common])[rng.integers(n)]
    if not direction.any():
        direction[:common] = rng.standard_normal(common)
    direction /= np.linalg.norm(direction)
    return Drawn(name, found, direction, differences, integrated(found))


def sets(seed: int, index: int, samples: int = SAMPLES) -> Sets:
    """Draw `index` under `seed`."""
    rng = stream(stream_key(seed, "grammar"), index, Purpose.PARAMETERS)
    while True:
        kind = KINDS[int(rng.choice(len(KINDS), p=[0.4, 0.4, 0.2]))]
        n = int(rng.integers(LEAST_SERIES, MOST_SERIES + 1)) - (kind != "recursive")
        drawn = economy(rng, n)
        to = int(rng.integers(n))
        quarters = int(rng.integers(LEAST_QUARTERS, MOST_QUARTERS + 1))
        horizon = HORIZONS[int(quarters >= LONG_FROM and rng.random() < 0.4)]
        try:
            truth = _truth(drawn, kind, to, horizon)
        except InputError:  # a series follows from others, or the shock does not move it
            continue
        if np.abs(truth).max() < LARGEST:
            return _sets(rng, drawn, kind, to, quarters, truth, samples)


def _truth(drawn: Drawn, kind: Kind, to: int, horizon: int) -> FloatArray:
    if kind == "recursive":
        return recursive(drawn.economy, innovations(drawn.economy), to, horizon)
    found = to_innovation(drawn.economy, drawn.direction, horizon)
    if kind == "observed":
        return found
    if abs(found[0, to]) < LEAST_IMPACT:
        raise InputError("economy: the shock does not move the series on impact")
    return np.asarray(found / found[0, to])


def _sets(
    rng: np.random.Generator, drawn: Drawn, kind: Kind, to: int, quarters: int, truth: FloatArray,
    samples: int,
) -> Sets:  # fmt: skip
    k = drawn.economy.b.shape[1]
    e = disturbances(rng, samples, BURN_IN + quarters, BURN_IN, k)
    y = np.stack([simulated(*drawn.economy, each, BURN_IN) for each in e])
    y = y + drift(rng, samples, quarters, drawn.differences)
    if kind == "recursive":
        return Sets(drawn, kind, y, to, to, drawn.differences, truth)
    shock = e[:, BURN_IN:] @ drawn.direction
    known = np.append(True, drawn.differences)  # a shock is no level
    first = np.zeros((len(truth), 1))
    if kind == "observed":
        first[0] = 1.0
        place = 0
    else:
        first[:] = np.nan
        signal = rng.uniform(0.3, 0.95)
        noise = rng.standard_normal(shock.shape)
        shock = signal * shock + np.sqrt(1.0 - signal**2) * noise
        place = to + 1
    data = np.concatenate([shock[..., None], y], axis=2)
    return Sets(drawn, kind, data, 0, place, known, np.hstack([first, truth]))
