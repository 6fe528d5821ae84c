"""What the network reads of a data set, and what it is taught: arrays of one size for all.

Responses and errors are over a scale of each series, and turned so that most candidates are
positive: whatever the units and signs, the network sees the same.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emulator.econometrics.candidates import DESCRIPTORS, NAMES, Candidates, candidates
from emulator.foreign.grammar import draws
from emulator.foreign.knots import KNOTS, limited

HORIZON = KNOTS[-1]
LARGEST = 30.0  # responses over their scale: beyond, only the sign is read
LEAST = 0.02  # of a scale, in s.d.s of innovations
FEATURES = len(DESCRIPTORS) + 2

Array = NDArray[np.floating]


class Inputs(NamedTuple):
    """Of B data sets, with room for N = 8 series and H = 40 quarters; zeros where there is none.

    responses (B, N, M, H+1) and error (B, N, H+1), over the scale and turned. features (B, N, F).
    series (B, N): which there are. quarters (B, H+1): which are answered. known (B, N, H+1): what
    is no question: impacts that are zero or one. recursive (B,): the kind of question. unit (B, N):
    what an answer is multiplied by, the scale with its sign.
    """

    responses: Array
    error: Array
    features: Array
    series: NDArray[np.bool_]
    quarters: NDArray[np.bool_]
    known: NDArray[np.bool_]
    recursive: Array
    unit: Array

    def single(self) -> Inputs:
        """Numbers in single precision."""
        parts: Any = [part if part.dtype == bool else part.astype(np.float32) for part in self]
        return Inputs(*parts)


class Taught(NamedTuple):
    """Inputs, and the truth (B, N, H+1) over `unit`, in single precision."""

    inputs: Inputs
    truth: Array


def inputs(found: Candidates, before: int, recursive: bool) -> Inputs:
    """Of candidates of B data sets of one size, asked about the series at `before`."""
    rows, members, points, n = found.responses.shape
    bvar = found.responses[:, list(NAMES).index("bvar")]
    least = LEAST * found.unit
    scale = np.sqrt(
        (
            np.square(np.clip(bvar, -LARGEST * found.unit[:, None], LARGEST * found.unit[:, None]))
            + np.square(found.error)
        ).mean(axis=1)
        + np.square(least)
    )  # (B, n)
    side = np.sign((limited(found) / (found.error + least[:, None])[:, None]).sum(axis=(1, 2)))
    unit = scale * np.where(side == 0.0, 1.0, side)
    responses = np.zeros((rows, draws.MOST_SERIES, members, HORIZON + 1))
    error = np.zeros((rows, draws.MOST_SERIES, HORIZON + 1))
    features = np.zeros((rows, draws.MOST_SERIES, FEATURES))
    turned = limited(found) / unit[:, None, None]
    responses[:, :n, :, :points] = np.clip(turned, -LARGEST, LARGEST).transpose(0, 3, 1, 2)
    error[:, :n, :points] = np.clip(found.error / scale[:, None], 0.0, LARGEST).swapaxes(1, 2)
    more = np.stack([np.log(scale / found.unit), np.full(scale.shape, points / 40.0)], axis=-1)
    features[:, :n] = np.concatenate([found.descriptors, more], axis=-1)
    series = np.zeros((rows, draws.MOST_SERIES), bool)
    series[:, :n] = True
    quarters = np.zeros((rows, HORIZON + 1), bool)
    quarters[:, :points] = True
    known = np.zeros((rows, draws.MOST_SERIES, HORIZON + 1), bool)
    known[:, : before + 1, 0] = True
    if not recursive:
        known[:, 0] = True  # a shock is read, and nothing is asked of it
    units = np.ones((rows, draws.MOST_SERIES))
    units[:, :n] = unit
    kinds = np.full(rows, float(recursive))
    return Inputs(responses, error, features, series, quarters, known, kinds, units)


def taught(seed: int, index: int) -> Taught | None:
    """Draw `index` of the grammar under `seed`; None for a question with an instrument, whose
    answer is a ratio of the others."""
    sets = draws.sets(seed, index)
    if sets.kind == "proxy":
        return None
    points, n = sets.truth.shape
    persistent = np.asarray(1.0 - sets.differences, dtype=np.float64)
    found = candidates(sets.data, sets.before, points - 1, persistent)
    read = inputs(found, sets.before, sets.kind == "recursive")
    truth = np.zeros((len(sets.data), draws.MOST_SERIES, HORIZON + 1), np.float32)
    read = read.single()
    truth[:, :n, :points] = sets.truth.T / read.unit[:, :n, None]
    return Taught(read, np.clip(truth, -LARGEST, LARGEST))


def joined(parts: list[Taught]) -> Taught:
    """Draws one after the other."""
    read = Inputs(*(np.concatenate(part) for part in zip(*(p.inputs for p in parts), strict=True)))
    return Taught(read, np.concatenate([part.truth for part in parts]))
