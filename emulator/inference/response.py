"""A response as plain arrays, and as the labelled array that users see."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emulator.specs import Observable

if TYPE_CHECKING:
    import xarray as xr

LARGEST_INTEGER = 2**31 - 1  # of netCDF 3, which is what scipy writes


@dataclass(frozen=True)
class Response:
    """Responses to whole shocks.

    values: (B, S, H+1, 3) in the observables' units; with bands, a last axis over `levels`. point:
    the point estimate (B, S, H+1, 3), which without bands is `values`.
    single: one draw, whose axis a user does not want to see; `shock` in attrs says the same of the
    shock's axis. attrs: units (a dict), provenance and `caveats`, a tuple of `trust.Found`.
    """

    values: NDArray[np.float64]
    point: NDArray[np.float64]
    shocks: tuple[str, ...]
    observables: tuple[Observable, ...]
    levels: tuple[float, ...]
    single: bool
    attrs: dict[str, Any]

    def to_xarray(self) -> xr.DataArray:
        """Dims (draw, shock, horizon, observable) and, with bands, quantile; single draws and
        shocks dropped."""
        # Dropped here and not by xarray, which would take longer than the network.
        values = self.values
        draws: int | None = len(values)
        shocks: tuple[str, ...] | None = self.shocks
        if "shock" in self.attrs:
            values, shocks = values[:, 0], None
        if self.single:
            values, draws = values[0], None
        names = tuple(o.name for o in self.observables)
        empty = _labelled(draws, shocks, self.values.shape[2], names, self.levels)
        answer = empty.copy(deep=False, data=values)
        answer.attrs = {key: _plain(value) for key, value in self.attrs.items()}
        return answer


def _plain(value: Any) -> str | int | float:
    """An attribute as text or a number: files (netCDF) hold nothing else."""
    if isinstance(value, (str, float)) or (type(value) is int and abs(value) <= LARGEST_INTEGER):
        return value
    if isinstance(value, dict):
        return "; ".join(f"{key}: {entry}" for key, entry in value.items())
    if isinstance(value, (list, tuple)):
        return "; ".join(str(entry) for entry in value)
    return str(value)


@lru_cache(maxsize=16)
def _labelled(
    draws: int | None,
    shocks: tuple[str, ...] | None,
    points: int,
    observables: tuple[str, ...],
    levels: tuple[float, ...],
) -> xr.DataArray:
    """An array of no numbers with the labels of the axes that are there. Kept, as making them anew
    takes longer than a draw's answer; a copy's are its own to change."""
    import xarray as xr

    labels: dict[str, Any] = {
        "draw": None if draws is None else np.arange(draws),
        "shock": None if shocks is None else list(shocks),
        "horizon": np.arange(points),
        "observable": list(observables),
        "quantile": list(levels) or None,
    }
    there = {name: label for name, label in labels.items() if label is not None}
    nothing = np.broadcast_to(np.nan, [len(label) for label in there.values()])
    return xr.DataArray(nothing, there, list(there), name="response")
