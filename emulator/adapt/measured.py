"""How far off a network is: over the prior, at each parameter's ends, at the default, and what more
would bring."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from emulator.adapt.draws import Draws
from emulator.adapt.matter import ROWS_AT_ONCE, Matter
from emulator.adapt.search import Result
from emulator.evaluation.calibrations.declared import Calibration, default, edges
from emulator.evaluation.calibrations.errors_at import measured, sizes_of
from emulator.evaluation.metrics.base import Answers
from emulator.evaluation.metrics.peak import peak_value
from emulator.evaluation.metrics.relative_error import is_small, worst
from emulator.limits import QUANTILES
from emulator.models.universal import Universal
from emulator.regimes import Inputs, Task
from emulator.specs import OBSERVABLE_NAMES
from emulator.worlds.base import Status


@torch.no_grad()
def over_prior(model: Universal, draws: Draws, matter: Matter) -> dict[str, Any]:
    """Over draws that nothing was chosen by: the NRMSE with its standard error, which allows for
    siblings, by shock and observable, of the draw at the 95 % quantile; the largest error over
    quarters relative to the peak, as `evaluation.metrics` has it, at its median and 95 % quantile;
    the share of exact responses within the 90 % bands."""
    model.eval()
    sigma = matter.sigma
    there = sigma > 0
    roots, relative, inside = [], [], []
    for first in range(0, len(draws), ROWS_AT_ONCE):
        inputs, truth = draws.rows(slice(first, first + ROWS_AT_ONCE)).ask(matter.world)
        (answer,) = model.answer([inputs])
        assert answer.quantiles is not None
        error = (answer.response - truth).square().mean(dim=2).sqrt()
        roots.append(error / torch.where(there, sigma, 1.0))
        pair = (answer.response, truth)
        curves = Answers(*(v.movedim(2, -1)[:, there].flatten(0, 1).double().numpy() for v in pair))
        top = np.abs(peak_value(curves.truth))
        clear = ~is_small(top, np.tile(sigma[there].double().numpy(), len(truth)))
        relative.append(worst(curves)[clear] / top[clear])
        low, high = answer.quantiles[..., 0], answer.quantiles[..., len(QUANTILES) - 1]
        held = (truth >= low) & (truth <= high)
        inside.append(held.movedim(2, -1)[:, there].float().mean(dim=(1, 2)))
    root = torch.cat(roots)  # (N, S, 3)
    each = root[:, there].mean(dim=1)  # by draw
    off = np.concatenate(relative)
    by = {
        shock: {
            name: round(float(root[:, s, v].mean()), 6)
            for v, name in enumerate(OBSERVABLE_NAMES)
            if there[s, v]
        }
        for s, shock in enumerate(matter.spec.shock_names)
    }
    return {
        "draws": len(draws),
        "nrmse": float(each.mean()),
        "standard_error": standard_error(each, group_of(draws, matter)),
        "nrmse_95": float(each.quantile(0.95)),
        "nrmse_worst": float(each.max()),
        "by_shock": by,
        "relative_median": float(np.median(off)) if len(off) else None,
        "relative_95": float(np.quantile(off, 0.95)) if len(off) else None,
        "within_90_bands": float(torch.cat(inside).mean()),
    }


def group_of(draws: Draws, matter: Matter) -> torch.Tensor:
    """(N,): which group of siblings a draw belongs to; each its own where there are none."""
    if not matter.world.dear:
        return torch.arange(len(draws))
    dear = [matter.world.parameter_names.index(name) for name in matter.world.dear]
    _, group = torch.unique(draws.theta[:, dear], dim=0, return_inverse=True)
    assert isinstance(group, torch.Tensor)
    return group


def standard_error(each: torch.Tensor, group: torch.Tensor) -> float:
    """Of the mean of `each` (N,), whose values are alike within a group (N,): from the groups' sums
    of what is above the mean. Without groups it is the s.d. over the root of N."""
    groups = int(group.max()) + 1
    above = torch.zeros(groups, dtype=torch.float64)
    above.index_add_(0, group, each.double() - each.double().mean())
    return math.sqrt(groups / (groups - 1) * float(above.square().sum())) / len(each)


def at_points(model: Universal, matter: Matter) -> list[dict[str, Any]]:
    """At the default, and with one parameter at a time at an end of its bounds, the rest at their
    defaults: a row each, with why there is no error where the exact model has none."""
    points = [default(matter.spec), *edges(matter.spec)]
    theta = np.array([point.theta(matter.spec) for point in points])
    predicted, exact, status = [], [], np.zeros(len(points), dtype=np.int8)
    for size in sizes_of(matter.spec):
        answer = matter.world.irf(theta, matter.horizon, size)
        exact.append(answer.values / size)
        status = np.maximum(status, answer.status)
        predicted.append(_asked(model, matter, theta, size))
    found = []
    for k, point in enumerate(points):
        row: dict[str, Any] = {"name": point.name, "parameter": point.parameter,
                               "value": _value(point)}  # fmt: skip
        if status[k] != Status.OK:
            found.append(row | {"nrmse": None, "why": Status(int(status[k])).message})
            continue
        answered, truth = (np.stack([part[k] for part in parts]) for parts in (predicted, exact))
        sigma = matter.sigma.double().numpy()
        found.append(row | measured(answered, truth, sigma, matter.spec))
    return found


def _value(point: Calibration) -> float | None:
    return point.values[point.parameter] if point.parameter else None


@torch.no_grad()
def _asked(model: Universal, matter: Matter, theta: np.ndarray, size: float) -> np.ndarray:
    """Responses per unit (K, S, H+1, 3) at parameters (K, P)."""
    model.eval()
    sizes = torch.full((len(theta), len(matter.spec.shocks)), size)
    inputs = Inputs(
        matter.spec.name, matter.spec.shock_names, Task.steady_state, sizes,
        torch.as_tensor(theta, dtype=torch.float32),
    )  # fmt: skip
    return model(inputs).double().numpy()  # type: ignore[no-any-return]


def what_more_brings(
    results: Sequence[Result], at_training: float | None, at_validation: float
) -> dict[str, Any]:
    """What more time, or draws, would bring: extrapolated, which is a guess.

    Two whole schedules of the chosen width and start, the best of the trials and the last, tell by
    which power the error falls with steps. Of a fixed set, the error on training draws is what more
    draws of the same time would not pass.
    """
    last = results[-1]
    alike = [r for r in results if not r.last and r.settings[1:] == last.settings[1:]]
    ends = sorted((r.steps, r.error) for r in (*sorted(alike, key=lambda r: r.error)[:1], last)
                  if math.isfinite(r.error))  # fmt: skip
    out: dict[str, Any] = {"extrapolated": True, "schedules": ends}
    if len(ends) > 1 and ends[-1][0] > ends[0][0]:
        (few, before), (many, after) = ends[0], ends[-1]
        power = max(0.0, math.log(before / after) / math.log(many / few))
        out |= {
            "power": power,
            "twice_the_steps": after * 2.0**-power,
            "four_times_the_steps": after * 4.0**-power,
        }
    if at_training is not None:
        out |= {"training": at_training, "draws_at_most": min(at_training, at_validation)}
    return out
