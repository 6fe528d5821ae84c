"""What users hand over, checked and turned into arrays: parameters, horizons, sizes."""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emulator.errors import InputError, unknown_name
from emulator.limits import MAX_HORIZON
from emulator.specs import WorldSpec
from emulator.worlds.arguments import NOT_NUMBERS, real

if TYPE_CHECKING:
    import pandas as pd

MAX_SIZE_ASKED = 1e6  # far beyond any use; keeps float32 finite

Theta: TypeAlias = "Mapping[str, float] | pd.DataFrame | pd.Series[float] | ArrayLike | None"


def is_frame(value: Any) -> TypeGuard[pd.DataFrame]:
    """Whether value is a DataFrame. Who made one has imported pandas, so this need not."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def _is_series(value: Any) -> TypeGuard[pd.Series[float]]:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.Series)


def pack(spec: WorldSpec, theta: Theta) -> tuple[np.ndarray, bool]:
    """theta as finite (B, P) float64, and whether it was a single draw."""
    names = spec.parameter_names
    values = np.array([p.default for p in spec.parameters], dtype=np.float64)
    if _is_series(theta):
        theta = {
            str(name): value for name, value in theta.items()
        }  # by its labels, in whatever order they come
    if is_frame(theta):
        table = np.tile(values, (len(theta), 1))
        for name in theta.columns:
            if name not in names:
                raise unknown_name(f"parameter of world {spec.name!r}", str(name), names)
            try:
                table[:, names.index(name)] = frame_numbers(theta[[name]])[:, 0]
            except NOT_NUMBERS:
                raise InputError(f"parameter {name!r}: expected a column of numbers") from None
        single = False
    elif theta is None or isinstance(theta, Mapping):
        for name, value in (theta or {}).items():
            if name not in names:
                raise unknown_name(f"parameter of world {spec.name!r}", str(name), names)
            try:
                values[names.index(name)] = float(value)
            except NOT_NUMBERS:
                shown = reprlib.repr(value)
                raise InputError(f"parameter {name!r}: expected a number, got {shown}") from None
        table, single = values[None], True
    else:
        try:
            array = real(theta)
        except NOT_NUMBERS:
            raise InputError(
                "theta: expected a mapping, an array or a DataFrame of real numbers (irf_torch "
                "takes tensors that keep gradients)"
            ) from None
        single = array.ndim == 1
        table = np.atleast_2d(array)
        if table.ndim != 2 or table.shape[1] != len(names):
            raise InputError(
                f"theta: world {spec.name!r} has {len(names)} parameters, expected shape "
                f"(B, {len(names)}), got {array.shape}"
            )
    if not np.isfinite(table).all():
        row, column = np.argwhere(~np.isfinite(table))[0]
        raise InputError(f"theta: {names[column]} is {table[row, column]} in draw {row}")
    return table, single


def frame_numbers(frame: pd.DataFrame) -> NDArray[np.float64]:
    """A DataFrame as float64, missing values as NaN.

    Raises one of NOT_NUMBERS for other than real numbers and for a name given to two columns.
    """
    if not frame.columns.is_unique or any(dtype.kind in "cmM" for dtype in frame.dtypes):
        raise ValueError("expected one column a name, of real numbers")
    return frame.to_numpy(dtype=np.float64, na_value=np.nan)


def check_horizon(horizon: int | None, trained: int) -> int:
    """A whole number of quarters up to `MAX_HORIZON`, or InputError; None is the one trained on."""
    if horizon is None:
        return trained
    try:
        whole = not isinstance(horizon, (bool, str)) and int(horizon) == horizon
    except (TypeError, ValueError, OverflowError):
        whole = False
    if not whole or not 0 <= horizon <= MAX_HORIZON:
        raise InputError(
            f"horizon: expected 0 to {MAX_HORIZON} quarters, got {reprlib.repr(horizon)}"
        )
    return int(horizon)


def check_size(size: float) -> float:
    """A usable number of s.d.s, or InputError."""
    try:
        usable = not isinstance(size, (bool, str)) and 0 < abs(float(size)) <= MAX_SIZE_ASKED
    except (TypeError, ValueError, OverflowError):
        usable = False
    if not usable:
        raise InputError(
            f"size: expected a number other than zero, up to {MAX_SIZE_ASKED:g} s.d., got "
            f"{reprlib.repr(size)}"
        )
    return float(size)
