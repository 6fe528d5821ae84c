"""How histories compare with those that weights were trained on.

Shown with every answer from data, since most mistakes in data (growth rates for levels, rates that
are not annualised, columns exchanged) are no economy's impossibility, but show in these numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.inference.histories import Observed
from emulator.models.base import Model
from emulator.specs import OBSERVABLE_NAMES, WorldSpec

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Likeness:
    """Histories (B, L, 3) beside the s.d. (3,) of the trajectories of `world`, or of all worlds
    where it is None, that weights were trained on."""

    observed: Observed
    scale: Array
    world: str | None

    @property
    def values(self) -> Array:
        """(B, L, 3)."""
        return self.observed.values

    @property
    def sd_ratio(self) -> Array:
        """The s.d. of each history over that of those trained on, (B, 3)."""
        return np.asarray(self.values.std(axis=1) / self.scale)

    @property
    def mean_ratio(self) -> Array:
        """The mean of each history over the s.d. of those trained on, (B, 3)."""
        return np.asarray(self.values.mean(axis=1) / self.scale)

    @property
    def one_side(self) -> Array:
        """The share of quarters on the side of zero where most are, (B, 3)."""
        above, below = self.values > 0, self.values < 0
        return np.asarray(np.maximum(above.mean(axis=1), below.mean(axis=1)))

    @property
    def trend(self) -> Array:
        """The share of each variance that a straight line explains, (B, 3)."""
        line = np.arange(self.values.shape[1]) - (self.values.shape[1] - 1) / 2.0
        deviation = self.values - self.values.mean(axis=1, keepdims=True)
        slope = np.einsum("blv,l->bv", deviation, line) ** 2 / np.square(line).sum()
        return np.asarray(slope / np.square(deviation).sum(axis=1))

    def to_attrs(self) -> dict[str, Any]:
        """For `attrs` and JSON: the quarters used, of those given, and the first and last where
        they are known; s.d.s and means as above, of several histories on average."""
        found: dict[str, Any] = {
            "history_quarters": self.values.shape[1],
            "history_given": self.observed.given,
        }
        if self.observed.first is not None:
            found |= {"history_first": self.observed.first, "history_last": self.observed.last}
        sd = [float(f"{value:.3g}") for value in self.sd_ratio.mean(axis=0)]
        mean = [round(float(value), 3) + 0.0 for value in self.mean_ratio.mean(axis=0)]
        found["history_sd_ratio"] = dict(zip(OBSERVABLE_NAMES, sd, strict=True))
        found["history_mean_ratio"] = dict(zip(OBSERVABLE_NAMES, mean, strict=True))
        return found


def likeness(observed: Observed, spec: WorldSpec | None, model: Model) -> Likeness:
    """Of histories, beside those of a world; without one, beside the mean s.d. over worlds."""
    names = tuple(model.specs) if spec is None else (spec.name,)
    scales = [model.scales(name).path.numpy().astype(np.float64) for name in names]
    return Likeness(observed, np.mean(scales, axis=0), None if spec is None else spec.name)


def in_words(attrs: Mapping[str, Any]) -> str:
    """What `Likeness.to_attrs` found of an answer from data, in a sentence."""
    quarters, given = attrs["history_quarters"], attrs["history_given"]
    part = f" (the last of {given})" if given > quarters else ""
    dates = ""
    if "history_first" in attrs:
        dates = f", {attrs['history_first']} to {attrs['history_last']}"
    sds, means = (
        ", ".join(f"{name} {value:g}" for name, value in attrs[f"history_{what}_ratio"].items())
        for what in ("sd", "mean")
    )
    of = f"of world {attrs['world']!r}" if attrs["world"] else "of all worlds"
    return (
        f"history: {quarters} quarters{part}{dates}. Its s.d.s over those of the training "
        f"histories {of}: {sds}. Its means over the same: {means}"
    )
