"""`emulator calibrations`: how far off weights are at calibrations that people ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from emulator.cli.asking import WEIGHTS_OPTION, known_as
from emulator.cli.console import FORMAT_OPTION, Format, print_json, print_table, progress_bar

EXAMPLE = "emulator calibrations --worlds nk,rbc"

SHOWN = 20  # of the ends of parameters, the worst; JSON has all


def calibrations(
    worlds: str | None = typer.Option(
        None, metavar="NAME,NAME,...", help="Worlds; all that the weights know when left out."
    ),
    output_format: Format = FORMAT_OPTION,
    weights: list[Path] = WEIGHTS_OPTION,
) -> None:
    """Compare weights with the exact solver at calibrations of the literature, at each world's
    default, and with one parameter at a time at an end of its range. The worst come first.
    """
    import emulator
    from emulator.cli.responses import split_names
    from emulator.evaluation.calibrations.declared import customary, edges
    from emulator.evaluation.calibrations.errors_at import errors_at
    from emulator.provenance import commit

    model = emulator.load_bank(weights)
    names = model.worlds if worlds is None else split_names("--worlds", worlds)
    names = [known_as(model, name) for name in names]
    specs = [model.spec(name) for name in names]
    points = [*customary(specs), *(edge for spec in specs for edge in edges(spec))]
    with progress_bar("calibrations") as progress:
        table = errors_at(model, points, progress)
    at_edge = table["parameter"] != ""
    if output_format is Format.json:
        print_json({
            "commit": commit(),
            **model.origin,
            "customary": table[~at_edge].to_dict("records"),
            "edges": table[at_edge].to_dict("records"),
        })  # fmt: skip
        return
    header = ["calibration", "world", "NRMSE", "of peak: median", "worst", "where", "wrong signs",
              "caveats"]  # fmt: skip
    prose = ("where", "caveats")
    rows = [_row(row) for row in table[~at_edge].to_dict("records")]
    print_table("Customary calibrations", header, rows, prose=prose)
    rows = [_row(row) for row in table[at_edge].to_dict("records")[:SHOWN]]
    count = f"the worst {len(rows)} of {at_edge.sum()}" if at_edge.sum() > len(rows) else "all"
    print_table(f"One parameter at an end of its range, {count}", header, rows, prose=prose)
    typer.echo(
        "NRMSE is over the s.d. of the world's responses; the error in the worst quarter is over "
        "the response's own peak, those with a peak under 2 % of the s.d. apart."
    )


def _row(row: dict[Any, Any]) -> list[str]:
    if row["nrmse"] != row["nrmse"]:  # NaN
        return [row["name"], row["world"], "-", "-", "-", "", "", row["caveats"]]
    return [
        row["name"], row["world"], f"{row['nrmse']:.4f}", f"{row['relative_median']:.1%}",
        f"{row['relative_worst']:.1%}", f"{row['observable']} to {row['shock']}",
        f"{row['wrong_signs']:.0f} of {row['responses']:.0f}", row["caveats"].replace("_", " "),
    ]  # fmt: skip
