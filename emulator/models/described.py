"""What a description of weights must say, and how large the model may be that is built from it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import torch
from pydantic import (
    BaseModel,
    ConfigDict,
    NonNegativeInt,
    PositiveInt,
    model_validator,
)
from torch.overrides import TorchFunctionMode

from emulator.models.base import Model
from emulator.regimes import Regime, RegimeName
from emulator.specs import WorldSpec

# Calls of torch that build a model, for each tensor it keeps: measured 3 to 8.
_CALLS = 100
_SPARE = 1_000_000  # numbers that a model needs for a moment, or keeps and does not store
# What takes memory by sizes alone, and in the end all that a model is made of.
_MAKING = {torch.empty, torch.zeros, torch.ones, torch.full, torch.linspace, torch.arange}


class HeldOut(BaseModel):
    """A region of a world's parameters that training left out, as `held_out` records it: one of

    parameter, above or below      a half-line of a parameter
    statistic, above or below      the same of the solution's largest root
    persistence, volatility        both above these (`worlds.population`)

    of: "trajectories" where persistence and volatility were those of each sample's path, so that
    of such parameters most samples were left out, not all. default: whether the world's default
    parameters lie there, which takes solving the world to know; said of regions of its solution.
    """

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)

    parameter: str | None = None
    statistic: Literal["largest_root"] | None = None
    above: float | None = None
    below: float | None = None
    persistence: float | None = None
    volatility: float | None = None
    of: Literal["trajectories"] | None = None
    default: bool = False

    @model_validator(mode="after")
    def _one_region(self) -> Self:
        given = set(self.model_dump(exclude_none=True)) - {"of", "default"}
        if given == {"persistence", "volatility"}:
            return self
        sides, names = given & {"above", "below"}, given & {"parameter", "statistic"}
        if given != sides | names or len(sides) != 1 or len(names) != 1:
            raise ValueError(f"no region: {', '.join(sorted(given))}")
        return self

    def __str__(self) -> str:
        if self.persistence is not None:
            return (
                f"persistence above {self.persistence:g} with volatility above {self.volatility:g}"
            )
        name = self.parameter or str(self.statistic).replace("_", " ")
        side, bound = ("below", self.below) if self.above is None else ("above", self.above)
        return f"{name} {side} {bound:g}"


class Provenance(BaseModel):
    """Where weights come from: what is read of it later. Other keys may be there.

    nrmse: by world, of responses from rest over the whole prior where parameters are known, on
    draws that were neither trained on nor chosen by; of weights that were measured.
    """

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)

    commit: str
    config_sha: str
    data_sha: str
    draws_sha: str
    training_rows: dict[str, NonNegativeInt]
    held_out: dict[str, list[HeldOut]]
    started_from: str | None
    regime: RegimeName
    device: str
    processes: PositiveInt
    steps: PositiveInt | None = None
    samples_seen: dict[str, dict[str, NonNegativeInt]]
    nrmse: dict[str, float] = {}

    def check(self, specs: Sequence[WorldSpec]) -> None:
        """ValueError where it is not of these worlds, or of other regimes than it says."""
        worlds = {spec.name for spec in specs}
        trained = {r.value for r in Regime} if self.regime == "all" else {self.regime}
        counted = [self.samples_seen.get(regime, {}) for regime in trained]
        if any(worlds - set(known) for known in (self.training_rows, *counted)):
            raise ValueError("of other worlds or regimes")


def taught(provenance: Mapping[str, Any]) -> tuple[Regime, ...]:
    """The regimes in which weights learned responses: that of their training, or of `all` those
    that some step was of, as a stage may have trained a part alone."""
    trained = provenance["regime"]
    if trained != "all":
        return (Regime(trained),)
    counts: Mapping[str, Mapping[str, int]] = provenance.get("samples_seen", {})
    seen = [r for r in Regime if r.value not in counts or any(counts[r.value].values())]
    return tuple(seen or Regime)


class Bounded(TorchFunctionMode):
    """While it is entered, a model of these tensors can be built and none that is much larger:
    ValueError before memory is taken for more numbers, or torch is called more often, than it
    needs."""

    def __init__(self, tensors: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        self.numbers = _SPARE + 2 * sum(tensor.numel() for tensor in tensors.values())
        self.calls = _CALLS * (len(tensors) + 1)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is torch._C._set_grad_enabled:
            return func(*args)  # the end of a `no_grad` is to be reached, whatever ended it
        self.calls -= 1
        if func in _MAKING:
            shape = args[0] if args and isinstance(args[0], (tuple, list)) else args
            self.numbers -= math.prod(size for size in shape if isinstance(size, int))
        if self.calls < 0 or self.numbers < 0:
            raise ValueError("of a model that is larger than the weights")
        return func(*args, **(kwargs or {}))


def require_numbers(model: Model) -> None:
    """ValueError where a parameter is not finite."""
    for name, parameter in model.named_parameters():
        if not torch.isfinite(parameter).all():
            raise ValueError(f"{name} is not finite")
