"""`emulator floors WORLD`: how well anyone could do from histories alone."""

from __future__ import annotations

from pathlib import Path

import typer

from emulator.cli.console import FORMAT_OPTION, Format, print_json, print_table, progress_bar
from emulator.cli.criteria import FLOORS_FOLDER
from emulator.limits import MOST_WORKERS

DATA_OPTION = typer.Option(Path("datasets/dev"), help="The data set with the histories.")
FOLDER_OPTION = typer.Option(FLOORS_FOLDER, help="Where floors are kept.")


EXAMPLE = "emulator floors nk --histories 500 --particles 500 --workers 2 --resume"


def floors(
    world: str = typer.Argument(..., help="A world with an exact likelihood."),
    histories: int = typer.Option(
        50,
        min=1,
        help="How many samples of the prior, the first ones that are scored. Criteria need 500.",
    ),
    length: int | None = typer.Option(
        None, help="Quarters of history; those that an evaluation shows when left out."
    ),
    particles: int = typer.Option(1000, help="Draws from each posterior; two runs are made."),
    workers: int = typer.Option(1, "--workers", "-w", min=1, max=MOST_WORKERS, help="Processes."),
    resume: bool = typer.Option(False, "--resume", help="Go on with the file that is there."),
    data: Path = DATA_OPTION,
    output: Path = FOLDER_OPTION,
    output_format: Format = FORMAT_OPTION,
) -> None:
    """Compute how well anyone could do from histories alone: exact posterior means.

    Every finished history is kept; stopped at any moment, the same command with --resume goes on.
    """
    from emulator.data import Dataset
    from emulator.evaluation.floors.compute_floors import compute_floors
    from emulator.evaluation.floors.floor_summary import summarise
    from emulator.evaluation.floors.floors_on_disk import floor_file
    from emulator.evaluation.floors.simulation_based_calibration import calibrate
    from emulator.evaluation.report.floor_figures import rank_figure
    from emulator.questions import history_quarters

    dataset = Dataset.open(data)
    if length is None:
        length = history_quarters(dataset.manifest.config)
    with progress_bar(f"floors {world}") as progress:
        found = compute_floors(
            dataset, world, output, histories=histories, length=length,
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
        ["response", "RMSE", "95 %", "Monte Carlo", "training mean", "in 90 % bands"],
        [
            [
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
