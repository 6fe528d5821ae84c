"""Learn the weights of candidates on the grammar of economies, and how wide bands are.

`python -m studies.stacking` writes emulator/foreign/stacking.json. Draws of one seed are for the
weights, half as many others for variances and widths, and a quarter for a check, whose results are
in the file: shares of true responses that bands hold, and squared errors over the VAR's.

Errors count in units of the local projections' standard errors in their data set, so that no
economy that is hard for all decides. Weights are least squares without negative ones.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from emulator.econometrics.candidates import NAMES, Candidates, candidates
from emulator.econometrics.question import FloatArray
from emulator.foreign.grammar import draws
from emulator.foreign.stacking import (
    FILE,
    KNOTS,
    LEVELS,
    SHARES,
    Stack,
    hats,
    limited,
    ratio,
    variance_parts,
)
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


def answered(first: int, count: int) -> Iterator[Answered]:
    """Draws from `first` on."""
    for index in range(first, first + count):
        each = draws.sets(SEED, index)
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


def variances(known: dict[str, FloatArray], drawn: Iterable[Answered]) -> dict[str, FloatArray]:
    """(3, K) a kind of question: squared errors on the parts of the variance."""
    stack = Stack(known, {}, {})
    size = 3 * len(KNOTS)
    square = {kind: np.zeros((size, size)) for kind in LEARNED}
    cross = {kind: np.zeros(size) for kind in LEARNED}
    for each, found, asked in drawn:
        if each.kind not in LEARNED:
            continue
        hat = hats(len(each.truth) - 1)
        point = stack.point(each.kind, found, each.before)
        parts = variance_parts(known[each.kind], found, point)
        unit = np.square(found.error)[:, asked]  # a weight: large errors are large in all parts
        x = np.einsum("bhnp,hk->bhnpk", parts, hat)[:, asked] / unit[..., None, None]
        y = np.square(point - each.truth)[:, asked] / unit
        x, y = np.minimum(x, FAR).reshape(-1, size), np.minimum(y, FAR).ravel()
        square[each.kind] += x.T @ x / len(each.data)
        cross[each.kind] += x.T @ y / len(each.data)
    return {
        kind: least_squares(square[kind], cross[kind]).reshape(3, len(KNOTS)) for kind in LEARNED
    }


def scores(stack: Stack, drawn: Iterable[Answered]) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Errors over scales, absolute, and the horizon of each, a kind of question."""
    found_scores: dict[str, list[Any]] = {kind: [] for kind in draws.KINDS}
    for each, found, asked in drawn:
        point = stack.point(each.kind, found, each.before)
        scale = stack.scale(each.kind, found, each.before)
        if each.kind == "proxy":
            point, scale = ratio(point, scale, each.to)
        score = (np.abs(point - each.truth) / np.maximum(scale, 1e-12))[:, asked]
        quarter = np.broadcast_to(np.arange(len(each.truth))[:, None], asked.shape)[asked]
        found_scores[each.kind].append((score.ravel(), np.tile(quarter, len(score))))
    return {
        kind: (np.concatenate([s for s, _ in parts]), np.concatenate([q for _, q in parts]))
        for kind, parts in found_scores.items()
    }


def widths(scored: dict[str, tuple[FloatArray, FloatArray]]) -> dict[str, FloatArray]:
    """(2, K) a kind of question: quantiles of scores near each knot."""
    out = {}
    for kind, (score, quarter) in scored.items():
        order = np.argsort(score)
        near = hats(KNOTS[-1])[quarter.astype(int)][order].cumsum(axis=0)
        near = near / near[-1]
        places = [
            [np.searchsorted(near[:, k], share) for k in range(len(KNOTS))] for share in SHARES
        ]
        out[kind] = score[order][np.array(places)]
    return out


def check(stack: Stack, drawn: Iterable[Answered]) -> dict[str, Any]:
    """Shares held by bands, and errors over the VAR's: the median over draws."""
    held: dict[str, list[Any]] = {kind: [] for kind in draws.KINDS}
    errors: dict[str, list[Any]] = {kind: [] for kind in LEARNED}
    for each, found, asked in drawn:
        quantiles = stack.quantiles(each.kind, found, each.before, each.to)[:, asked]
        truth = each.truth[asked]
        inside = [
            ((quantiles[..., j] <= truth) & (truth <= quantiles[..., -1 - j])).mean()
            for j in (1, 0)
        ]
        held[each.kind].append(inside)
        if each.kind in LEARNED:
            unit = units(found)[:, None]
            answers = dict(zip(NAMES, found.responses.swapaxes(0, 1), strict=True))
            answers["stacked"] = stack.point(each.kind, found, each.before)
            answers["zero"] = 0.0 * answers["var"]
            square = {
                name: np.square((value - each.truth) / unit)[:, asked].mean()
                for name, value in answers.items()
            }
            errors[each.kind].append({name: each / square["var"] for name, each in square.items()})
    out: dict[str, Any] = {}
    for kind, shares in held.items():
        means = np.mean(shares, axis=0).round(3)
        out[kind] = {
            "draws": len(shares),
            "held": {f"{share:g}": value for share, value in zip(SHARES, means, strict=True)},
            "held_in_the_worst_tenth": round(float(np.quantile(np.array(shares)[:, 1], 0.1)), 3),
        }
        if kind in LEARNED:
            table = pd.DataFrame(errors[kind])
            out[kind]["median_error_over_var"] = table.median().round(3).to_dict()
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=1000)
    count = parser.parse_args().draws
    made_at = commit()
    known = weights(answered(0, count))
    others = list(answered(count, count // 2))
    variance = variances(known, others)
    stack = Stack(known, variance, widths(scores(Stack(known, variance, {}), others)))
    checked = check(stack, answered(2 * count, count // 4))
    facts = {
        "learned": {
            "by": "python -m studies.stacking",
            "commit": made_at,
            "seed": SEED,
            "draws": count,
            "samples": draws.SAMPLES,
        },
        "knots": KNOTS,
        "levels": LEVELS,
        "weights": {
            kind: dict(zip(NAMES, known[kind].round(4).tolist(), strict=True)) for kind in LEARNED
        },
        "variance": {kind: variance[kind].round(5).tolist() for kind in LEARNED},
        "widths": {kind: stack.widths[kind].round(3).tolist() for kind in draws.KINDS},
        "checked": checked,
    }
    write_atomically(FILE, (json.dumps(facts, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
