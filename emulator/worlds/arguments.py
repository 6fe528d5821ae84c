"""Arguments as users give them, turned into arrays and whole numbers or refused by name."""

from __future__ import annotations

import reprlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emulator.errors import InputError
from emulator.strict_yaml import read_number

# What NumPy and float() raise for what is no number, or too large an integer for one, and torch for
# a tensor that keeps gradients.
NOT_NUMBERS = (TypeError, ValueError, OverflowError, RuntimeError)

NO_REAL = "bcmM"  # kinds that NumPy would cast: truth, complex numbers, durations, dates


def real(values: Any) -> NDArray[np.float64]:
    """`values` as float64 in C order, masked entries as NaN.

    One of NOT_NUMBERS for anything but real numbers, dates included.
    """
    rows = values if isinstance(values, (list, tuple)) else ()
    masked = np.ma.isMaskedArray(values) or any(np.ma.isMaskedArray(row) for row in rows)
    array = np.ma.array(values, copy=False) if masked else np.asarray(values)
    if array.dtype.kind in NO_REAL:
        raise TypeError(f"expected real numbers, got {array.dtype}")
    plain_digits(array)
    if masked:
        array = np.ma.filled(array.astype(np.float64), np.nan)
    # In order, which a reversed view is not: kernels and tensors take no negative strides.
    return np.asarray(array, dtype=np.float64, order="C")


def plain_digits(array: Any) -> None:
    """ValueError where texts among the cells are numbers to Python alone, as 1_0 is."""
    if array.dtype.kind in "SUO":
        for cell in np.asarray(array).flat:
            if isinstance(cell, str):
                read_number(cell)


def numbers(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """`values` as float64, or InputError naming the argument."""
    try:
        return real(values)
    except NOT_NUMBERS:
        raise InputError(f"{name}: expected numbers, got {reprlib.repr(values)}") from None


def laid_out(values: ArrayLike) -> NDArray[np.float64]:
    """`values` as float64 in C order and writable, copied where they are not: for every layout that
    it is given a compiled function is compiled anew, which takes seconds."""
    return np.require(values, np.float64, ["C", "W"])


def whole(name: str, value: Any) -> int:
    """`value` as an int, or InputError naming the argument."""
    try:
        count = int(value)
        valid = not isinstance(value, bool) and count == value and count >= 0
    except NOT_NUMBERS:
        valid = False
    if not valid:
        raise InputError(f"{name}: expected a whole number >= 0, got {reprlib.repr(value)}")
    return count
