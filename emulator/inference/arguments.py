"""What users hand over, checked and turned into arrays: parameters, horizons, sizes."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from emulator.errors import InputError
from emulator.limits import MAX_HORIZON
from emulator.specs import WorldSpec
from emulator.worlds.arguments import NOT_NUMBERS, real
from emulator.worlds.labels import Wanted

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

MAX_SIZE_ASKED = 1e6  # far beyond any use; keeps float32 finite

Theta: TypeAlias = (
    "Mapping[str, float] | pd.DataFrame | pd.Series[float] | xr.DataArray | ArrayLike | None"
)


def pack(spec: WorldSpec, theta: Theta) -> tuple[np.ndarray, bool]:
    """theta as finite (B, P) float64, defaults for what is left out, and whether it was a single
    draw."""
    names = spec.parameter_names
    defaults = spec.box[2]
    wanted = Wanted("theta", "parameter", f"world {spec.name!r}", names, defaults)
    array = defaults if theta is None else wanted.read(theta)
    if array is None:
        try:
            array = real(theta)
        except NOT_NUMBERS:
            raise InputError(
                "theta: expected a mapping, an array or a DataFrame of real numbers (irf_torch "
                "takes tensors that keep gradients)"
            ) from None
    table = np.atleast_2d(array)
    if table.ndim != 2 or table.shape[1] != len(names):
        raise InputError(
            f"theta: world {spec.name!r} has {len(names)} parameters, expected shape "
            f"(B, {len(names)}), got {array.shape}"
        )
    if not np.isfinite(table).all():
        row, column = np.argwhere(~np.isfinite(table))[0]
        raise InputError(f"theta: {names[column]} is {table[row, column]} in draw {row}")
    return table, array.ndim == 1


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
