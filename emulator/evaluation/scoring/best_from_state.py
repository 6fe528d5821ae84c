"""The exact conditional mean where parameters are known and the state is not.

Responses from the state are not determined by what a regime shows in worlds with a hidden chain:
no method errs by less, on average, than their mean given parameters and inputs. That is the answer
a model is set beside there, and not the truth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emulator.data import Dataset
from emulator.estimation.from_state import has_mean, mean_response
from emulator.questions import Question, history_quarters
from emulator.regimes import Task, contract
from emulator.worlds import get_world


def conditional_means(
    dataset: Dataset, question: Question, rows: NDArray[np.int64]
) -> NDArray[np.float64] | None:
    """Means (N, S, H+1, 3) of the responses asked for, given all that the question shows; None
    where it shows the state or no parameters, or where the mean is not known exactly: of other
    equations than `switching`'s, and of histories with measurement noise."""
    known, design = contract(question.regime, question.without), dataset.manifest.config
    asked = question.task is Task.state_dependent and known.theta and not question.extra
    hidden = asked and dataset.spec(question.world).hidden_chain
    if not hidden or (known.history and design.measurement_noise):
        return None
    world = get_world(question.world)
    if not has_mean(world):
        return None
    fields = dataset.read(question.world, rows, ["theta", "trajectories"])
    length = question.length or history_quarters(design)
    histories = fields["trajectories"][:, -length:].astype(np.float64)
    return mean_response(
        world, fields["theta"], histories if known.history else None,
        design.quarters - length, design.horizon,
    )  # fmt: skip
