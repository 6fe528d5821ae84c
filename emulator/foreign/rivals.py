"""The estimators that a new one has to beat, by name.

Each takes data (B, T, n), the place of the series whose innovation is asked about, and which first
lags are expected to be one, and gives responses (B, H+1, n). Four lags throughout.
"""

from __future__ import annotations

import numpy as np

from emulator.econometrics import autoregressions, bayesian, projections
from emulator.econometrics.question import FloatArray

LAGS = 4
REFERENCE = "var"
NAMES = (
    "var", "var_corrected", "bvar", "lp", "lp_corrected", "lp_penalised", "mean", "zero",
)  # fmt: skip


def estimates(
    data: FloatArray, before: int, horizon: int, persistent: FloatArray
) -> dict[str, FloatArray]:
    """Responses (B, H+1, n) by every rival, NAMES its keys. persistent (n,): the prior means of own
    first lags. `mean` is the equal one of VAR, Bayesian VAR and penalised local projections; `zero`
    says that nothing happens."""
    prior = np.broadcast_to(persistent, (len(data), data.shape[2]))
    found = {
        "var": autoregressions.least_squares(data, before, LAGS, horizon),
        "var_corrected": autoregressions.corrected(data, before, LAGS, horizon),
        "bvar": bayesian.bayesian(data, before, LAGS, horizon, prior),
        **projections.local_projections(data, before, LAGS, horizon),
    }
    found["mean"] = (found["var"] + found["bvar"] + found["lp_penalised"]) / 3.0
    found["zero"] = np.zeros_like(found["var"])
    return {name: found[name] for name in NAMES}
