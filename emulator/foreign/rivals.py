"""The estimators that a new one has to beat, by name.

Each takes data (B, T, n), the place of the series whose innovation is asked about, and which first
lags are expected to be one, and gives responses (B, H+1, n). Four lags where not said otherwise.
"""

from __future__ import annotations

import numpy as np

from emulator.econometrics.candidates import NAMES as CANDIDATES
from emulator.econometrics.candidates import candidates
from emulator.econometrics.question import FloatArray
from emulator.foreign.grammar.draws import Kind
from emulator.foreign.stacking import Stack

REFERENCE = "var"
NAMES = (
    "var", "var_corrected", "bvar", "lp", "lp_corrected", "lp_penalised", "mean", "stacked", "zero",
)  # fmt: skip


def estimates(
    data: FloatArray, kind: Kind, before: int, horizon: int, persistent: FloatArray
) -> dict[str, FloatArray]:
    """Responses (B, H+1, n) by every rival, NAMES its keys. persistent (n,): the prior means of own
    first lags. `mean` is the equal one of VAR, Bayesian VAR and penalised local projections;
    `stacked` has the weights that were learned on the grammar; `zero` says that nothing happens."""
    answers = candidates(data, before, horizon, persistent)
    found = dict(zip(CANDIDATES, answers.responses.swapaxes(0, 1), strict=True))
    found["mean"] = (found["var"] + found["bvar"] + found["lp_penalised"]) / 3.0
    found["stacked"] = Stack.read().point(kind, answers, before)
    found["zero"] = np.zeros_like(found["var"])
    return {name: found[name] for name in NAMES}
