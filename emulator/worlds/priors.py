"""Prior draws by inverse distribution functions.

A prior maps uniforms to parameters, `theta_p = F_p^{-1}(u_p)`, so one uniform draw is one
parameter draw whatever the distribution and streams stay aligned. Restrictions that bind
parameters together (stationarity, admissibility) are a world's `check`, applied by rejection.
"""

from __future__ import annotations

import numpy as np

from emulator.specs import Parameter


def quantile(parameter: Parameter, u: np.ndarray) -> np.ndarray:
    """The parameter's prior quantile at probabilities `u` in [0, 1); same shape as `u`."""
    lower, upper = parameter.lower, parameter.upper
    if parameter.prior == "uniform":
        value = lower + (upper - lower) * u
    elif parameter.prior == "log_uniform":
        value = lower * np.exp(u * np.log(upper / lower))
    else:
        assert parameter.mean is not None
        assert parameter.sd is not None
        # Imported where priors are drawn: it takes longer than the rest of this package together.
        from scipy.special import ndtr, ndtri

        tail = float(ndtr(-3.0))  # mass below the truncation point
        value = parameter.mean + parameter.sd * ndtri(tail + u * (1.0 - 2.0 * tail))
    # Rounding may pass a bound by one ulp; the draw must satisfy lower <= theta <= upper.
    return np.asarray(np.minimum(np.maximum(value, lower), upper))


def quantiles(parameters: tuple[Parameter, ...], u: np.ndarray) -> np.ndarray:
    """Independent prior quantiles: (B, P) uniforms to (B, P) parameters."""
    return np.stack([quantile(p, u[:, j]) for j, p in enumerate(parameters)], axis=1)
