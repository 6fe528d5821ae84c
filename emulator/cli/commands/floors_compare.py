"""`emulator floors-compare RUN ...`: how far runs are from the floors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from emulator.cli.commands.floors import DATA_OPTION, FOLDER_OPTION
from emulator.cli.console import FORMAT_OPTION, Format, print_json, print_table, progress_bar

EXAMPLE = "emulator floors-compare runs/shipped/universal_states/all runs/shipped/linear/B1"


def floors_compare(
    runs: list[Path] = typer.Argument(..., help="Trained run folders."),
    data: Path = DATA_OPTION,
    folder: Path = FOLDER_OPTION,
    output_format: Format = FORMAT_OPTION,
) -> None:
    """Compare runs with the floors that are kept, on the same histories of the same lengths.

    A run is named by its path from the folder that holds all those given.
    """
    from emulator.data import Dataset
    from emulator.errors import InputError
    from emulator.evaluation.floors.distances import table
    from emulator.evaluation.floors.distances_at_any_length import predicted_ratios
    from emulator.evaluation.floors.floors_on_disk import find_floors
    from emulator.evaluation.report.floor_figures import floor_figure
    from emulator.storage import write_atomically

    found = find_floors(folder)
    if not found:
        raise InputError(f"{folder}: no floors here; `emulator floors WORLD` computes them")
    with progress_bar("compare") as progress:
        progress(0, 1, "")
        ratios = list(predicted_ratios(runs, found, Dataset.open(data)))
        progress(1, 1, "")
    if not ratios:
        raise InputError("no run answers a world of these floors in regime B1")
    frame = table(ratios)
    csv = frame.drop(columns="ci95").assign(
        low=[low for low, _ in frame["ci95"]], high=[high for _, high in frame["ci95"]]
    )
    write_atomically(folder / "ratios.csv", csv.to_csv(index=False).encode())
    floor_figure(ratios, folder / "floors.png")
    if output_format is Format.json:
        print_json(frame.to_dict("records"))
        return
    print_table(
        "RMSE over that of the Bayes floor",
        ["world", "run", "quarters", "regime", "response", "floor", "run's", "training mean",
         "ratio", "95 %"],
        [_row(row) for row in frame.to_dict("records")],
        prose=("run", "response"),
    )  # fmt: skip
    typer.echo(f"written: {folder}/ratios.csv, floors.png")


def _row(r: dict[Any, Any]) -> list[str]:
    return [
        r["world"], r["run"], str(r["length"]), r["regime"], r["task"].replace("_", " "),
        f"{r['floor_rmse']:.4f}", f"{r['run_rmse']:.4f}", f"{r['training_mean_rmse']:.4f}",
        f"{r['ratio']:.2f}", "{:.2f} to {:.2f}".format(*r["ci95"]),
    ]  # fmt: skip
