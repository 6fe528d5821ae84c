"""Responses as a table, JSON, CSV or figure; what `emulator irf` and `emulator compare` share."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from emulator.cli.console import print_table
from emulator.errors import InputError
from emulator.specs import Observable
from emulator.strict_yaml import read_number

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

SHOWN = (0, 1, 2, 4, 8, 12, 16, 20, 30, 40, 60, 80)  # horizons of the printed table
WIDEST = 140  # characters of its columns: of two worlds all three observables, of three worlds two


class ResponseFormat(StrEnum):
    """How a command prints responses."""

    table = "table"
    json = "json"
    csv = "csv"


RESPONSE_FORMAT_OPTION = typer.Option(
    ResponseFormat.table, "--format", help="Print a table, JSON or CSV."
)
PLOT_OPTION = typer.Option(None, metavar="FILE.png", help="Draw the responses.")
SET_OPTION = typer.Option([], "--set", metavar="NAME=VALUE", help="A parameter; repeatable.")


@dataclass(frozen=True)
class Responses:
    """Responses of several sources: the emulator and the exact model, worlds or estimators.

    values: one (S, H+1, N) for each source, N observables. bands: the same with a last axis over
    `levels`, for sources that have bands. bands_of: what these hold, where it is no quarter alone.
    """

    shocks: tuple[str, ...]
    observables: tuple[Observable, ...]
    values: dict[str, NDArray[np.float64]]
    bands: dict[str, NDArray[np.float64]]
    levels: tuple[float, ...]
    bands_of: str | None = None


def split_names(option: str, text: str) -> list[str]:
    """The names between commas. Raises InputError where one is empty or given twice."""
    names = [name.strip() for name in text.split(",")]
    if len(set(names)) != len(names) or "" in names:
        raise InputError(f"{option}: expected different names between commas, got {text!r}")
    return names


def parse_assignments(option: str, assignments: list[str]) -> dict[str, float]:
    """`NAME=VALUE` strings to a mapping. Raises InputError naming the option."""
    values: dict[str, float] = {}
    for text in assignments:
        name, separator, value = text.partition("=")
        name = name.strip()
        if not separator or not name:
            raise InputError(f"{option}: expected NAME=VALUE, got {text!r}")
        if name in values:
            raise InputError(f"{option}: {name} is given twice")
        try:
            values[name] = read_number(value)
        except ValueError:
            several = f"; give {option} once for each name" if "=" in value else ""
            raise InputError(
                f"{option} {name}: expected a number, got {value!r}{several}"
            ) from None
    return values


def check_target(option: str, path: Path | None, suffix: str) -> None:
    """Refuse, before any work, a file that cannot be written."""
    if path is None:
        return
    if path.suffix.lower() != suffix or path.is_dir():
        raise InputError(f"{option}: expected a file name ending in {suffix}, got {str(path)!r}")
    above = next(parent for parent in path.absolute().parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise InputError(f"{option}: {above} is not a folder that can be written to")


def as_dict(responses: Responses) -> dict[str, Any]:
    """{source: {shock: {observable: list}}}, without the shock where there is one, and bands."""
    out: dict[str, Any] = {}
    for source, values in responses.values.items():
        out[source] = _by_shock(responses, [_by_observable(responses, v) for v in values])
    for source, bands in responses.bands.items():
        blocks = [
            {f"{q:g}": _by_observable(responses, b[..., j]) for j, q in enumerate(responses.levels)}
            for b in bands
        ]
        out.setdefault("bands", {})[source] = _by_shock(responses, blocks)
    return out


def _by_shock(responses: Responses, blocks: list[Any]) -> Any:
    return blocks[0] if len(blocks) == 1 else dict(zip(responses.shocks, blocks, strict=True))


def _by_observable(responses: Responses, values: NDArray[np.float64]) -> dict[str, list[float]]:
    return {o.name: values[:, j].tolist() for j, o in enumerate(responses.observables)}


def as_csv(responses: Responses) -> str:
    """One row a source, shock, horizon and observable; with bands, a column a quantile."""
    import pandas as pd

    frames = []
    for source, values in responses.values.items():
        frame = _long(responses, values)
        frame.insert(0, "source", source)
        if source in responses.bands:
            for j, level in enumerate(responses.levels):
                frame[f"q{100 * level:02.0f}"] = responses.bands[source][..., j].ravel()
        frames.append(frame)
    return pd.concat(frames).to_csv(index=False)


def _long(responses: Responses, values: NDArray[np.float64]) -> pd.DataFrame:
    import pandas as pd

    names = [o.name for o in responses.observables]
    index = pd.MultiIndex.from_product(
        [responses.shocks, range(values.shape[1]), names], names=["shock", "horizon", "observable"]
    )
    return pd.DataFrame({"response": values.ravel()}, index=index).reset_index()


def print_responses(title: str, responses: Responses) -> None:
    """A table a shock: quarters by sources and observables, with 90 % bands in brackets. One that
    would be too wide to read goes on in further tables, each of whole observables."""
    held = f" of {responses.bands_of}" if responses.bands_of else ""
    note = f", 90 % bands{held} in brackets" if responses.bands else ""
    for s, shock in enumerate(responses.shocks):
        tables: list[dict[str, list[str]]] = [{}]
        for j in range(len(responses.observables)):
            more = _columns(responses, s, j)
            if tables[-1] and _width(tables[-1]) + _width(more) > WIDEST:
                tables.append({})
            tables[-1] |= more
        quarters = len(next(iter(responses.values.values()))[s])
        shown = [str(h) for h in SHOWN if h < quarters]
        for k, columns in enumerate(tables):
            rows = [list(row) for row in zip(shown, *columns.values(), strict=True)]
            named = f"{title}: {shock} shock{note}" if k == 0 else ""
            print_table(named, ["quarter", *columns], rows)


def _columns(responses: Responses, s: int, j: int) -> dict[str, list[str]]:
    """A shock's and an observable's columns, one a source, by their headings."""
    observable = responses.observables[j]
    unit = observable.unit.replace("annualised percentage points", "pp")
    name = f"{observable.name} ({unit})" if unit else observable.name
    columns = {}
    for source, values in responses.values.items():
        at = [h for h in SHOWN if h < len(values[s])]
        bands = responses.bands.get(source)
        heading = f"{source} {name}" if len(responses.values) > 1 else name
        columns[heading] = _cells(values[s, at, j], None if bands is None else bands[s, at, j])
    return columns


def _width(columns: dict[str, list[str]]) -> int:
    return sum(3 + max(map(len, (heading, *cells))) for heading, cells in columns.items())


def _cells(values: NDArray[np.float64], bands: NDArray[np.float64] | None) -> list[str]:
    if bands is None:
        return [f"{v:z.4f}" for v in values]
    return [f"{v:z.3f} [{b[0]:z.3f}, {b[-1]:z.3f}]" for v, b in zip(values, bands, strict=True)]


def draw_responses(responses: Responses, path: Path) -> None:
    """Write the figure; a folder that is missing is made."""
    from emulator.evaluation.report.canvas import response_figure

    path.parent.mkdir(parents=True, exist_ok=True)
    response_figure(
        responses.values, responses.shocks, responses.observables, path, bands=responses.bands
    )
