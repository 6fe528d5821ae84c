"""The estimators that a benchmark compares, by name.

Each takes data (B, T, n), the place of the series whose innovation is asked about, and which first
lags are expected to be one, and gives responses (B, H+1, n). Four lags where not said otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from emulator.econometrics.candidates import NAMES as CANDIDATES
from emulator.econometrics.candidates import candidates
from emulator.econometrics.question import FloatArray
from emulator.foreign.grammar.draws import Kind
from emulator.foreign.network.answers import Network
from emulator.foreign.stacking import learned, stacked

REFERENCE = "var"
NAMES = (
    "var", "var_corrected", "bvar", "lp", "lp_corrected", "lp_penalised", "mean", "stacked",
    "network", "zero",
)  # fmt: skip
NORMAL_90 = 1.6449  # standard errors


class Estimate(NamedTuple):
    """point (B, H+1, n), and band (B, H+1, n, 2), of 90 %, where there is one."""

    point: FloatArray
    band: FloatArray | None = None


def estimates(
    data: FloatArray, kind: Kind, before: int, horizon: int, persistent: FloatArray
) -> dict[str, Estimate]:
    """Responses by every estimator, NAMES its keys. persistent (n,): the prior means of own first
    lags. `mean` is the equal one of VAR, Bayesian VAR and penalised local projections; `stacked`
    has weights learned on the grammar, the same for all data, and `network` weights that follow
    from them; `zero` says that nothing happens. Local projections' band is of normal errors."""
    answers = candidates(data, before, horizon, persistent)
    each = dict(zip(CANDIDATES, answers.responses.swapaxes(0, 1), strict=True))
    found = {name: Estimate(point) for name, point in each.items()}
    found["mean"] = Estimate((each["var"] + each["bvar"] + each["lp_penalised"]) / 3.0)
    found["stacked"] = Estimate(stacked(learned()[kind], answers, before))
    found["zero"] = Estimate(np.zeros_like(each["var"]))
    wide = NORMAL_90 * answers.error
    found["lp"] = Estimate(each["lp"], np.stack([each["lp"] - wide, each["lp"] + wide], axis=-1))
    quantiles = Network.read().quantiles(kind, answers, before, before)
    found["network"] = Estimate(quantiles[..., 2], quantiles[..., [0, -1]])
    return {name: found[name] for name in NAMES}
