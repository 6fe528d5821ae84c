"""A file that is no history is refused in one line that says where and why."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.cli.app import run
from tests.cli.refusals import FUZZED, HEADER, numbers, refused, table

pytestmark = pytest.mark.integration


def _dated(*quarters: str) -> str:
    """A file whose first dates are `quarters`."""
    rows = [f"{q},{n}" for q, n in zip(quarters, numbers(len(quarters)), strict=True)]
    return "\n".join([f"date,{HEADER}", *rows])


def _between(separator: str, changed: tuple[int, str]) -> str:
    """A file with another separator, a line of it replaced."""
    lines = table().replace(",", separator).splitlines()
    lines[changed[0] - 1] = changed[1]
    return "\n".join(lines)


def _labelled(name: str, cells: Iterable[object]) -> str:
    """A file of 60 quarters with one more column."""
    rows = [f"{cell},{row}" for cell, row in zip(cells, numbers(), strict=True)]
    return "\n".join([f"{name},{HEADER}", *rows])


QUARTERS = [f"{1990 + k // 4}Q{k % 4 + 1}" for k in range(60)]
MONTHS = [f"{1990 + k // 12}-{k % 12 + 1:02d}-01" for k in range(60)]

# name: (content, what the line must say)
CSV: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "empty; expected the columns"),
    "blank": ("\n \n,,\n", "empty; expected the columns"),
    "header_only": (HEADER, "0 quarters are too few, 40"),
    "short": ("\n".join([HEADER, *numbers(39)]), "39 quarters are too few, 40"),
    "no_header": ("\n".join(numbers()), "column 'output' is missing (there are numbers where the"),
    "no_header_but_dates": (
        "\n".join(f"{1990 + k // 4}Q{k % 4 + 1},{row}" for k, row in enumerate(numbers())),
        "column 'output' is missing (there are numbers where the",
    ),
    "blanks": (table().replace(",", " "), "(expected commas, semicolons or tabs between cells)"),
    "decimal_comma_between_tabs": (
        _between("\t", (5, "1,5\t2\t3")),
        "line 5: output: expected a number, got '1,5'",
    ),
    "thousands": (
        _between(";", (5, "1.234,5;2;3")),
        "line 5: output: expected a number, got '1.234,5'",
    ),
    "missing_column": (table(header="output,inflation,unemployment"), "'rate' is missing"),
    "misspelt": (table(header="output,inflaton,rate"), "(is it 'inflaton'?)"),
    "capitals": (table(header="Output,Inflation,Rate"), "(is it 'Output'?)"),
    "twice": (table(header="output,inflation,rate,rate"), "column 'rate' is given twice"),
    "date_twice": (table(header="date,date,output,inflation,rate"), "'date' is given twice"),
    "gap": (table((12, "1.0,,2.0")), "line 12: inflation: empty; fill gaps"),
    "text": (table((7, "n.a.,1,2")), "line 7: output: expected a number, got 'n.a.'"),
    "nan": (table((7, "1,nan,2")), "line 7: inflation: expected a number, got 'nan'"),
    "infinite": (table((9, "1,2,inf")), "line 9: rate: expected a number, got 'inf'"),
    "decimal_comma": (table((5, '"1,5",2,3')), "line 5: output: expected a number, got '1,5'"),
    "percent_sign": (table((5, "1%,2,3")), "expected a number, got '1%'"),
    "underscore": (table((5, "1_0,2,3")), "expected a number, got '1_0'"),
    "extra_cell": (table((5, "1,2,3,4")), "line 5: expected 3 cells, got 4"),
    "cell_lacking": (table((5, "1,2")), "line 5: expected 3 cells, got 2"),
    "huge": (table((61, "1e39,1,2")), "output is 1e+39 in quarter 60"),
    "constant": ("\n".join([HEADER, *(f"{i},{-i},2.5" for i in range(50))]), "rate never changes"),
    "fractions": ("\n".join([HEADER, *numbers(60, 1e-3)]), "percent, not a fraction"),
    "quarters_skipped": (_dated("1990Q1", "1990Q3"), "line 3: 1990Q3 after 1990Q1"),
    "newest_first": (_dated("1990Q2", "1990Q1"), "1990Q1 after 1990Q2"),
    "monthly": (_dated("1990-01-01", "1990-02-01"), "1990Q1 after 1990Q1; expected one row a"),
    "annual": (_dated("1990-01-01", "1991-01-01"), "1991Q1 after 1990Q1"),
    "observation_date": (
        _labelled("observation_date", MONTHS),
        "line 3: 1990Q1 after 1990Q1; expected one row a",
    ),
    "dates_without_a_name": (_labelled("", QUARTERS[::-1]), "2004Q3 after 2004Q4"),
    "dates_called_otherwise": (_labelled("Datum", QUARTERS[::-1]), "2004Q3 after 2004Q4"),
    "dates_unread": (
        _labelled("Datum", ["4/1/1990"] * 60),
        "Datum: expected a quarter such as 1959Q2",
    ),
    "counted_down": (_labelled("time", range(60, 0, -1)), "time 59 after 60; expected one row"),
    "years": (_labelled("period", range(1950, 2010)), "1951Q1 after 1950Q1"),
    "years_four_times": (_labelled("year", [q[:4] for q in QUARTERS]), "1990Q1 after 1990Q1"),
    "years_and_quarters": (
        _labelled("year,quarter", [q.replace("Q", ",") for q in QUARTERS[::-1]]),
        "2004Q3 after 2004Q4",
    ),
    "bad_date": (_dated("spring 1990"), "expected a quarter such as 1959Q2"),
    "no_date": (_dated(""), "expected a quarter such as 1959Q2"),
    "quarter_five": (_dated("1990Q5"), "got '1990Q5'"),
    "binary": (b"\xff\xfe\x00\x80" * 50, "not UTF-8 text"),
    "utf16": (table().encode("utf-16"), "not UTF-8 text"),
    "open_quote": (table((5, '"1,2,3')), "not a CSV file"),
    "nul": (table((5, "1\0,2,3")), "expected a number"),
}


@pytest.mark.parametrize("name", CSV)
def test_histories_that_cannot_be_read_are_refused(
    every_regime: Path, folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    content, expected = CSV[name]
    file = folder / f"{name}.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    ask = ["irf", "nk", "--history", str(file), "--weights", str(every_regime)]
    refused(capsys, ask, expected)


CELL = st.one_of(
    st.floats(allow_nan=True).map(str),
    st.floats(-5.0, 5.0).map(str),
    st.integers(-9, 9).map(str),
    st.sampled_from(["", "1990Q1", "nan", "1e400", '"', "٣", "0x1", "1_0", "\0", "\r", "−1"]),
    st.text(max_size=4),
)
ROWS = st.lists(st.lists(CELL, min_size=2, max_size=4).map(",".join), max_size=60)
# Rows that could be a history, now and then with a bad cell: both outcomes have to be reached.
NEAR = st.lists(
    st.tuples(*[st.floats(-5.0, 5.0)] * 3).map(lambda row: ",".join(f"{x:.3f}" for x in row)),
    min_size=39, max_size=60,
)  # fmt: skip


@given(
    content=st.one_of(
        st.binary(max_size=200),
        st.tuples(st.sampled_from([HEADER, f"date,{HEADER}"]), st.one_of(ROWS, NEAR)).map(
            lambda parts: "\n".join([parts[0], *parts[1]]).encode("utf-8", "surrogatepass")
        ),
    )
)
@FUZZED
def test_any_csv_file_is_answered_or_refused(
    every_regime: Path, folder: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    file = folder / "fuzzed.csv"
    file.write_bytes(content)
    code = run(["irf", "nk", "--history", str(file), "--weights", str(every_regime)])
    err = capsys.readouterr().err
    assert code in (0, 2)
    assert code == 0 or (err.startswith("emulator: ") and err.count("\n") == 1)
