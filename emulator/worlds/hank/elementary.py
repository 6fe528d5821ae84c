"""Exponential and logarithm in plain arithmetic, so that loops over a grid vectorise.

numba calls the C library for each number. These are the usual reductions, exp(x) = 2^k exp(r) and
log(x) = k log 2 + 2 artanh(s), with polynomials for what is left; both err by at most two units in
the last place for normal numbers, and give the same bits on every processor. Arguments so large or
small that the result is no normal number give nonsense, which a solver meets as "no convergence".
"""

from __future__ import annotations

import numpy as np

from emulator.compiled import compiled

_ROUND = 6755399441055744.0  # 1.5 * 2^52: what adding it does to a number is rounding it
_LOG2E = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_SQRT_HALF_BITS = 4604544271217802189  # of the double sqrt(1/2)
_ROUND_BITS = 4843621399236968448  # of the double 1.5 * 2^52


@compiled(error_model="numpy")
def exp(x: float) -> float:
    """e^x for |x| < 700."""
    shifted = x * _LOG2E + _ROUND
    k = shifted - _ROUND
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    p = 1.6059043836821613e-10  # Taylor's coefficients, 1/13! to 1
    p = p * r + 2.08767569878681e-09
    p = p * r + 2.505210838544172e-08
    p = p * r + 2.755731922398589e-07
    p = p * r + 2.7557319223985893e-06
    p = p * r + 2.48015873015873e-05
    p = p * r + 0.0001984126984126984
    p = p * r + 0.001388888888888889
    p = p * r + 0.008333333333333333
    p = p * r + 0.041666666666666664
    p = p * r + 0.16666666666666666
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    power = np.int64((np.float64(shifted).view(np.int64) + 1023) << 52)
    return p * power.view(np.float64)


@compiled(error_model="numpy")
def log(x: float) -> float:
    """log x for positive normal x; any number for others."""
    bits = np.float64(x).view(np.int64)
    exponent = (bits - _SQRT_HALF_BITS) >> 52
    mantissa = np.int64(bits - (exponent << 52)).view(np.float64)  # in [sqrt(1/2), sqrt(2))
    # An integer as a double, without an instruction that would not vectorise.
    k = np.int64(exponent + _ROUND_BITS).view(np.float64) - _ROUND
    s = (mantissa - 1.0) / (mantissa + 1.0)
    z = s * s
    p = 1.0 / 21.0
    p = p * z + 1.0 / 19.0
    p = p * z + 1.0 / 17.0
    p = p * z + 1.0 / 15.0
    p = p * z + 1.0 / 13.0
    p = p * z + 1.0 / 11.0
    p = p * z + 1.0 / 9.0
    p = p * z + 1.0 / 7.0
    p = p * z + 1.0 / 5.0
    p = p * z + 1.0 / 3.0
    return k * _LN2_HIGH + (k * _LN2_LOW + 2.0 * s + 2.0 * s * z * p)
