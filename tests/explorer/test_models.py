"""A model sent to the explorer is the world that `emulator import` makes; nothing else changes."""

from __future__ import annotations

import gc
from pathlib import Path
from urllib.parse import urlencode
from weakref import WeakSet

import numpy as np
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from emulator.errors import InputError
from emulator.explorer.answers import MOST_DROPPED, Answers
from emulator.explorer.app import make_app
from emulator.explorer.files import MODEL, MOST_BYTES
from emulator.explorer.state import Catalogue
from emulator.inference import Emulator
from emulator.worlds import from_dynare
from emulator.worlds.dynare import from_content
from tests.worlds.contract.draws import IMPORTED
from tests.worlds.dynare.files import MODELS, text, write

pytestmark = pytest.mark.integration

FROM_PAGE = {"Origin": "http://localhost", "Content-Type": "text/x-dynare"}
LINK = "worlds=nk&shock=monetary&quarters=10&set=phi_pi=2.25"


@pytest.fixture
def client(model: Emulator) -> FlaskClient:
    return make_app(model).server.test_client()


def _send(
    client: FlaskClient, content: str | bytes, name: str = "small.mod", **more: str | list[str]
) -> TestResponse:
    query = urlencode({"name": name, **more}, doseq=True)
    return client.post(f"{MODEL}?{query}", data=content, headers=FROM_PAGE)


def test_a_model_stands_beside_the_others_as_an_import_of_it(
    client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = client.get(f"/answer?{LINK}").json
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    monkeypatch.setattr("tempfile.tempdir", str(empty))
    content = text(before="load numbers;")
    found = _send(client, content, names=["e=monetary", " phi = phi_pi"], output="50*x").json
    assert found == {"world": "small", "shocks": ["monetary"]}
    assert list(empty.iterdir()) == []
    world = from_dynare(
        write(tmp_path, content),
        names={"e": "monetary", "phi": "phi_pi"}, observables={"output": "50*x"},
    )  # fmt: skip
    link = "worlds=small,nk&shock=monetary&quarters=10&set=small.rho=0.77"
    panel = client.get(f"/answer?{link}").json["panels"]["small"]
    exact = world.irf(world.pack({"rho": 0.77}), 10).values[0, 0]
    np.testing.assert_allclose(np.transpose(panel["exact"]), exact, atol=1e-5 * abs(exact).max())
    assert (panel["point"], panel["level"]) == (None, "ok")
    assert str(world.found.notes[0]) in panel["status"]  # what was not read
    sliders = {c["key"]: c for c in client.get(f"/state?{link}").json["controls"]}
    own = {key: c for key, c in sliders.items() if "small" in c["worlds"]}
    assert {c["name"] for c in own.values()} == set(world.parameter_names)
    rho = next(c for c in own.values() if c["name"] == "rho")
    box = world.parameters[world.parameter_names.index("rho")]
    assert (rho["lower"], rho["upper"], rho["value"]) == (box.lower, box.upper, 0.77)
    after = client.get(f"/answer?{LINK}").json
    assert (after["panels"], before["edition"], after["edition"]) == (before["panels"], 0, 1)
    assert "Imported from small.mod" in client.get("/_dash-layout").text
    assert "small,e" not in client.get(f"/responses.csv?{link}").text
    assert "small,monetary" in client.get(f"/responses.csv?{link}").text


def test_a_shock_that_only_a_dropped_model_has_says_how_to_name_it(client: FlaskClient) -> None:
    _send(client, text())
    panels = client.get("/answer?worlds=small,nk&shock=e").json["panels"]
    assert panels["nk"]["status"].endswith('under "Its observables and names", as in e=monetary')
    _send(client, text(), name="named.mod", names="e=monetary")
    others = client.get("/answer?worlds=small,nk&shock=monetary").json["panels"]
    assert "Its observables" not in others["small"]["status"]  # nk has that shock too
    assert (
        "Its observables"
        not in client.get("/answer?worlds=nk&shock=x").json["panels"]["nk"]["status"]
    )


@pytest.mark.parametrize(
    ("content", "more", "said"),
    [
        ("", {}, "small.mod:1: has no model block"),
        (b"\x00\xff", {}, "small.mod:1: is no text file"),
        (text(model="x = rho*y;"), {}, "small.mod:6: y is not declared"),
        (text(values="rho = 1.8; phi = 1.5;"), {}, "at the file's calibration: no stable"),
        ('@#include "/etc/passwd"\n', {}, 'small.mod:1: "/etc/passwd": of a file sent alone'),
        ('@#includepath "/etc"\n', {}, "`emulator import` where the files lie"),
        (text(), {"name": "us.csv"}, "us.csv: expected a Dynare model, a .mod file"),
        (text(), {"name": "../x/rotemberg.mod"}, "'rotemberg' is shown already; rename the file"),
        (text(), {"output": "gdp"}, "small.mod: observable output: gdp is not declared"),
        (text(), {"names": "monetary"}, "small.mod: names: expected OLD=NEW"),
        (text(), {"names": "u=monetary"}, "small.mod: unknown shock or parameter to rename 'u'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_model_is_said_and_nothing_changes(
    model: Emulator, content: str | bytes, more: dict[str, str], said: str
) -> None:
    client = make_app(model, [str(IMPORTED)]).server.test_client()
    found = _send(client, content, **more)
    assert found.status_code == 422
    assert said in found.json["problem"]
    assert client.get(f"/answer?{LINK}").json["edition"] == 0


def test_what_a_model_loads_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "0.5\n", "numbers.txt")
    content = text(values="load numbers.txt;\nrho = 0.8;\nphi = 1.5;")
    world = from_content(content.encode(), "small.mod")
    assert any("load numbers.txt" in str(note) for note in world.found.notes)
    with pytest.raises(InputError, match="rho has no value"):
        from_content(text(values="load numbers.txt;\nrho = numbers;").encode(), "small.mod")


def test_models_are_taken_from_the_page_alone_and_of_one_size(client: FlaskClient) -> None:
    for changed, code in (
        ({"Origin": "http://elsewhere.example"}, 403),
        ({"Origin": ""}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "text/csv"}, 415),
        ({"Origin": "http://rebound.example", "Host": "rebound.example"}, 421),
    ):
        found = client.post(MODEL, data=text(), headers={**FROM_PAGE, **changed})
        assert found.status_code == code
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH"):
        assert client.open(MODEL, method=method, headers=FROM_PAGE).status_code == 405
    assert _send(client, "a" * (MOST_BYTES + 1)).status_code == 413
    assert _send(client, text()).headers["Cache-Control"] == "no-store"


def test_a_model_takes_the_place_of_one_of_its_name_and_few_are_kept(answers: Answers) -> None:
    world = from_content(text().encode(), "small.mod")
    once = answers.beside(world)
    again = from_content(text(values="rho = 0.6; phi = 1.5;").encode(), "small.mod")
    found = once.beside(again)
    assert [*found.catalogue.specs] == [*answers.catalogue.specs, "small"]
    assert found.catalogue.specs["small"] == again.spec
    assert (answers.edition, once.edition, found.edition) == (0, 1, 2)
    for number in range(MOST_DROPPED):
        found = found.beside(from_content(text().encode(), f"m{number}.mod"))
    names = [f"m{number}" for number in range(MOST_DROPPED)]  # the first is gone
    assert [*found.catalogue.specs] == [*answers.catalogue.specs, *names]
    assert "small" not in found.worlds


def test_what_a_model_left_is_let_go(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the program's memory grows with every model dropped."""
    alive: WeakSet[Answers] = WeakSet()
    catalogue = Answers._catalogue

    def known(self: Answers) -> Catalogue:
        alive.add(self)
        return catalogue(self)

    monkeypatch.setattr(Answers, "_catalogue", known)
    for number in range(2 * MOST_DROPPED):
        assert _send(client, text(), f"m{number}.mod").status_code == 200
        link = f"worlds=m{number}&quarters=4"
        assert client.get(f"/answer?{link}").status_code == 200
    gc.collect()
    worlds = {id(world) for each in alive for world in each.dropped.values()}
    assert (len(alive), len(worlds)) == (1, MOST_DROPPED)


def test_a_page_reads_links_of_an_earlier_edition(client: FlaskClient) -> None:
    """A slider's name may change with a model that has another parameter of its name."""
    link = "worlds=nk&shock=monetary&set=beta=0.985"
    before = client.get(f"/state?{link}").json
    assert _send(client, (MODELS / "rotemberg.mod").read_bytes(), "late.mod").status_code == 200
    after = client.get(f"/state?{link}").json
    assert after["problems"] == []
    assert after["query"] == before["query"]
    assert list(before["state"]["values"].values()) == list(after["state"]["values"].values())
