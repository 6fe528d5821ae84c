"""Whether the response starts in the right direction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from emulator.evaluation.metrics.base import Metric, of_both

if TYPE_CHECKING:
    from jaxtyping import Float

# The sign of an impact within this many s.d.s of zero is not scored: it is that of a rounding error
# where a response is zero at impact by construction (a lower triangular impact matrix).
NEGLIGIBLE_IMPACT = 0.01


def impact(values: Float[np.ndarray, "*B points"]) -> Float[np.ndarray, "*B"]:
    """The response at h = 0."""
    return np.asarray(values[..., 0])


def sign_at_impact(frame: pd.DataFrame) -> float:
    """Share of responses whose first quarter has the right sign, the first thing a reader of an
    impulse response looks at. True impacts within 0.01 s.d.s of zero are left out. No unit; 1 is
    perfect, NaN where no impact is left."""
    clear = frame["impact_truth"].abs() > NEGLIGIBLE_IMPACT * frame["sigma"]
    right = np.sign(frame["impact"]) == np.sign(frame["impact_truth"])
    return float(right[clear].mean())


STATISTICS = of_both("impact", impact)
METRICS = (Metric(sign_at_impact, place=20, unit="share", heading="sign at impact"),)
