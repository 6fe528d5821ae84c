"""Learn the weights of candidates on the grammar of economies.

`python -m studies.stacking` writes emulator/foreign/stacking.json; how well they do is in the
record of the network (studies/foreign_network.py).

Errors count in units of the local projections' standard errors in their data set, so that no
economy that is hard for all decides. Weights are least squares without negative ones.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from emulator.econometrics.candidates import NAMES, Candidates, candidates
from emulator.econometrics.question import FloatArray
from emulator.foreign.grammar import draws
from emulator.foreign.knots import KNOTS, hats, limited
from emulator.foreign.stacking import FILE
from emulator.provenance import commit
from emulator.storage import write_atomically

SEED = 1
FAR = 30.0  # squared errors beyond so many scales count as at it
LEARNED = ("observed", "recursive")


class Answered(NamedTuple):
    """Data sets with their candidates. asked (H+1, n): responses that are not known beforehand."""

    sets: draws.Sets
    found: Candidates
    asked: np.ndarray


def answered(seed: int, first: int, count: int) -> Iterator[Answered]:
    """Draws from `first` on."""
    for index in range(first, first + count):
        each = draws.sets(seed, index)
        horizon, persistent = len(each.truth) - 1, 1.0 - each.differences
        found = candidates(each.data, each.before, horizon, persistent)
        asked = np.full(each.truth.shape, True)
        asked[0, : each.before + 1] = False
        if each.kind != "recursive":
            asked[:, 0] = False
        if each.kind == "proxy":
            asked[0, each.to] = False
        yield Answered(each, found, asked)


def units(found: Candidates) -> FloatArray:
    """(B, n): what errors are measured in."""
    bvar = found.responses[:, list(NAMES).index("bvar")]
    bvar = np.clip(bvar, -FAR * found.unit[:, None], FAR * found.unit[:, None])
    return np.sqrt((np.square(found.error) + 0.01 * np.square(bvar)).mean(axis=1))


def least_squares(square: FloatArray, cross: FloatArray) -> FloatArray:
    """Coefficients that are not negative, from moments."""
    root = np.linalg.cholesky(square + 1e-9 * np.trace(square) * np.eye(len(square)))
    return np.asarray(nnls(root.T, np.linalg.solve(root, cross))[0])


def weights(drawn: Iterable[Answered]) -> dict[str, FloatArray]:
    """(M, K) a kind of question."""
    size = len(NAMES) * len(KNOTS)
    square = {kind: np.zeros((size, size)) for kind in LEARNED}
    cross = {kind: np.zeros(size) for kind in LEARNED}
    for each, found, asked in drawn:
        if each.kind not in LEARNED:
            continue
        hat = hats(len(each.truth) - 1)
        unit = units(found)[:, None]
        x = np.einsum("bmhn,hk->bhnmk", limited(found) / unit[:, None], hat)[:, asked]
        y = (each.truth / unit)[:, asked]
        near = (np.abs(y) < FAR) & (np.abs(x).max(axis=(-2, -1)) < FAR)
        x, y = x[near].reshape(-1, size), y[near]
        square[each.kind] += x.T @ x / len(each.data)
        cross[each.kind] += x.T @ y / len(each.data)
    return {
        kind: least_squares(square[kind], cross[kind]).reshape(len(NAMES), len(KNOTS))
        for kind in LEARNED
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=1000)
    count = parser.parse_args().draws
    made_at = commit()
    known = weights(answered(SEED, 0, count))
    facts = {
        "learned": {
            "by": "python -m studies.stacking",
            "commit": made_at,
            "seed": SEED,
            "draws": count,
            "samples": draws.SAMPLES,
        },
        "knots": KNOTS,
        "weights": {
            kind: dict(zip(NAMES, known[kind].round(4).tolist(), strict=True)) for kind in LEARNED
        },
    }
    write_atomically(FILE, (json.dumps(facts, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
