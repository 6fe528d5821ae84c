"""What users hand over, checked and turned into arrays: parameters, histories, sizes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from emulator.errors import InputError, nearest, unknown_name
from emulator.regimes import MAX_HISTORY, MAX_SIZE, MIN_HISTORY, MIN_SIZE
from emulator.specs import OBSERVABLE_NAMES, WorldSpec

MAX_HORIZON = 80
MAX_SIZE_ASKED = 1e6  # far beyond any use; keeps float32 finite
# A history whose s.d. is this many times the training trajectories', or this part of it, is more
# likely in other units (fractions for percent: 100) than an economy of the prior.
UNLIKE = 10.0

Theta = Mapping[str, float] | pd.DataFrame | ArrayLike | None
History = pd.DataFrame | ArrayLike


def pack(spec: WorldSpec, theta: Theta) -> tuple[np.ndarray, bool]:
    """theta as finite (B, P) float64, and whether it was a single draw."""
    names = spec.parameter_names
    values = np.array([p.default for p in spec.parameters], dtype=np.float64)
    if isinstance(theta, pd.DataFrame):
        table = np.tile(values, (len(theta), 1))
        for name in theta.columns:
            if name not in names:
                raise unknown_name(f"parameter of world {spec.name!r}", str(name), names)
            try:
                table[:, names.index(name)] = theta[name].to_numpy(dtype=np.float64)
            except (TypeError, ValueError):
                raise InputError(f"parameter {name!r}: expected a column of numbers") from None
        single = False
    elif theta is None or isinstance(theta, Mapping):
        for name, value in (theta or {}).items():
            if name not in names:
                raise unknown_name(f"parameter of world {spec.name!r}", str(name), names)
            try:
                values[names.index(name)] = float(value)
            except (TypeError, ValueError):
                raise InputError(f"parameter {name!r}: expected a number, got {value!r}") from None
        table, single = values[None], True
    else:
        try:
            array = np.asarray(theta, dtype=np.float64)
        except (TypeError, ValueError):
            raise InputError("theta: expected a mapping, an array or a DataFrame") from None
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


def out_of_bounds(spec: WorldSpec, theta: np.ndarray) -> list[str]:
    """Names of the parameters that leave their bounds in any draw."""
    return [
        p.name
        for j, p in enumerate(spec.parameters)
        if ((theta[:, j] < p.lower) | (theta[:, j] > p.upper)).any()
    ]


def outside(spec: WorldSpec | None, theta: NDArray[np.float64] | None, size: float) -> list[str]:
    """What lies outside the trained range: parameters, and the size in worlds where it matters."""
    names = out_of_bounds(spec, theta) if spec is not None and theta is not None else []
    if (spec is None or not spec.linear) and not MIN_SIZE <= abs(size) <= MAX_SIZE:
        names.append("size")
    return names


def history_array(history: History) -> tuple[NDArray[np.float64], bool]:
    """A history as finite (B, L, 3), its last 200 quarters, and whether it was a single one.

    history: a DataFrame with the columns output, inflation, rate (others are an error, lest a
    misspelt one be missed), or an array (L, 3) or (B, L, 3), in the units of the worlds'
    observables, one row a quarter, oldest first. Raises InputError.
    """
    if isinstance(history, pd.DataFrame):
        given = [str(column) for column in history.columns]
        for name in OBSERVABLE_NAMES:
            if name not in given:
                close = nearest(name, given)
                hint = f" (is it {close!r}?)" if close else ""
                raise InputError(
                    f"history: column {name!r} is missing{hint}; expected output, inflation, rate"
                )
        try:
            array = history[list(OBSERVABLE_NAMES)].to_numpy(dtype=np.float64)
        except (TypeError, ValueError):
            raise InputError("history: expected columns of numbers") from None
    else:
        try:
            array = np.asarray(history, dtype=np.float64)
        except (TypeError, ValueError):
            raise InputError("history: expected a DataFrame or an array of numbers") from None
    single = array.ndim == 2
    table = array[None] if single else array
    if table.ndim != 3 or table.shape[2] != 3:
        raise InputError(
            "history: expected quarters by output, inflation, rate, shape (L, 3) or (B, L, 3), "
            f"got {array.shape}"
        )
    if table.shape[1] < MIN_HISTORY:
        raise InputError(
            f"history: {table.shape[1]} quarters are too few, {MIN_HISTORY} or more are needed"
        )
    table = table[:, -MAX_HISTORY:]
    if not np.isfinite(table).all():
        row, quarter, column = np.argwhere(~np.isfinite(table))[0]
        raise InputError(
            f"history: {OBSERVABLE_NAMES[column]} is {table[row, quarter, column]} in quarter "
            f"{quarter + 1} of the last {table.shape[1]}; fill gaps or start after them"
        )
    still = np.argwhere(table.std(axis=1) == 0.0)
    if len(still):
        raise InputError(f"history: {OBSERVABLE_NAMES[still[0, 1]]} never changes")
    return table, single


def unlike(history: NDArray[np.float64], scale: NDArray[np.float64]) -> list[str]:
    """Observables whose s.d. is far from that of the trajectories trained on, scale (3,)."""
    ratio = history.std(axis=1) / np.where(scale > 0, scale, 1.0)
    far = ((ratio > UNLIKE) | (ratio < 1.0 / UNLIKE)).any(axis=0)
    return [name for name, flag in zip(OBSERVABLE_NAMES, far, strict=True) if flag]


def check_horizon(horizon: int) -> int:
    if isinstance(horizon, bool) or int(horizon) != horizon or not 0 <= horizon <= MAX_HORIZON:
        raise InputError(f"horizon: expected 0 to {MAX_HORIZON} quarters, got {horizon!r}")
    return int(horizon)


def check_size(size: float) -> float:
    if not (np.isfinite(size) and 0 < abs(size) <= MAX_SIZE_ASKED):
        raise InputError(
            f"size: expected a number other than zero, up to {MAX_SIZE_ASKED:g} s.d., got {size!r}"
        )
    return float(size)
