"""`emulator export WORLD --onnx FILE`: the emulator for programs without torch or this package."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import typer

from emulator.cli.asking import (
    EXTRAPOLATE_OPTION,
    HORIZON_OPTION,
    WEIGHTS_OPTION,
    known_as,
    refuse,
    warn,
)
from emulator.cli.console import FORMAT_OPTION, Format, print_json, print_table, progress_bar
from emulator.cli.responses import check_target

EXAMPLE = "emulator export nk --onnx nk.onnx --bands"


def export(
    world: str = typer.Argument(..., help="A world these weights know; see `emulator worlds`."),
    onnx: Path = typer.Option(..., "--onnx", metavar="FILE.onnx", help="The file to write."),
    weights: list[Path] = WEIGHTS_OPTION,
    regime: str = typer.Option(
        "A", help="What is given: A parameters, B1 a history, C both (40 to 200 quarters)."
    ),
    state_dependent: bool = typer.Option(
        False,
        "--state-dependent",
        help="From the state in which the history ends, instead of the steady state.",
    ),
    bands: bool = typer.Option(False, "--bands", help="Quantiles too, as a second output."),
    horizon: int | None = HORIZON_OPTION,
    extrapolate: bool = EXTRAPOLATE_OPTION,
    output_format: Format = FORMAT_OPTION,
) -> None:
    """Write one world's responses as an ONNX file, and compare it with torch.

    Exit code 0 when onnxruntime's answers are torch's (or it is not installed, which is said), 1
    when they are not.
    """
    check_target("--onnx", onnx, ".onnx")
    import emulator
    from emulator.errors import DisagreementError
    from emulator.inference.onnx import export_onnx
    from emulator.inference.trust import of_horizon

    bank = emulator.load_bank(weights)
    world = known_as(bank, world)
    model = bank.of(world)
    refuse(of_horizon(model.model, horizon), extrapolate)
    try:
        with progress_bar(f"export {world}") as progress:
            done = export_onnx(
                model, world, onnx, regime=regime, horizon=horizon, bands=bands,
                state_dependent=state_dependent, progress=progress,
            )  # fmt: skip
    except DisagreementError as error:
        typer.echo(f"emulator: {error}", err=True)
        raise typer.Exit(1) from None
    warn(done.caveats)
    if done.difference is None:
        typer.echo("emulator: not compared with torch: onnxruntime is not installed", err=True)
    if output_format is Format.json:
        caveats = [caveat.to_dict() for caveat in done.caveats]
        print_json({**dataclasses.asdict(done), "path": str(done.path), "caveats": caveats})
        return
    print_table(
        f"{done.path} ({done.bytes / 1e6:.1f} MB)",
        ["name", "axes"],
        [
            [f"{kind} {name}", " x ".join(str(axis) for axis in axes)]
            for kind, tensors in (("input", done.inputs), ("output", done.outputs))
            for name, axes in tensors.items()
        ],
        prose=("axes",),
    )
    if done.difference is not None:
        typer.echo(f"onnxruntime differs from torch by {done.difference:.1e} of a response's scale")
