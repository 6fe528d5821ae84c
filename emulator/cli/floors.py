"""`emulator floors WORLD` and `emulator floors-compare RUN ...`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from emulator.cli.app import app
from emulator.cli.console import FORMAT_OPTION, Format, print_json, print_table, progress_bar
from emulator.evaluation.floors import FLOORS_FOLDER

DATA_OPTION = typer.Option(Path("datasets/dev"), help="The data set with the histories.")
FOLDER_OPTION = typer.Option(FLOORS_FOLDER, help="Where floors are kept.")


@app.command(epilog="Example: emulator floors nk --histories 50 --length 120 --workers 2 --resume")
def floors(
    world: str = typer.Argument(..., help="A world with an exact likelihood."),
    histories: int = typer.Option(50, min=1, help="How many samples of the test split."),
    length: int = typer.Option(120, help="Quarters of history."),
    particles: int = typer.Option(1000, help="Draws from each posterior; two runs are made."),
    workers: int = typer.Option(1, "--workers", "-w", min=1, help="Processes."),
    resume: bool = typer.Option(False, "--resume", help="Go on with the file that is there."),
    data: Path = DATA_OPTION,
    output: Path = FOLDER_OPTION,
    output_format: Format = FORMAT_OPTION,
) -> None:
    """Compute how well anyone could do from histories alone: exact posterior means.

    Every finished history is kept; stopped at any moment, the same command with --resume goes on.
    """
    from emulator.data import Dataset
    from emulator.evaluation.floors.archive import floor_file
    from emulator.evaluation.floors.compute import compute_floors
    from emulator.evaluation.floors.ranks import calibrate, rank_figure
    from emulator.evaluation.floors.summary import summarise

    with progress_bar(f"floors {world}") as progress:
        found = compute_floors(
            Dataset.open(data), world, output, histories=histories, length=length,
            particles=particles, workers=workers, resume=resume, progress=progress,
        )  # fmt: skip
    path = floor_file(output, world, length)
    calibration = calibrate(found)
    rank_figure(found, calibration, path.with_suffix(".png"))
    summary = summarise(found)
    if output_format is Format.json:
        print_json(summary)
        return
    print_table(
        f"The Bayes floor of {world}, {length} quarters of history, "
        f"{summary['histories']} histories",
        ["regime", "response", "RMSE", "95 %", "Monte Carlo", "training mean", "in 90 % bands"],
        [
            [
                case["regime"],
                case["task"].replace("_", " "),
                f"{case['rmse']:.4f}",
                "{:.4f} to {:.4f}".format(*case["ci95"]),
                f"{case['monte_carlo_rmse']:.4f}",
                f"{case['training_mean_rmse']:.4f}",
                f"{case['coverage_90']:.1%}",
            ]
            for case in summary["cases"]
        ],
        prose=("response",),
    )
    typer.echo(
        f"{summary['seconds_a_history']:.1f} s a history; ranks uniform: p = "
        f"{calibration.p_value:.2f} over {len(calibration.p_values)} quantities"
    )
    if summary["not_forgotten"]:
        typer.echo(
            f"{summary['not_forgotten']} of {summary['histories']} histories: particles were not "
            "independent of their last resampling when moves ended; docs/floors.md says what of it"
        )
    typer.echo(f"written: {path}, {path.with_suffix('.json').name}, {path.stem}.png")


@app.command(
    epilog="Example: emulator floors-compare runs/campaign/universal/all runs/campaign/linear/B1"
)
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
    from emulator.evaluation.floors.archive import find_floors
    from emulator.evaluation.floors.figure import floor_figure
    from emulator.evaluation.floors.predict import predicted_ratios
    from emulator.evaluation.floors.ratios import table
    from emulator.models.weights import write_atomically

    found = find_floors(folder)
    if not found:
        raise InputError(f"{folder}: no floors here; `emulator floors WORLD` computes them")
    with progress_bar("compare") as progress:
        progress(0, 1, "")
        ratios = list(predicted_ratios(runs, found, Dataset.open(data)))
        progress(1, 1, "")
    if not ratios:
        raise InputError(
            "no run answers a world and regime of these floors (B1, and C with states)"
        )
    frame = table(ratios)
    csv = frame.drop(columns="ci95").assign(
        low=[r.ci95[0] for r in ratios], high=[r.ci95[1] for r in ratios]
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
        [_row(vars(r)) for r in ratios],
        prose=("run", "response"),
    )  # fmt: skip
    typer.echo(f"written: {folder}/ratios.csv, floors.png")


def _row(r: dict[str, Any]) -> list[str]:
    return [
        r["world"], r["run"], str(r["length"]), r["regime"], r["task"].replace("_", " "),
        f"{r['floor_rmse']:.4f}", f"{r['run_rmse']:.4f}", f"{r['training_mean_rmse']:.4f}",
        f"{r['ratio']:.2f}", "{:.2f} to {:.2f}".format(*r["ci95"]),
    ]  # fmt: skip
