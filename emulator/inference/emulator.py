"""The object users hold: `load(...).irf(...)`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import ArrayLike

from emulator.errors import InputError, WeightsError, unknown_name
from emulator.models.base import Model
from emulator.models.weights import DESCRIPTION_FILE, load_weights
from emulator.regimes import MAX_SIZE, MIN_SIZE, Regime, build_inputs
from emulator.specs import WorldSpec

PRETRAINED = Path(__file__).parent / "pretrained"
MAX_HORIZON = 80
MAX_SIZE_ASKED = 1e6  # far beyond any use; keeps float32 finite
CHUNK = 4096  # draws a forward pass; bounds memory, does not change the result

Theta = Mapping[str, float] | pd.DataFrame | ArrayLike | None


def load(path: str | os.PathLike[str] | None = None) -> Emulator:
    """The emulator in a weights or run folder; without a path, the shipped one.

    Raises WeightsError when there is none, or a file is altered, truncated or does not fit.
    """
    if path is None:
        if not (PRETRAINED / DESCRIPTION_FILE).is_file():
            raise WeightsError(
                "this installation ships no weights: train some with `emulator train CONFIG` and "
                "name their folder, load('runs/NAME') in Python or --weights runs/NAME"
            )
        path = PRETRAINED
    loaded = load_weights(path)
    return Emulator(loaded.model, {**loaded.provenance, "weights_sha256": loaded.sha256})


class Emulator:
    """A trained model behind names and units. Made by `load`."""

    def __init__(self, model: Model, provenance: Mapping[str, Any]) -> None:
        self.model = model.eval()
        self.provenance = dict(provenance)

    @property
    def worlds(self) -> tuple[str, ...]:
        """The worlds these weights know."""
        return tuple(self.model.specs)

    def spec(self, world: str) -> WorldSpec:
        """Names, bounds and units of a world as the weights were trained on."""
        return self.model.spec(world)

    def irf(
        self,
        world: str,
        theta: Theta = None,
        *,
        shock: str | None = None,
        size: float = 1.0,
        horizon: int = 40,
    ) -> xr.DataArray:
        """Responses to shocks of `size` s.d.s from the steady state.

        theta: a mapping (defaults for the rest), an array (P,) or (B, P), or a DataFrame with one
        column a parameter (missing ones take their default). Beyond the trained horizon the answer
        is extrapolated. Returns dims (draw, shock, horizon, observable), single draws and shocks
        dropped; units and provenance are in `attrs`, and `out_of_bounds` names what lies outside
        the trained range: parameters, and the size in worlds where it matters.
        Raises UnknownNameError or InputError.
        """
        trained = self.provenance["regime"]
        if trained not in (Regime.A, "all"):
            raise InputError(
                f"these weights were trained in regime {trained}; answers from parameters alone "
                "need weights trained in regime A or all"
            )
        spec = self.spec(world)
        values, single = pack(spec, theta)
        if shock is not None and shock not in spec.shock_names:
            raise unknown_name(f"shock of world {world!r}", shock, spec.shock_names)
        if isinstance(horizon, bool) or int(horizon) != horizon or not 0 <= horizon <= MAX_HORIZON:
            raise InputError(f"horizon: expected 0 to {MAX_HORIZON} quarters, got {horizon!r}")
        if not (np.isfinite(size) and 0 < abs(size) <= MAX_SIZE_ASKED):
            raise InputError(
                f"size: expected a number other than zero, up to {MAX_SIZE_ASKED:g} s.d., "
                f"got {size!r}"
            )
        outside = out_of_bounds(spec, values)
        if not spec.linear and not MIN_SIZE <= abs(size) <= MAX_SIZE:
            outside.append("size")
        horizon = int(horizon)
        response = size * self._responses(spec, values, float(size), horizon)
        data = xr.DataArray(
            response,
            dims=("draw", "shock", "horizon", "observable"),
            coords={
                "draw": np.arange(len(values)),
                "shock": list(spec.shock_names),
                "horizon": np.arange(horizon + 1),
                "observable": [o.name for o in spec.observables],
            },
            name="response",
            attrs={
                **self.provenance,
                "world": world,
                "size": float(size),
                "regime": Regime.A.value,
                "units": {o.name: o.unit for o in spec.observables},
                "out_of_bounds": outside,
                "source": "emulator",
            },
        )
        if single:
            data = data.isel(draw=0, drop=True)
        if shock is not None:
            return data.sel(shock=shock, drop=True).assign_attrs(shock=shock)
        return data

    @torch.no_grad()
    def _responses(
        self, spec: WorldSpec, theta: np.ndarray, size: float, horizon: int
    ) -> np.ndarray:
        """Per-unit responses (B, S, H+1, 3), in chunks of draws."""
        parts = []
        for first in range(0, len(theta), CHUNK):
            part = torch.as_tensor(theta[first : first + CHUNK], dtype=torch.float32)
            sizes = torch.full((len(part), len(spec.shocks)), size)
            inputs = build_inputs({"theta": part, "shock_size": sizes}, spec, Regime.A)
            parts.append(self.model(inputs, horizon).numpy())
        out = np.concatenate(parts) if parts else np.empty((0, len(spec.shocks), horizon + 1, 3))
        if not np.isfinite(out).all():
            raise InputError("the emulator gives no finite response here; check the parameters")
        return out.astype(np.float64)


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
