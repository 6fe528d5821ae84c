"""The exact conditional mean where parameters are known and the state is not.

Responses from the state are not determined by what a regime shows in worlds with a hidden chain:
no method errs by less, on average, than their mean given parameters and inputs. That is the answer
a model is set beside there, and not the truth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emulator.data import Dataset
from emulator.estimation.from_state import mean_response
from emulator.questions import Question, history_quarters
from emulator.regimes import CONTRACTS, Task
from emulator.worlds import get_world


def conditional_means(
    dataset: Dataset, question: Question, rows: NDArray[np.int64]
) -> NDArray[np.float64] | None:
    """Means (N, S, H+1, 3) of the responses asked for, given all that the regime shows; None where
    it shows the state, or does not show the parameters."""
    known = CONTRACTS[question.regime]
    asked = question.task is Task.state_dependent and known.theta and not question.extra
    if not asked or not dataset.spec(question.world).hidden_chain:
        return None
    design = dataset.manifest.config
    fields = dataset.read(question.world, rows, ["theta", "trajectories"])
    length = history_quarters(design)
    histories = fields["trajectories"][:, -length:].astype(np.float64)
    return mean_response(
        get_world(question.world), fields["theta"], histories if known.history else None,
        design.quarters - length, design.horizon,
    )  # fmt: skip
