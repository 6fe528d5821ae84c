"""A file as `emulator.worlds.dynare` answers it, beside Dynare's answer."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from emulator.errors import InputError
from emulator.worlds import Status
from emulator.worlds.base import FloatArray
from emulator.worlds.dynare.graph import Symbol
from emulator.worlds.dynare.reader import read
from emulator.worlds.dynare.solution import FirstOrder
from emulator.worlds.dynare.timing import first_order
from emulator.worlds.linear import responses

HORIZON = 40
TOLERANCE = 1e-8
# Of the model's largest response: what rounding leaves of a response that is zero.
_ROUNDING = 1e-12
# Relative; what Newton steps may change in a rule of Dynare's before it is another one.
_NEAR = 1e-3


@dataclass(frozen=True)
class Answer:
    """What is said here of a file that Dynare solves.

    kind: "equal", "differs", "not solved" or "not read"; gap: the largest distance from Dynare's
    responses, relative to each one's peak; reason: of what is not equal, in one line.
    """

    kind: str
    gap: float | None = None
    reason: str = ""


def dynare(numbers: Path) -> dict[str, Any] | None:
    """Dynare's numbers by name, or None where no shock has an s.d."""
    found = loadmat(numbers)
    out = {k: v for k, v in found.items() if not k.startswith("_")}
    for key in ("endo", "exo", "param_names"):
        out[key] = [str(np.ravel(cell)[0]).strip() for cell in np.ravel(out[key])]
    for key in ("order_var", "states"):
        out[key] = np.ravel(out[key]).astype(np.intp) - 1
    return out if (np.diag(out["S"]) > 0.0).any() else None


def compare(file: Path, theirs: dict[str, Any]) -> Answer:
    """What is said here of `file`, of which Dynare says `theirs`."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _compare(file, theirs)
    except InputError as error:
        return Answer("not read", None, str(error))


def _compare(file: Path, theirs: dict[str, Any]) -> Answer:
    model = read(file)
    names = [name for name in model.endogenous if name in theirs["endo"]]
    inner = {f"response {n}": model.graph.leaf(Symbol("endogenous", n)) for n in names}
    system = first_order(model, inner)
    solver = FirstOrder(model, system, list(inner))
    try:
        status = solver.calibrate(model.defaults)
    except InputError as error:
        return Answer("not solved", None, str(error))
    if status != Status.OK:
        return Answer("not solved", None, status.message)
    space = solver.solve(model.defaults, 1)
    ones = np.ones((1, len(solver.active)))
    ours = responses(space.a, space.b, space.c, space.d, ones, HORIZON)[0]  # S, H+1, n
    shocks = [theirs["exo"].index(system.shocks[i]) for i in solver.active]
    size = np.diag(theirs["S"])
    moved = [place for place, shock in enumerate(shocks) if size[shock] > 0.0]
    if sorted(shocks[p] for p in moved) != np.flatnonzero(size > 0.0).tolist():
        return Answer("differs", None, "other shocks have an s.d.")
    reference = _responses(theirs, [shocks[p] for p in moved])
    reference = reference[:, :, [theirs["endo"].index(name) for name in names]]
    return _judge(ours[moved], reference, names, [theirs["exo"][shocks[p]] for p in moved])


def _responses(theirs: dict[str, Any], shocks: list[int]) -> FloatArray:
    """Dynare's responses (S, H+1, n) to one s.d.; correlated shocks in their order, as irf.m."""
    factor = np.zeros((len(theirs["exo"]), len(shocks)))
    factor[shocks] = _cholesky(theirs["S"][np.ix_(shocks, shocks)])
    transition, load = _refined(theirs)
    now = load @ factor
    out = np.empty((len(shocks), HORIZON + 1, len(theirs["endo"])))
    for h in range(HORIZON + 1):
        out[:, h] = now.T
        now = transition @ now
    return out


def _refined(theirs: dict[str, Any]) -> tuple[FloatArray, FloatArray]:
    """Dynare's rule y_t = G y_{t-1} + Q e_t, in the order of declaration, without the rounding of
    its QZ: a few Newton steps on its own derivatives A G G + B G + C = 0, where they converge."""
    count, order = len(theirs["endo"]), theirs["order_var"]
    g, q = np.zeros((count, count)), np.empty((count, len(theirs["exo"])))
    g[np.ix_(order, order[theirs["states"]])], q[order] = theirs["ghx"], theirs["ghu"]
    if "jacobian" not in theirs:
        return g, q
    lag, now, lead, load = _derivatives(theirs)
    first, residual = g, lead @ g @ g + now @ g + lag
    for _ in range(4):
        step = _sylvester(lead @ g + now, lead, g, residual)
        if step is None:
            break
        better = g + step
        left = lead @ better @ better + now @ better + lag
        if not np.abs(left).max(initial=0.0) < np.abs(residual).max(initial=0.0):
            break
        g, residual = better, left
    if np.abs(g - first).max(initial=0.0) > _NEAR * np.abs(first).max(initial=0.0):
        return first, q  # another solution
    return g, -np.linalg.solve(lead @ g + now, load)


def _derivatives(theirs: dict[str, Any]) -> list[FloatArray]:
    """Of Dynare's equations in the variables a quarter back, now and ahead, and in the shocks."""
    jacobian = theirs["jacobian"]
    jacobian = jacobian.toarray() if hasattr(jacobian, "toarray") else jacobian
    incidence, lags = theirs["incidence"].astype(np.intp), int(theirs["lag"].item())
    out = [np.zeros((len(jacobian), len(theirs["endo"]))) for _ in range(3)]
    for row, places in enumerate(incidence):
        there = places > 0
        out[row + 1 - lags][:, there] = jacobian[:, places[there] - 1]
    return [*out, jacobian[:, incidence.max() :][:, : len(theirs["exo"])]]


def _sylvester(m: FloatArray, a: FloatArray, g: FloatArray, right: FloatArray) -> FloatArray | None:
    """X of M X + A X G + R = 0 by doubling; None where it does not converge."""
    try:
        left, total = -np.linalg.solve(m, a), -np.linalg.solve(m, right)
    except np.linalg.LinAlgError:
        return None
    for _ in range(60):
        more = left @ total @ g
        total = total + more
        if not np.isfinite(total).all():
            return None
        if np.abs(more).max(initial=0.0) <= 1e-18 * np.abs(total).max(initial=0.0):
            return total
        left, g = left @ left, g @ g
    return None


def _cholesky(covariance: FloatArray) -> FloatArray:
    """The lower factor of a covariance that may be singular."""
    out = np.zeros_like(covariance)
    for j in range(len(covariance)):
        rest = covariance[j:, j] - out[j:, :j] @ out[j, :j]
        if rest[0] > 1e-14 * covariance[j, j]:
            out[j:, j] = rest / np.sqrt(rest[0])
    return out


def _judge(ours: FloatArray, reference: FloatArray, names: list[str], shocks: list[str]) -> Answer:
    peak = np.abs(reference).max(axis=1)
    error = np.abs(ours - reference).max(axis=1)
    rounding = _ROUNDING * np.abs(reference).max(initial=0.0)
    gap = np.where(error <= rounding, 0.0, error / np.maximum(peak, np.finfo(float).tiny))
    gap[~np.isfinite(error)] = np.inf
    s, j = np.unravel_index(int(gap.argmax()), gap.shape)
    largest = float(gap[s, j])
    if largest <= TOLERANCE:
        return Answer("equal", largest)
    reason = f"{names[j]} after {shocks[s]}: {error[s, j]:.2g} off its peak {peak[s, j]:.2g}"
    return Answer("differs", largest, reason)
