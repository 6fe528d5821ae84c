"""The page of a user's file says what `estimate_responses` does, and takes files from no other."""

from __future__ import annotations

import re
import tempfile
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import emulator
from emulator.explorer.app import make_app
from emulator.explorer.files import MOST_BYTES, TAKEN
from emulator.foreign.answers import BESIDE
from emulator.inference import Emulator
from tests.cli.test_respond import FILES, NAMES, frame

pytestmark = pytest.mark.integration

FROM_PAGE = {"Origin": "http://localhost", "Content-Type": "text/csv"}


@pytest.fixture(scope="module")
def client(model: Emulator) -> FlaskClient:
    return make_app(model).server.test_client()


def _send(
    client: FlaskClient, text: str, asked: Any = (), headers: dict[str, str] | None = None
) -> TestResponse:
    query = urlencode({"name": "us.csv", **dict(asked)}, doseq=True)
    return client.post(f"{TAKEN}?{query}", data=text, headers=headers or FROM_PAGE)


def _csv() -> str:
    return frame().to_csv(index=False)


QUESTIONS: dict[str, dict[str, Any]] = {
    "recursive": {"to": "rate", "after": ["inflation", "output"], "columns": NAMES},
    "observed": {"shock": "surprise", "columns": ["surprise", *NAMES], "differences": ["output"]},
    "proxy": {"instrument": "ff4", "to": "rate", "columns": [*NAMES, "ff4"]},
}


@pytest.mark.parametrize("kind", QUESTIONS)
def test_the_answer_is_the_functions(client: FlaskClient, kind: str) -> None:
    asked = {**QUESTIONS[kind], "horizon": 6, "unit": -0.5, "beside": ["var", "penalised"]}
    found = _send(client, _csv(), asked).json
    wanted = emulator.estimate_responses(frame(), **asked).sel(series=NAMES)
    assert found["series"] == NAMES  # as in the file, however they are ordered in the question
    bands = wanted["response"].transpose("quantile", "series", "horizon")
    np.testing.assert_array_equal(found["bands"], bands)
    assert set(found["beside"]) == {"var", "penalised"}
    var = wanted["beside"].sel(estimator="var").transpose("series", "horizon")
    np.testing.assert_array_equal(found["beside"]["var"], var)
    assert (found["caveats"], found["data"]) == (wanted.attrs["caveats"], wanted.attrs["data"])
    table = pd.read_csv(StringIO(found["csv"]))
    assert len(table) == 3 * 7
    rate = table[table["series"] == "rate"]
    np.testing.assert_allclose(rate["q95"], wanted["response"].sel(series="rate", quantile=0.95))
    np.testing.assert_allclose(rate["var"], wanted["beside"].sel(series="rate", estimator="var"))
    assert set(rate["question"]) == {kind}


def test_the_question_is_said_in_words(client: FlaskClient) -> None:
    said = {
        kind: _send(client, _csv(), asked).json["question"] for kind, asked in QUESTIONS.items()
    }
    assert said == {
        "recursive": "To the innovation of rate, scaled to move rate by 1 on impact; held fixed in "
        "that quarter: inflation, output.",
        "observed": "To the observed shock surprise, of size 1.",
        "proxy": "To the shock that ff4 measures with noise, scaled to move rate by 1 on impact.",
    }


def test_series_are_found_without_a_question_and_in_spite_of_gaps(client: FlaskClient) -> None:
    data = frame().assign(country="US", quarter=1)
    data["gap"] = np.where(np.arange(len(data)) == 50, np.nan, 1.0)
    found = _send(client, data.to_csv(index=False)).json
    assert found == {"series": [*NAMES, "surprise", "ff4", "gap"]}
    german = frame().to_csv(index=False, sep=";", decimal=",")
    assert _send(client, german).json == {"series": [*NAMES, "surprise", "ff4"]}


@pytest.mark.parametrize("name", FILES)
def test_what_is_wrong_with_a_file_is_said_in_the_functions_words(
    client: FlaskClient, name: str
) -> None:
    text, expected = FILES[name]
    found = _send(client, text, {"to": "rate"})
    assert found.status_code == 422
    assert expected in found.json["problem"]
    assert str(Path(tempfile.gettempdir())) not in found.json["problem"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"to": "Rate"}, "'Rate': did you mean 'rate'"),
        ({"to": "rate", "horizon": "41"}, "horizon: expected 0 to 40 quarters, got 41"),
        ({"to": "rate", "horizon": "2.5"}, "horizon: expected a whole number of quarters, got"),
        ({"to": "rate", "unit": "0"}, "unit: expected a number other than 0"),
        ({"to": "rate", "unit": "big"}, "unit: expected a number other than 0, got 'big'"),
        ({"to": "rate", "shock": "ff4"}, "expected neither to, after nor instrument"),
        ({"instrument": "ff4"}, "expected a question"),
        ({"to": "rate", "beside": "arima"}, "unknown estimator 'arima'"),
    ],
)
def test_what_is_wrong_with_a_question_is_said_in_the_functions_words(
    client: FlaskClient, asked: dict[str, str], expected: str
) -> None:
    found = _send(client, _csv(), asked)
    assert found.status_code == 422
    assert expected in found.json["problem"]


def test_what_is_no_csv_file_is_said(client: FlaskClient) -> None:
    for content, expected in (
        (b"\xff\xfe\x00", "us.csv: not a CSV file (not UTF-8 text)"),
        (b"", "us.csv: no column of numbers"),
        (b"date,country\n1990Q1,US\n", "us.csv: no column of numbers"),
    ):
        found = client.post(f"{TAKEN}?name=us.csv", data=content, headers=FROM_PAGE)
        assert (found.status_code, found.json["problem"][: len(expected)]) == (422, expected)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": ""}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://elsewhere.example"}, 403),
        ({"Origin": "http://localhost:3000"}, 403),
        ({"Origin": "http://localhost.elsewhere.example"}, 403),
        ({"Origin": "http://[::1"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://rebound.example", "Host": "rebound.example"}, 421),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "multipart/form-data; boundary=x"}, 415),
    ],
)
def test_files_are_taken_from_the_page_alone(
    client: FlaskClient, changed: dict[str, str], code: int
) -> None:
    found = _send(client, _csv(), headers={**FROM_PAGE, **changed})
    assert found.status_code == code
    assert "Access-Control-Allow-Origin" not in found.headers
    assert found.headers["Content-Security-Policy"].startswith("default-src 'self'")


def test_files_are_taken_at_one_address_of_one_size_and_not_kept(
    client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for path in ("/", "/data", "/answer", "/plotly.js", "/assets/data.js", f"{TAKEN}/"):
        assert client.post(path, data=_csv(), headers=FROM_PAGE).status_code == 405
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH"):
        assert client.open(TAKEN, method=method, headers=FROM_PAGE).status_code == 405
    assert _send(client, "a" * (MOST_BYTES + 1)).status_code == 413
    answered = _send(client, _csv(), {"to": "rate"})
    assert (answered.status_code, answered.headers["Cache-Control"]) == (200, "no-store")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["data", "estimate"])
def test_the_pages_have_all_they_need_here(client: FlaskClient, name: str) -> None:
    page = client.get(f"/{name}", buffered=True).text
    sources = re.findall(r'(?:src|href)="(/[^"]+)"', page)
    assert len(sources) > 6
    assert "//" not in page.replace("<!DOCTYPE", "")
    assert all(client.get(source, buffered=True).status_code == 200 for source in sources)
    assert f"{name}.js" not in client.get("/").text  # each page has its own script


def test_the_page_offers_the_estimators_there_are(client: FlaskClient) -> None:
    page = client.get("/data", buffered=True).text
    assert re.findall(r'name="beside" value="(\w+)"', page) == list(BESIDE)
