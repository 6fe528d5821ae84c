"""The pages for a user's own files: responses to what is asked of series, and an estimate.

A file of series is sent with each question and kept by nobody: it lies in a temporary folder of
this user while it is read. An estimate never leaves its page.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Flask, Request, Response, jsonify, render_template, request
from plotly.offline import get_plotlyjs
from werkzeug.datastructures import MultiDict

from emulator.errors import EmulatorError, InputError
from emulator.foreign.answers import estimate_responses
from emulator.foreign.tables import NO_SERIES
from emulator.inference.histories import csv_number, csv_rows

if TYPE_CHECKING:
    import xarray as xr

TAKEN, MODEL = "/data/answer", "/model"
SENT = {TAKEN: "text/csv", MODEL: "text/x-dynare"}  # where a file may be sent, and of which kind
MOST_BYTES = 1_000_000  # of a file; eight series over a century have some 30,000
LONGEST_NAME = 100  # characters of a file's name in messages

Asked = MultiDict[str, str]


def add_pages(server: Flask) -> None:
    """The pages `/data` and `/estimate`, the library that draws on them, and the address that
    answers the first."""
    server.config["MAX_CONTENT_LENGTH"] = MOST_BYTES

    @server.get("/data")
    def data_page() -> str:
        return render_template("data.html")

    @server.get("/estimate")
    def estimate_page() -> str:
        return render_template("estimate.html")

    @server.get("/plotly.js")
    def plotly() -> Response:
        return Response(get_plotlyjs(), mimetype="text/javascript")

    @server.post(TAKEN)
    def data_answer() -> Response:
        """The file's series or, where the query asks something, the answer; or what is wrong."""
        with _written(request.get_data()) as path:
            try:
                asks = any(request.args.get(key) for key in ("to", "shock", "instrument"))
                return jsonify(answer(path, request.args) if asks else {"series": series(path)})
            except EmulatorError as error:
                return refused(str(error).replace(str(path), file_name()))


def file_name() -> str:
    """What the file of a request is called."""
    return request.args.get("name", "the file")[:LONGEST_NAME]


def refused(problem: str) -> Response:
    """The reply to a file or question that something is wrong with."""
    reply = jsonify(problem=problem)
    reply.status_code = 422
    return reply


def refusal(asked: Request) -> tuple[str, int] | None:
    """Why a request that sends something is refused, and its status; None for a file of the page's.

    Browsers say of every such request from which page it comes, and ask before they send these
    kinds for another, which this server never allows.
    """
    if asked.path not in SENT or asked.method != "POST":
        return "This address is only read.", 405
    try:
        origin = urlsplit(asked.headers.get("Origin", "")).netloc
    except ValueError:
        origin = ""
    if origin != asked.host or asked.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return "Files are taken from these pages alone.", 403
    if asked.mimetype != SENT[asked.path]:
        return f"Files are sent here as {SENT[asked.path]}.", 415
    return None


@contextmanager
def _written(content: bytes) -> Iterator[Path]:
    """A file of this content, gone afterwards; no other user can read it."""
    with tempfile.TemporaryDirectory(prefix="emulator-") as folder:
        path = Path(folder, "data.csv")
        path.write_bytes(content)
        yield path


def series(path: Path) -> list[str]:
    """Names of a CSV file's columns in which there are numbers, dates left out.

    What `estimate_responses` takes without `columns`, but found in spite of gaps, so that a series
    with one can be left out. Raises InputError for what is no CSV file or has none.
    """
    separator, rows = csv_rows(path)
    names, *lines = [row for _, row in rows] or [[]]
    found = dict.fromkeys(
        name.strip()
        for j, name in enumerate(names)
        if name.strip().casefold() not in NO_SERIES
        and any(_is_number(line[j], separator) for line in lines if j < len(line))
    )
    if not found:
        raise InputError(
            f"{path}: no column of numbers; expected a row of names and a row a quarter"
        )
    return list(found)


def _is_number(cell: str, separator: str) -> bool:
    try:
        csv_number("", "", cell, separator)
    except InputError:
        return False
    return True


def answer(path: Path, asked: Asked) -> dict[str, Any]:
    """What `estimate_responses` says of a file, as the page's script takes it.

    asked: its arguments by their names, lists as repeated keys. `bands` are lists by level, series
    and quarter; `beside` by estimator, series and quarter. Raises as `estimate_responses`.
    """
    columns = asked.getlist("columns")
    found = estimate_responses(
        path,
        to=asked.get("to") or None,
        after=asked.getlist("after"),
        shock=asked.get("shock") or None,
        instrument=asked.get("instrument") or None,
        columns=columns or None,
        differences=asked.getlist("differences"),
        horizon=_number(int, asked.get("horizon", "20")),
        unit=_number(float, asked.get("unit", "1")),
        beside=asked.getlist("beside"),
    )
    # As in the file: plots stay in place when the question changes.
    names = [str(name) for name in found["series"].to_numpy()]
    found = found.sel(series=sorted(names, key=columns.index) if columns else names)
    beside = {}
    if "beside" in found:
        lines = found["beside"].transpose("estimator", "series", "horizon")
        names_beside = [str(name) for name in found["estimator"].to_numpy()]
        beside = dict(zip(names_beside, lines.to_numpy().tolist(), strict=True))
    return {
        "series": [str(name) for name in found["series"].to_numpy()],
        "question": _sentence(found.attrs),
        "data": found.attrs["data"],
        "caveats": found.attrs["caveats"],
        "bands": found["response"].transpose("quantile", "series", "horizon").to_numpy().tolist(),
        "beside": beside,
        "csv": as_csv(found),
    }


def _number(kind: type[int] | type[float], text: str) -> Any:
    """A number, or the text, which `estimate_responses` refuses in its own words."""
    try:
        return kind(text)
    except ValueError:
        return text


def _sentence(attrs: dict[str, Any]) -> str:
    """The question in words."""
    shock, size = attrs["shock"], f"{attrs['unit']:g}"
    if attrs["question"] == "observed":
        return f"To the observed shock {shock}, of size {size}."
    raised = f"scaled to move {attrs['raises']} by {size} on impact"
    if attrs["question"] == "proxy":
        return f"To the shock that {shock} measures with noise, {raised}."
    held = f"; held fixed in that quarter: {attrs['held_fixed']}" if attrs["held_fixed"] else ""
    return f"To the innovation of {shock}, {raised}{held}."


def as_csv(found: xr.Dataset) -> str:
    """One row a series and quarter: what was asked, a column a quantile, one an estimator beside,
    and what is to be said of the answer."""
    quantiles = found["response"].to_dataset("quantile").to_dataframe(["series", "horizon"])
    quantiles.columns = [f"q{100 * level:02.0f}" for level in found["quantile"].to_numpy()]
    if "beside" in found:
        quantiles = quantiles.join(found["beside"].to_dataset("estimator").to_dataframe())
    table = quantiles.reset_index().rename(columns={"horizon": "quarter"})
    for place, key in enumerate(("question", "shock", "raises", "unit")):
        table.insert(place, key, found.attrs[key])
    table["caveats"] = found.attrs["caveats"]
    return table.to_csv(index=False)
