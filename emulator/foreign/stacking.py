"""A weighted sum of candidate responses, with weights learned on the grammar.

They are not negative, change with the horizon and are the same for all data: what a network that
looks at the data has to improve on. `python -m studies.stacking` learns them; no benchmark is
looked at.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from emulator.econometrics.candidates import NAMES, Candidates
from emulator.econometrics.question import FloatArray
from emulator.foreign.grammar.draws import Kind
from emulator.foreign.knots import hats, limited
from emulator.storage import read_json

FILE = Path(__file__).with_name("stacking.json")


@cache
def learned() -> dict[Kind, FloatArray]:
    """Weights (M, K), candidates' NAMES along M and KNOTS along K, by the kind of question."""
    return {
        kind: np.array([by_name[name] for name in NAMES])
        for kind, by_name in read_json(FILE)["weights"].items()
    }


def stacked(weights: FloatArray, found: Candidates, before: int) -> FloatArray:
    """Responses (B, H+1, n) to the innovation of the series at `before`, of one unit."""
    along = weights @ hats(found.error.shape[1] - 1).T
    out = np.einsum("mh,bmhn->bhn", along, limited(found))
    out[:, 0, :before] = 0.0
    out[:, 0, before] = 1.0
    return np.asarray(out)
