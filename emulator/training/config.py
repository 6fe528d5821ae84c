"""The YAML file of a run: which model, how it is trained, on which data and regime."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from emulator.config import StrictModel
from emulator.models.catalogue import ModelConfig
from emulator.regimes import Regime


class TrainingConfig(StrictModel):
    """`training:`. Defaults were chosen on validation data; see docs/experiments.md."""

    seed: int = Field(42, ge=0)
    epochs: int = Field(100, ge=1, description="passes over the largest world's training rows")
    batch_size: int = Field(64, ge=1, description="rows of every world in each step")
    lr: float = Field(4e-3, gt=0, description="peak learning rate")
    warmup: float = Field(0.05, ge=0, lt=1, description="share of the steps with a rising rate")
    weight_decay: float = Field(0.01, ge=0, description="AdamW's, on matrices only")
    clip: float = Field(1.0, gt=0, description="largest gradient norm of a step")
    checkpoint_every: int = Field(10, ge=1, description="epochs between checkpoints")
    device: Literal["auto", "cpu", "cuda"] = "auto"


class DataConfig(StrictModel):
    """`data:`. `worlds` None takes every world of the data set.

    source: where training rows come from: the data set held in memory (`resident`), streamed from
    disk (`stream`), or new samples of its worlds at every step (`fresh`). Validation and moments
    are the data set's in each case.
    """

    regime: Literal["A", "B1", "B2", "C", "D", "all"] = "A"
    dataset_path: str = "datasets/v1.0/"
    worlds: tuple[str, ...] | None = Field(None, min_length=1)
    source: Literal["resident", "stream", "fresh"] = "resident"

    @property
    def regimes(self) -> tuple[Regime, ...]:
        """The regimes to train on; `all` draws one of them a step and world."""
        if self.regime == "all":
            return tuple(Regime)
        return (Regime(self.regime),)


class RunConfig(StrictModel):
    """A whole run."""

    model: ModelConfig
    training: TrainingConfig = TrainingConfig()
    data: DataConfig = DataConfig()

    @model_validator(mode="after")
    def _baselines_need_theta(self) -> RunConfig:
        if self.model.type in ("baseline_mlp", "baseline_linear") and self.data.regime not in "AC":
            raise ValueError(
                f"model {self.model.type} answers from parameters alone: use regime A or C, "
                f"not {self.data.regime}"
            )
        return self
