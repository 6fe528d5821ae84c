"""`emulator generate CONFIG --output DIR`: make a data set, or finish one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import typer

from emulator.cli.console import (
    FORMAT_OPTION,
    Format,
    print_json,
    print_table,
    progress_bar,
)
from emulator.errors import InputError
from emulator.limits import MOST_WORKERS

EXAMPLE = "emulator generate configs/data/smoke.yaml --output datasets/smoke --workers 2"
GOES_ON = True  # stopped and called again, it finishes what is there


def generate(
    config: Path = typer.Argument(..., help="What to draw: a YAML file as in configs/data."),
    output: Path = typer.Option(..., "--output", "-o", help="The data set's directory."),
    workers: int | None = typer.Option(
        None,
        "--workers",
        "-w",
        min=1,
        max=MOST_WORKERS,
        help="Processes of this machine; one unless given.",
    ),
    scheduler: str | None = typer.Option(
        None,
        "--scheduler",
        help="Use the workers of the Dask scheduler at this address, which must see DIR.",
    ),
    output_format: Format = FORMAT_OPTION,
) -> None:
    """Draw samples of every world and write them as a data set.

    Stopped at any moment, the same command goes on and ends with the same contents.
    """
    from emulator.config import load_config
    from emulator.data.generate import generate as write
    from emulator.data.schema import SPLITS, DataConfig

    if scheduler and workers is not None:
        raise InputError(
            "--workers and --scheduler: give one of them; a cluster has as many workers as it has"
        )
    settings = load_config(config, DataConfig)
    with ExitStack() as stack:
        executor = stack.enter_context(_dask(scheduler)) if scheduler else None
        progress = stack.enter_context(progress_bar("Samples"))
        done = write(settings, output, executor=executor, workers=workers or 1, progress=progress)
    manifest = done.manifest
    rate = done.samples / done.seconds
    if output_format is Format.json:
        print_json(
            {
                "path": str(output),
                "contents": manifest.contents,
                "samples_drawn": done.samples,
                "seconds": done.seconds,
                "samples_per_second": rate,
                "splits": {name: record.splits for name, record in manifest.worlds.items()},
            }
        )
        return
    print_table(
        f"{output}: contents {manifest.contents}",
        ["world", *SPLITS, "rejected draws"],
        [
            [name, *(str(record.splits[s]) for s in SPLITS), str(sum(record.rejections.values()))]
            for name, record in manifest.worlds.items()
        ],
    )
    typer.echo(
        f"{done.samples:,} samples drawn in {done.seconds:.1f} s ({rate:,.0f} samples/s)"
        if done.samples
        else "complete already: nothing drawn"
    )


@contextmanager
def _dask(address: str) -> Iterator[Executor]:
    """The executor of a running Dask cluster."""
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            "--scheduler needs Dask: pip install 'universal-macro-emulator[cluster]'"
        ) from None
    # What goes wrong is said once, by this command; Dask's loggers each have a level of their own.
    for name in [n for n in logging.root.manager.loggerDict if n.split(".")[0] == "distributed"]:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        client = Client(address, timeout=10)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise InputError(f"--scheduler {address}: no Dask scheduler answers ({error})") from None
    try:
        yield client.get_executor()  # type: ignore[no-untyped-call]
    finally:
        with suppress(OSError):  # a cluster that has gone away cannot be taken leave of
            client.close()  # type: ignore[no-untyped-call]
