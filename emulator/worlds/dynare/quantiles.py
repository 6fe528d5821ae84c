"""Quantiles of the priors of `estimated_params`, given by mean and s.d. as Dynare takes them."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np

from emulator.worlds.base import FloatArray
from emulator.worlds.dynare.model import Prior


def box(prior: Prior, tail: float = 0.05) -> tuple[float, float] | None:
    """The interval from the prior's `tail` quantile to its 1 - `tail` quantile; None for a prior
    without shape, or whose numbers do not describe a distribution."""
    try:
        ends = quantiles(prior, np.array([tail, 1.0 - tail])).tolist()
    except ValueError:
        return None
    usable = all(math.isfinite(e) for e in ends) and ends[0] < ends[1]
    return (ends[0], ends[1]) if usable else None


def quantiles(prior: Prior, q: FloatArray) -> FloatArray:
    """The prior's quantiles at probabilities `q` (...). Raises ValueError for a prior without
    shape, or whose numbers do not describe a distribution."""
    rule = _QUANTILES.get(prior.shape)
    if rule is None:
        raise ValueError("no shape")
    try:
        with np.errstate(all="ignore"):
            return np.asarray(rule(prior, q))
    except (TypeError, ZeroDivisionError, OverflowError) as error:
        raise ValueError(str(error)) from None


def _moments(prior: Prior) -> tuple[float, float]:
    if prior.mean is None or prior.sd is None or not prior.sd > 0.0:
        raise ValueError("no mean or s.d.")
    return prior.mean, prior.sd


def _normal(prior: Prior, q: FloatArray) -> FloatArray:
    from scipy.special import ndtri

    mean, sd = _moments(prior)
    return np.asarray(mean + sd * ndtri(q))


def _uniform(prior: Prior, q: FloatArray) -> FloatArray:
    lower, upper = prior.third, prior.fourth
    if lower is None or upper is None or not upper > lower:
        mean, sd = _moments(prior)
        lower, upper = mean - math.sqrt(3.0) * sd, mean + math.sqrt(3.0) * sd
    return lower + q * (upper - lower)


def _beta(prior: Prior, q: FloatArray) -> FloatArray:
    from scipy.special import betaincinv

    mean, sd = _moments(prior)
    lower = 0.0 if prior.third is None else prior.third
    upper = 1.0 if prior.fourth is None else prior.fourth
    width = upper - lower
    position, spread = (mean - lower) / width, sd / width
    size = position * (1.0 - position) / spread**2 - 1.0
    if not size > 0.0:
        raise ValueError("the s.d. is too large for a beta distribution")
    found = betaincinv(position * size, (1.0 - position) * size, q)
    return np.asarray(lower + width * found)


def _gamma(prior: Prior, q: FloatArray) -> FloatArray:
    from scipy.special import gammaincinv

    mean, sd = _moments(prior)
    shift = 0.0 if prior.third is None else prior.third
    scale = sd**2 / (mean - shift)
    return np.asarray(shift + scale * gammaincinv((mean - shift) / scale, q))


@cache
def inverse_gamma(mean: float, sd: float) -> tuple[float, float]:
    """(s, nu) of the inverse gamma distribution of type 1, of an s.d.: x^2 = s / chi^2(nu)."""
    from scipy.optimize import brentq
    from scipy.special import gammaln

    if math.isinf(sd):
        return 2.0 * mean**2 / math.pi, 2.0
    square = mean**2 + sd**2

    def off(log_excess: float) -> float:
        nu = 2.0 + math.exp(log_excess)
        ratio = float(gammaln(0.5 * (nu - 1.0)) - gammaln(0.5 * nu))
        return 0.5 * math.log(0.5 * (nu - 2.0) * square) + ratio - math.log(mean)

    nu = 2.0 + math.exp(float(brentq(off, -30.0, 20.0)))
    return (nu - 2.0) * square, nu


def _inverse_gamma(prior: Prior, q: FloatArray) -> FloatArray:
    from scipy.special import gammaincinv

    mean, sd = _moments(prior)
    shift = 0.0 if prior.third is None else prior.third
    s, nu = inverse_gamma(mean - shift, sd)
    return np.asarray(shift + np.sqrt(0.5 * s / gammaincinv(0.5 * nu, 1.0 - q)))


def _inverse_gamma_2(prior: Prior, q: FloatArray) -> FloatArray:
    from scipy.special import gammaincinv

    mean, sd = _moments(prior)
    shift = 0.0 if prior.third is None else prior.third
    mean -= shift
    ratio = 0.0 if math.isinf(sd) else (mean / sd) ** 2
    s, nu = 2.0 * mean * (1.0 + ratio), 2.0 * (2.0 + ratio)
    return np.asarray(shift + 0.5 * s / gammaincinv(0.5 * nu, 1.0 - q))


def _weibull(prior: Prior, q: FloatArray) -> FloatArray:
    from scipy.optimize import brentq

    mean, sd = _moments(prior)
    shift = 0.0 if prior.third is None else prior.third
    mean -= shift

    def off(log_shape: float) -> float:
        k = math.exp(log_shape)
        second, first = math.lgamma(1.0 + 2.0 / k), math.lgamma(1.0 + 1.0 / k)
        return second - 2.0 * first - math.log1p((sd / mean) ** 2)

    k = math.exp(float(brentq(off, -2.5, 6.0)))
    return np.asarray(shift + mean / math.gamma(1.0 + 1.0 / k) * (-np.log1p(-q)) ** (1.0 / k))


_QUANTILES: dict[str, Callable[[Prior, FloatArray], FloatArray]] = {
    "normal": _normal,
    "uniform": _uniform,
    "beta": _beta,
    "gamma": _gamma,
    "inv_gamma": _inverse_gamma,
    "inv_gamma2": _inverse_gamma_2,
    "weibull": _weibull,
}
