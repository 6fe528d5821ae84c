"""What every model offers: physical inputs in, physical responses out.

A model takes the `Inputs` of one world, or of several at once, and returns per-unit responses
(B, S, H+1, 3) in the observables' units, with quantiles where it has them. Scales learned from the
training split are buffers, saved with the weights. World specs travel in the configuration, so a
model never imports a world.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import torch
from torch import nn

from emulator.errors import InputError, unknown_name
from emulator.models.abilities import ModelConfigBase
from emulator.regimes import Inputs
from emulator.specs import WorldSpec

if TYPE_CHECKING:
    from jaxtyping import Float


class Answer(NamedTuple):
    """response: (B, S, H+1, 3) per unit of size, the point estimate. quantiles: the same with a
    last axis over `QUANTILES`, for models that give bands."""

    response: Float[torch.Tensor, "B S points 3"]
    quantiles: Float[torch.Tensor, "B S points 3 5"] | None = None


# Inputs of a batch and the per-unit responses (B, S, H+1, 3) that answer them.
Answered = tuple[Inputs, torch.Tensor]


# What can be trained alone.
Part = Literal["from_parameters", "from_data", "from_state"]


class Model(nn.Module, ABC):
    """Base of all models. `config` says what models of this kind can do, `horizon` is the last
    horizon the weights were trained on."""

    def __init__(self, config: ModelConfigBase, specs: Sequence[WorldSpec], horizon: int) -> None:
        super().__init__()
        self.config = config
        for spec in specs:
            if "." in spec.name or hasattr(nn.ModuleDict, spec.name):
                raise InputError(
                    f"world {spec.name!r}: torch cannot name a part of a model so; give the world "
                    "another name"
                )
        self.specs: dict[str, WorldSpec] = {spec.name: spec for spec in specs}
        self.horizon = horizon
        self.output_scales = nn.ModuleDict({spec.name: ResponseScales(spec) for spec in specs})

    @abstractmethod
    def answer(
        self, asked: Sequence[Inputs], horizon: int | None = None, *, bands: bool = True
    ) -> list[Answer]:
        """Responses to each of `asked`; `horizon` None is the trained one. Without `bands`
        quantiles are left out."""

    def forward(
        self, inputs: Inputs, horizon: int | None = None
    ) -> Float[torch.Tensor, "B S points 3"]:
        """Per-unit responses (B, S, H+1, 3) of one world."""
        return self.answer([inputs], horizon, bands=False)[0].response

    def around_curves(
        self, quantiles: Float[torch.Tensor, "B S points 3 5"], inputs: Inputs
    ) -> Float[torch.Tensor, "B S points 3 5"] | None:
        """An answer's quantiles to those whose bands hold whole curves, each of one shock and
        observable over the trained horizon, as often as its own hold points; None of models and
        questions without."""
        return None

    def forecast(self, inputs: Inputs) -> Float[torch.Tensor, "B F 3"]:
        """The observables of the `inputs.ahead` quarters after now, (B, F, 3). Raises InputError;
        only models whose configuration says `forecasts` have an answer."""
        raise InputError(f"{type(self).__name__} does not forecast trajectories")

    def fit(self, world: str, train: Answered, validation: Sequence[Answered]) -> None:
        """Fit one world and task on all its training samples; only for models whose configuration
        says `fitted_at_once`.

        validation: batches of the validation split, for what is chosen rather than estimated.
        """
        raise NotImplementedError

    def set_scales(
        self, responses: Mapping[str, np.ndarray], paths: Mapping[str, np.ndarray]
    ) -> None:
        """Take each world's output scales from the training split: the s.d. of responses (S, 3) and
        of trajectories (3,)."""
        for world, sd in responses.items():
            self.scales(world).sd.copy_(torch.as_tensor(sd))
        for world, sd in paths.items():
            self.scales(world).path.copy_(torch.as_tensor(sd))

    def prepare(self, world: str, inputs: Inputs) -> None:
        """See all training rows of a world once before training, to take moments of the inputs.

        Most models need none; only for those whose configuration says `prepares` are they read.
        """

    def compress(
        self,
        world: str,
        theta: Float[torch.Tensor, "N P"],
        responses: Float[torch.Tensor, "N S points 3"],
    ) -> None:
        """See a world's training responses (N, S, H+1, 3) from rest and their parameters (N, P)
        once before training, to take their principal components; after `set_scales`. Only for
        models whose configuration says `compresses`."""
        raise NotImplementedError

    def measure(self, rows: Iterable[Inputs]) -> None:
        """See training rows whose parameters are given once after training, to know how far they
        reach. Most models need none, and read none."""

    def go_on(
        self,
        world: str,
        theta: Float[torch.Tensor, "N P"],
        size: Float[torch.Tensor, "N S"],
        responses: Float[torch.Tensor, "N S more 3"],
    ) -> None:
        """See exact responses from rest, per unit of size, up to quarters beyond those trained on,
        once after training. Most models say nothing of such quarters, and read none."""

    def calibrate(self, rows: Iterable[Answered]) -> None:
        """See validation rows and their answers once after training, to set how wide bands are.
        Only for models that give bands; others read none."""

    def keep(self, other: Model) -> None:
        """Take over what no step moves but answers of a model of the same worlds depend on: output
        scales, and widths of bands until they are measured again."""
        self.output_scales.load_state_dict(other.output_scales.state_dict())

    def train_only(self, part: Part) -> None:
        """Let training move only what answers from parameters pass through and answers from data do
        not, of that what answers from a state pass through, or all but the networks that answer
        from parameters; only for models whose configuration says `starts_from_weights`."""
        raise NotImplementedError

    def physical(
        self, output: Float[torch.Tensor, "B S points 3"], inputs: Inputs
    ) -> Float[torch.Tensor, "B S points 3"]:
        """Network outputs (B, S, H+1, 3) to per-unit responses in the observables' units."""
        return output * self.response_scale(inputs)[:, :, None]

    def response_scale(self, inputs: Inputs) -> Float[torch.Tensor, "B S 3"]:
        """What one unit of network output is worth, (B or 1, S or 1, 3).

        The scale of the world's training responses; where the world is not named, the s.d. of the
        history times what responses are of it in the middle of the worlds known.
        """
        if inputs.world is not None:
            scale: torch.Tensor = self.scales(inputs.world)(inputs.theta)
            every = self.spec(inputs.world).shock_names
            if inputs.shocks == every:
                return scale
            return scale[:, [every.index(shock) for shock in inputs.shocks]]
        return (self.path_scale(inputs) * self._usual_share())[:, None]

    def _usual_share(self) -> torch.Tensor:
        """The median over worlds and shocks of the s.d. of responses over that of paths, (3,).

        Of those that there are: a shock may leave an observable alone, a world may not move it.
        """
        shares = torch.cat(
            [self.scales(world).sd / self.scales(world).path for world in self.specs]
        )
        there = shares.isfinite() & (shares > 0)
        usual = torch.where(there, shares, torch.nan).nanmedian(dim=0).values
        return torch.where(usual.isfinite(), usual, torch.ones_like(usual))

    def path_scale(self, inputs: Inputs) -> Float[torch.Tensor, "B 3"]:
        """The s.d. of the observables, (1, 3) from the world's training trajectories, or (B, 3)
        from the history where the world is not named."""
        if inputs.world is not None:
            return self.scales(inputs.world).path[None]
        assert inputs.history is not None
        return inputs.history.std(dim=1)

    def scales(self, world: str) -> ResponseScales:
        """The output scales of a world."""
        module = self.output_scales[world]
        assert isinstance(module, ResponseScales)
        return module

    def spec(self, world: str) -> WorldSpec:
        """The spec of a world the weights know. Raises UnknownNameError."""
        if world not in self.specs:
            raise unknown_name("world of these weights", world, self.specs)
        return self.specs[world]

    def trained_horizons(
        self, output: Float[torch.Tensor, "B S trained 3"], horizon: int | None
    ) -> Float[torch.Tensor, "B S points 3"]:
        """Cut (B, S, H+1, 3) to `horizon`; InputError beyond what the weights were trained on.

        For models whose outputs are one a horizon.
        """
        if horizon is None:
            return output
        if horizon > self.horizon:
            raise InputError(
                f"horizon: this model answers up to {self.horizon} quarters, got {horizon}"
            )
        return output[:, :, : horizon + 1]


class SeparateModel(Model):
    """A model that answers one world at a time."""

    @abstractmethod
    def respond(
        self, inputs: Inputs, horizon: int | None = None
    ) -> Float[torch.Tensor, "B S points 3"]:
        """Per-unit responses (B, S, H+1, 3) of one world."""

    def answer(
        self, asked: Sequence[Inputs], horizon: int | None = None, *, bands: bool = True
    ) -> list[Answer]:
        return [Answer(self.respond(inputs, horizon)) for inputs in asked]


class ResponseScales(nn.Module):
    """Network outputs to per-unit responses of one world: `response = unit * sd * output`.

    `sd` (S, 3) is the s.d. of the training responses over samples and horizons, a buffer saved
    with the weights; a response that is identically zero has scale zero. `path` (3,) is that of
    the training trajectories. `unit` is the shock's own
    s.d. parameter over the centre of its prior, where the world names one and theta is known: to
    first order a response is proportional to it. Otherwise it is 1.
    """

    sd: torch.Tensor
    path: torch.Tensor
    columns: torch.Tensor
    reference: torch.Tensor

    def __init__(self, spec: WorldSpec) -> None:
        super().__init__()
        names = spec.parameter_names
        columns = [names.index(s.sigma) if s.sigma else -1 for s in spec.shocks]
        bounds = [(spec.parameters[c].lower, spec.parameters[c].upper) for c in columns]
        for shock, column, (low, _) in zip(spec.shocks, columns, bounds, strict=True):
            if column >= 0 and low <= 0:
                raise InputError(
                    f"world {spec.name!r}: {shock.sigma} is the s.d. of {shock.name}, so its lower "
                    f"bound must be above zero, got {low:g}"
                )
        centre = [(low * high) ** 0.5 if c >= 0 else 1.0 for c, (low, high) in
                  zip(columns, bounds, strict=True)]  # fmt: skip
        self.register_buffer("sd", torch.ones(len(columns), 3))
        self.register_buffer("path", torch.ones(3))
        # Known from the spec, so not saved.
        self.register_buffer("columns", torch.tensor(columns), persistent=False)
        self.register_buffer("reference", torch.tensor(centre), persistent=False)

    def unit(self, theta: Float[torch.Tensor, "B P"] | None) -> Float[torch.Tensor, "rows S"]:
        """(B, S), or (1, S) of ones where theta is unknown."""
        if theta is None:
            return torch.ones_like(self.reference)[None]
        named = self.columns >= 0
        return torch.where(named, theta[:, self.columns.clamp(min=0)] / self.reference, 1.0)

    def forward(self, theta: Float[torch.Tensor, "B P"] | None) -> Float[torch.Tensor, "rows S 3"]:
        """The physical size of one unit of network output, (B or 1, S, 3)."""
        return self.unit(theta)[..., None] * self.sd
