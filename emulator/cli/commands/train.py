"""`emulator train CONFIG`: train a run, or go on with one."""

from __future__ import annotations

from pathlib import Path

import typer

from emulator.cli.console import progress_bar

EXAMPLE = "emulator train configs/models/universal_A.yaml"


def train(
    config: Path = typer.Argument(..., help="A run's YAML file."),
    output: Path | None = typer.Option(None, help="The run folder; runs/NAME for NAME.yaml."),
    resume: bool = typer.Option(False, "--resume", help="Go on from the folder's checkpoint."),
    data: str | None = typer.Option(None, help="A data set, instead of data.dataset_path."),
) -> None:
    """Train one model from a configuration file.

    Stopped by SIGTERM it saves a checkpoint and exits with code 143.

    On several GPUs: torchrun --nproc-per-node N -m emulator.training.trainer --config CONFIG.
    """
    from emulator.config import load_config
    from emulator.training.config import RunConfig
    from emulator.training.interruption import TERMINATED
    from emulator.training.run_folder import default_output
    from emulator.training.trainer import train as run

    settings = load_config(config, RunConfig)
    if data is not None:
        changed = settings.data.model_copy(update={"dataset_path": data})
        settings = settings.model_copy(update={"data": changed})
    folder = output or default_output(config)
    with progress_bar(f"train {folder.name}") as progress:
        finished = run(settings, folder, resume=resume, progress=progress)
    if finished:
        typer.echo(f"trained: {folder} (next: emulator evaluate {folder})")
    else:
        typer.echo(f"stopped with a checkpoint: {folder} (go on with --resume)")
        raise typer.Exit(TERMINATED)
