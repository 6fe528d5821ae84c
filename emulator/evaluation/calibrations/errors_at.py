"""How far a network is from the exact solver at given parameters, in regime A from rest.

The NRMSE is that of scores: per unit of size, over the s.d. of the responses that the weights were
trained on. The error relative to the peak is the largest over quarters, as in
`metrics.relative_error`, and flat responses are apart as there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emulator.errors import InputError
from emulator.evaluation.calibrations.declared import Calibration
from emulator.evaluation.metrics.base import Answers
from emulator.evaluation.metrics.nrmse import mse
from emulator.evaluation.metrics.peak import peak_value
from emulator.evaluation.metrics.relative_error import is_small, worst
from emulator.evaluation.metrics.wrong_sign_at_peak import wrong_sign
from emulator.inference import Bank, Emulator
from emulator.limits import MAX_SIZE
from emulator.progress import Progress, silent
from emulator.regimes import Regime
from emulator.specs import OBSERVABLE_NAMES, WorldSpec, same_names
from emulator.worlds import get_world
from emulator.worlds.base import Status

COLUMNS = (
    "world", "name", "parameter", "source", "nrmse", "relative_median", "relative_worst", "shock",
    "observable", "wrong_signs", "responses", "small", "caveats",
)  # fmt: skip


def errors_at(
    model: Emulator | Bank, calibrations: Sequence[Calibration], progress: Progress = silent
) -> pd.DataFrame:
    """A row a calibration, `COLUMNS`, the largest NRMSE first.

    nrmse: the mean over shocks, observables and sizes. relative_median, relative_worst: over
    responses, of the largest error over quarters over the peak; shock, observable: of the worst.
    wrong_signs: how many of `responses` have another sign at the peak; small: how many more are
    flat and apart. caveats: what `irf` warns of there, by name. Where the world has no unique
    stable solution, or its prior leaves the point out, numbers are NaN, caveats say it, and the row
    comes last. Raises InputError where the weights do not answer from parameters, or the world
    installed is another than the weights know.
    """
    for world in dict.fromkeys(calibration.world for calibration in calibrations):
        model.of(world).check_trained(Regime.A)
    rows = []
    for done, calibration in enumerate(calibrations):
        progress(done, len(calibrations), calibration.world)
        rows.append(_row(model.of(calibration.world), calibration))
    progress(len(calibrations), len(calibrations), "")
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.sort_values("nrmse", ascending=False, kind="stable", ignore_index=True)


def sizes_of(spec: WorldSpec) -> tuple[float, ...]:
    """The sizes that are asked for: several where responses are not in proportion to it."""
    return (1.0,) if spec.linear or spec.hidden_chain else (-MAX_SIZE, -1.0, 1.0, MAX_SIZE)


def _row(model: Emulator, calibration: Calibration) -> dict[str, object]:
    spec, world = model.spec(calibration.world), get_world(calibration.world)
    if not same_names(spec, world.spec):
        raise InputError(f"the installed world {spec.name!r} is another than the weights know")
    theta = np.array([calibration.theta(spec)])
    row: dict[str, object] = {
        "world": calibration.world, "name": calibration.name,
        "parameter": calibration.parameter, "source": calibration.source,
    }  # fmt: skip
    status = Status(int(world.check(theta)[0]))
    if status is not Status.OK:
        return {**row, "caveats": status.message.partition(" (")[0]}
    predicted, exact, caveats = [], [], ""
    for size in sizes_of(spec):
        answer = model.respond(spec.name, theta, size=size)
        truth = world.irf(theta, horizon=model.model.horizon, size=size, strict=True).values
        predicted.append(answer.values[0] / size)
        exact.append(truth[0] / size)
        names = dict.fromkeys(found.name for found in answer.attrs["caveats"])  # each once
        caveats = ", ".join(names)
    sigma = model.model.scales(spec.name).sd.numpy().astype(np.float64)
    return {
        **row,
        **measured(np.array(predicted), np.array(exact), sigma, spec),
        "caveats": caveats,
    }


def measured(
    predicted: NDArray[np.float64],
    exact: NDArray[np.float64],
    sigma: NDArray[np.float64],
    spec: WorldSpec,
) -> dict[str, object]:
    """The numbers of a row, from responses (B, S, H+1, 3) and their s.d.s sigma (S, 3)."""
    there = np.broadcast_to(sigma > 0, (len(exact), *sigma.shape))
    scale = np.broadcast_to(sigma, there.shape)[there]
    answers = Answers(*(np.moveaxis(values, 2, -1)[there] for values in (predicted, exact)))
    top = np.abs(peak_value(answers.truth))
    clear = ~is_small(top, scale)
    relative = worst(answers)[clear] / top[clear]
    _, shock, observable = (axis[clear] for axis in np.nonzero(there))
    out: dict[str, object] = {
        "nrmse": float((np.sqrt(mse(answers.prediction, answers.truth)) / scale).mean()),
        "responses": int(clear.sum()),
        "small": int((~clear).sum()),
        "wrong_signs": int(wrong_sign(answers)[clear].sum()),
    }
    if clear.any():
        place = int(relative.argmax())
        out |= {
            "relative_median": float(np.median(relative)),
            "relative_worst": float(relative[place]),
            "shock": spec.shock_names[shock[place]],
            "observable": OBSERVABLE_NAMES[observable[place]],
        }
    return out
