"""The training log in Weights & Biases or TensorBoard: `training.logger`.

Each is an extra (`pip install 'universal-macro-emulator[wandb]'`), imported only when asked for. A
row's numbers keep their column names. W&B follows its own variables: WANDB_MODE=offline needs no
network and no account.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Protocol

from emulator.config import config_hash
from emulator.errors import ConfigError
from emulator.training.config import RunConfig

PROJECT = "universal-macro-emulator"


class Mirror(Protocol):
    """Takes the rows of a training log, one a step."""

    def write(self, row: dict[str, Any]) -> None: ...

    def close(self) -> None: ...


def require_logger(config: RunConfig) -> None:
    """ConfigError where the logger asked for is not installed."""
    name = config.training.logger
    if name != "none" and importlib.util.find_spec(name) is None:
        raise ConfigError(
            f"training.logger: {name} is not installed; install it with "
            f"`pip install '{PROJECT}[{name}]'`, or use logger none"
        )


def open_mirror(folder: Path, first_step: int, config: RunConfig) -> Mirror | None:
    """The logger asked for, going on after `first_step`; None for none."""
    if config.training.logger == "tensorboard":
        return TensorBoard(folder, first_step)
    if config.training.logger == "wandb":
        return WeightsAndBiases(folder, config)
    return None


class TensorBoard:
    """Event files in the run folder's `tensorboard/`."""

    def __init__(self, folder: Path, first_step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        # What an interrupted run wrote after its checkpoint is not shown.
        self._writer = SummaryWriter(folder / "tensorboard", purge_step=first_step + 1)

    def write(self, row: dict[str, Any]) -> None:
        for name, value in row.items():
            if name != "step":
                self._writer.add_scalar(name, value, row["step"])

    def close(self) -> None:
        self._writer.close()


class WeightsAndBiases:
    """A run named after its folder, with the resolved configuration."""

    def __init__(self, folder: Path, config: RunConfig) -> None:
        import wandb

        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._run = wandb.init(
                project=PROJECT,
                name=folder.name,
                id=f"{folder.name}-{config_hash(config)}",  # the same after a resume
                resume="allow",
                dir=folder,
                config=config.model_dump(mode="json"),
                settings=wandb.Settings(console="off", disable_git=True, silent=True),
            )
        except wandb.Error as error:
            reason = " ".join(str(error).split())
            raise ConfigError(
                f"training.logger: wandb cannot start ({reason}); run `wandb login`, or set "
                "WANDB_MODE=offline"
            ) from None

    def write(self, row: dict[str, Any]) -> None:
        self._run.log({k: v for k, v in row.items() if k != "step"}, step=row["step"])

    def close(self) -> None:
        self._run.finish()
