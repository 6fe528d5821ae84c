"""`emulator estimate WORLD --history FILE.csv`: posteriors, evidence and responses from data."""

from __future__ import annotations

from pathlib import Path

import typer

from emulator.cli.console import FORMAT_OPTION, Format, print_json, progress_bar
from emulator.cli.responses import (
    PLOT_OPTION,
    check_target,
    draw_responses,
    parse_assignments,
    print_responses,
    split_names,
)
from emulator.cli.scaling import (
    CUMULATE_OPTION,
    NORMALIZE_OPTION,
    impact_of,
    named,
    summed_of,
)
from emulator.errors import InputError
from emulator.limits import MAX_HORIZON, MOST_SEED, MOST_WORKERS

EXAMPLE = "emulator estimate nk --history us.csv --worlds rbc,var --output estimates/us"
KEPT_IN = "--output"


def estimate(
    world: str = typer.Argument(..., help="A world with an exact likelihood, or a world file."),
    history: Path = typer.Option(
        ...,
        metavar="FILE.csv",
        help="Data: columns output, inflation, rate in the worlds' units, as deviations from their "
        "means or trends, a row a quarter. Empty cells are missing.",
    ),
    worlds: str | None = typer.Option(
        None, metavar="NAMES", help="Other worlds to compare with it, between commas."
    ),
    weights: list[Path] = typer.Option(
        [],
        "--weights",
        metavar="FOLDER",
        help="A weights or run folder, through which worlds that are dear to solve are drawn, to "
        "be corrected by solving the draws, instead of the weights shipped for them; or a "
        "posterior of `emulator adapt --from-data`, from which the sampler starts. May be given "
        "several times. Of those that know a world the last answers for it.",
    ),
    instant: bool = typer.Option(
        False,
        "--instant",
        help="Answer at once by the posteriors of `emulator adapt --from-data` among the weights, "
        "weighted by exact likelihoods where enough of their draws count.",
    ),
    noise: str | None = typer.Option(
        None,
        metavar="NAME=S.D.,...",
        help="Measurement noise of observables, in their units; none unless given.",
    ),
    shock: str | None = typer.Option(None, help="Print the responses to this shock too."),
    horizon: int = typer.Option(40, min=0, max=MAX_HORIZON, help="Last quarter of responses."),
    normalize: str | None = NORMALIZE_OPTION,
    cumulate: str | None = CUMULATE_OPTION,
    decompose: bool = typer.Option(
        False,
        "--decompose",
        help="Print which shocks made the last quarters, and their shares in forecast errors.",
    ),
    forecast: int = typer.Option(
        0, min=0, max=MAX_HORIZON, metavar="N", help="Forecast N quarters after the data."
    ),
    draws: int = typer.Option(2000, min=1, help="Draws from each posterior, over all runs."),
    runs: int = typer.Option(
        4, min=1, help="Independent runs; how far they differ is the Monte Carlo error."
    ),
    seed: int = typer.Option(0, min=0, max=MOST_SEED, help="Of the draws."),
    workers: int = typer.Option(2, "--workers", "-w", min=1, max=MOST_WORKERS, help="Processes."),
    output: Path | None = typer.Option(
        None, metavar="FOLDER", help="Where draws, results and what is half done are kept."
    ),
    resume: bool = typer.Option(False, "--resume", help="Go on with what is in the folder."),
    plot: Path | None = PLOT_OPTION,
    output_format: Format = FORMAT_OPTION,
) -> None:
    """Estimate worlds on data: posteriors, evidence, and responses averaged over worlds.

    Exact likelihoods; of worlds that are dear to solve a network's, corrected by exact ones;
    with --instant, a learned posterior's. Stopped at any moment, the same command with --resume
    goes on where --output keeps what is done.
    """
    from emulator.cli.estimates import (
        check_shock,
        draw_estimates,
        print_decompositions,
        print_estimates,
        print_forecasts,
        side_by_side,
    )
    from emulator.estimation.estimate import estimate as estimated
    from emulator.estimation.estimates_on_disk import as_dict

    check_target("--plot", plot, ".png")
    if resume and output is None:
        raise InputError("--resume: needs the --output to go on with")
    names = [world, *([] if worlds is None else split_names("--worlds", worlds))]
    sds = {} if noise is None else parse_assignments("--noise", split_names("--noise", noise))
    impact, summed = impact_of(normalize), summed_of(cumulate)
    check_shock(names, shock, plot)
    with progress_bar("estimate") as progress:
        found = estimated(
            list(dict.fromkeys(names)), history, weights=weights, instant=instant, noise=sds,
            draws=draws, runs=runs, seed=seed, horizon=horizon,
            normalize=None if impact is None else named(impact), cumulate=summed,
            forecast=forecast, output=output, resume=resume, workers=workers, progress=progress,
        )  # fmt: skip
    answer = side_by_side(found, shock, summed)
    if plot is not None:
        draw_responses(answer, plot)
    if output is not None:
        draw_estimates(found, output)
    if output_format is Format.json:
        print_json(as_dict(found))
        return
    print_estimates(found)
    if shock is not None:
        size = "1 s.d." if normalize is None else normalize
        print_responses(f"Posterior mean responses, {size}", answer)
    if decompose:
        print_decompositions(found)
    if forecast:
        print_forecasts(found)
    if output is not None:
        typer.echo(f"written: {output}")
    if plot is not None:
        typer.echo(f"drawn: {plot}")
