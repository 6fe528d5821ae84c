"""The YAML file of a run: which model, how it is trained, on which data and regime."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from emulator.config import StrictModel, is_unset
from emulator.limits import MOST_RATE, MOST_ROWS, MOST_SEED, MOST_STEPS, MOST_WEIGHT
from emulator.models.base import Part
from emulator.models.configs import ModelConfig
from emulator.regimes import Regime, RegimeName
from emulator.training.losses import HorizonWeights


class TrainingConfig(StrictModel):
    """`training:`. The default learning rate is what short runs of the baselines chose of 2e-3 to
    8e-3 at this batch size; the other defaults are customary."""

    seed: int = Field(42, ge=0, le=MOST_SEED)
    epochs: int = Field(
        100,
        ge=1,
        le=MOST_STEPS,
        description="passes over the largest world's training rows; not used where `steps` is",
    )
    steps: int | None = Field(
        None,
        ge=1,
        le=MOST_STEPS,
        exclude_if=is_unset,
        description="the length of training; null: `epochs`",
    )
    batch_size: int = Field(
        64,
        ge=1,
        le=MOST_ROWS,
        description="rows of every world in each step, over all processes together",
    )
    optimizer: Literal["muon", "adamw"] = Field(
        "muon", description="of matrices between layers; muon.py says what Muon does with the rest"
    )
    lr: float = Field(4e-3, gt=0, le=MOST_RATE, description="peak learning rate")
    warmup: float = Field(0.05, ge=0, lt=1, description="share of the steps with a rising rate")
    weight_decay: float = Field(0.1, ge=0, le=MOST_WEIGHT, description="on matrices only")
    clip: float = Field(1.0, gt=0, le=MOST_WEIGHT, description="largest gradient norm of a step")
    checkpoint_every: int = Field(10, ge=1, le=MOST_STEPS, description="epochs between checkpoints")
    validate_every: int | None = Field(
        None,
        ge=1,
        le=MOST_STEPS,
        description="epochs between validations; null: with every checkpoint",
    )
    patience: int | None = Field(
        None,
        ge=1,
        le=MOST_STEPS,
        description="validations without a lower mean error after which training ends, with the "
        "best weights kept; null: train to the end, and keep the last",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="of the training step's matrix products; validation is in float32"
    )
    logger: Literal["none", "tensorboard", "wandb"] = Field(
        "none", description="where the log goes beside its CSV and JSONL files"
    )
    start_from: str | None = Field(
        None,
        exclude_if=is_unset,
        description="a weights or run folder whose weights training begins with, `pretrained` for "
        "those of the package; what they do not know by name starts anew",
    )
    only: Part | None = Field(
        None,
        exclude_if=is_unset,
        description="from_parameters: train only what answers from parameters pass through and "
        "those from data do not, and the correction of paths of known innovations: responses from "
        "data stay as `start_from` has them, or as they are drawn; from_state: of that only what "
        "the state bears on; from_data: what answers from data and corrects paths, so that "
        "responses from parameters stay; null: everything",
    )
    rough_histories: float | None = Field(
        None,
        gt=0,
        le=1,
        exclude_if=is_unset,
        description="share of rows whose history has noise, rounding and means as users' data "
        "have them (training/rough.py); null: none",
    )
    device: Literal["auto", "cpu", "cuda"] = "auto"


class LossConfig(StrictModel):
    """`losses:`. Weights of the terms beside the responses' own; see training/losses.py.

    A model without bands or trajectories has no such terms, whatever their weights.
    """

    trajectory: float = Field(0.3, ge=0, le=MOST_WEIGHT)
    quantile: float = Field(0.3, ge=0, le=MOST_WEIGHT, description="pinball loss of the bands")
    smooth: float = Field(
        0.0, ge=0, le=MOST_WEIGHT, description="second differences of the error over horizons"
    )
    horizon: HorizonWeights = Field("uniform", description="weights of horizons in the responses")


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) != len(names):
        raise ValueError("a name is given twice")
    return names


class DataConfig(StrictModel):
    """`data:`. `worlds` None takes every world of the data set.

    source: where training rows come from: the data set held in memory (`resident`), streamed from
    disk (`stream`), or new samples of its worlds at every step (`fresh`). Validation and moments
    are the data set's in each case. rows: train on the first so many rows of each world's training
    split, and take their moments; None for all. extra_inputs: given to the model beyond the
    regime's contract, for ablations: the history in A, the regime or binding flags.
    """

    regime: RegimeName = "A"
    dataset_path: str = "datasets/dev/"
    worlds: Annotated[tuple[str, ...], AfterValidator(_distinct)] | None = Field(None, min_length=1)
    source: Literal["resident", "stream", "fresh"] = "resident"
    rows: int | None = Field(None, ge=1, le=MOST_STEPS, exclude_if=is_unset)
    extra_inputs: Annotated[tuple[Literal["history", "flags"], ...], AfterValidator(_distinct)] = ()

    @model_validator(mode="after")
    def _rows_are_of_the_data_set(self) -> DataConfig:
        if self.rows is not None and self.source != "resident":
            raise ValueError(f"rows is for source: resident, not for {self.source}")
        return self

    @property
    def regimes(self) -> tuple[Regime, ...]:
        """The regimes to train on; `all` asks each world twice a step, with theta and without."""
        if self.regime == "all":
            return tuple(Regime)
        return (Regime(self.regime),)


class RunConfig(StrictModel):
    """A whole run."""

    model: ModelConfig
    training: TrainingConfig = TrainingConfig()
    losses: LossConfig = LossConfig()
    data: DataConfig = DataConfig()

    @model_validator(mode="after")
    def _what_the_model_takes(self) -> RunConfig:
        kind, regimes = self.model.type, self.model.regimes
        if self.data.regime not in regimes:
            raise ValueError(
                f"model {kind} does not answer in regime {self.data.regime}: use "
                f"{', '.join(regimes[:-1])} or {regimes[-1]}"
            )
        unread = set(self.data.extra_inputs) - self.model.extra_inputs
        if unread:
            raise ValueError(f"data.extra_inputs: model {kind} does not read {min(unread)}")
        if self.training.start_from is not None and not self.model.starts_from_weights:
            raise ValueError(
                f"training.start_from: model {kind} starts from nothing, as it does not know by "
                "name what it has learned"
            )
        if self.training.only is not None:
            self._has_what_stays()
        if self.model.fitted_at_once:
            plain = LossConfig().horizon, TrainingConfig().patience, TrainingConfig().precision
            given = self.losses.horizon, self.training.patience, self.training.precision
            names = "losses.horizon", "training.patience", "training.precision"
            for name, value, default in zip(names, given, plain, strict=True):
                if value != default:
                    raise ValueError(
                        f"{name}: model {kind} is fitted in one pass and does not use it"
                    )
        return self

    def _has_what_stays(self) -> None:
        if self.training.start_from is None and self.training.only != "from_parameters":
            raise ValueError(
                f"training.only: {self.training.only} is for trained weights, of which the rest "
                "stays; name them in training.start_from"
            )
        if self.data.regime != "all":
            raise ValueError(
                f"training.only: is for data.regime: all, not {self.data.regime}, as the weights "
                "go on answering in every regime"
            )
