"""The page shows what the emulator and the exact solution say, and says what is wrong."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import replace
from io import StringIO
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pandas as pd
import pytest
from flask.testing import FlaskClient

import emulator
from emulator.cli.app import run
from emulator.errors import InputError
from emulator.explorer.answers import Answers, Panel, _lists, as_json, errors
from emulator.explorer.app import make_app, make_local_server
from emulator.inference import Emulator
from emulator.models.weights import PRETRAINED, load_weights
from tests.worlds.contract.draws import IMPORTED

pytestmark = pytest.mark.integration

LINK = "worlds=nk&shock=monetary&size=-2&quarters=10&set=phi_pi=2.25"


def _panel(answers: Answers, query: str, world: str = "nk") -> Panel:
    state, problems = answers.catalogue.read(query)
    assert problems == []
    return next(p for p in answers.panels(state) if p.spec.name == world)


@pytest.fixture(scope="module")
def client(model: Emulator) -> FlaskClient:
    return make_app(model).server.test_client()


def test_the_error_shown_is_that_computed_directly(answers: Answers, model: Emulator) -> None:
    panel = _panel(answers, LINK)
    world = emulator.get_world("nk")
    exact = world.irf(world.pack({"phi_pi": 2.25}), horizon=10, size=-2.0).values[0, 0]
    asked = {"shock": "monetary", "size": -2.0, "horizon": 10}
    point = model.irf("nk", {"phi_pi": 2.25}, **asked).to_numpy()
    bands = model.irf("nk", {"phi_pi": 2.25}, **asked, bands=True).to_numpy()
    np.testing.assert_array_equal(panel.exact, exact)
    np.testing.assert_array_equal(panel.point, point)
    np.testing.assert_array_equal(panel.bands, bands)
    for j, row in enumerate(errors(panel)):
        rmse = float(np.sqrt(((point[:, j] - exact[:, j]) ** 2).mean()))
        assert row["rmse"] == pytest.approx(rmse, rel=1e-12)
        assert row["share"] == pytest.approx(rmse / abs(exact[:, j]).max(), rel=1e-12)
        low, high = bands[:, j, 0], bands[:, j, -1]
        assert row["inside"] == ((exact[:, j] >= low) & (exact[:, j] <= high)).sum()
        assert abs(row["peak"]) == abs(exact[:, j]).max()
    assert (panel.level, panel.notes) == ("ok", ())


def test_what_is_sent_is_what_was_computed(answers: Answers) -> None:
    panel = _panel(answers, LINK)
    sent = as_json(panel, -2.0)
    assert panel.exact is not None
    scale = abs(panel.exact).max(axis=0)
    assert (abs(np.transpose(sent["exact"]) - panel.exact) <= 1e-5 * scale).all()
    assert len(sent["bands"]) == 4
    assert sent["shock"].startswith(
        "monetary, -2 s.d. (one s.d. is sigma_m). A positive one raises"
    )


def test_a_response_of_zero_has_no_share(answers: Answers) -> None:
    panel = _panel(answers, LINK)
    assert panel.exact is not None
    still = replace(panel, exact=np.zeros_like(panel.exact))
    assert [row["share"] for row in errors(still)] == [None] * 3
    assert as_json(still, 1.0)["exact"] == [[0.0] * 11] * 3


@pytest.mark.parametrize(
    ("query", "level", "said"),
    [
        ("worlds=nk&shock=monetary&set=phi_pi=0.5&set=phi_y=0", "error", "more than one stable"),
        ("worlds=nk&shock=monetary&set=phi_pi=9", "warning", "phi_pi = 9, not in [1.05, 3.5]"),
        ("worlds=nk&shock=monetary&set=phi_pi=1e300", "error", "no finite response"),
        ("worlds=nk&shock=shock_1", "error", "nk has no shock_1 shock; it has monetary"),
        ("worlds=nk&shock=monetary&size=0", "error", "a shock of size zero is no shock"),
        ("worlds=nk&shock=monetary&quarters=20", "warning", "extrapolated after quarter 12"),
    ],
)
def test_the_status_says_what_is_wrong(answers: Answers, query: str, level: str, said: str) -> None:
    panel = _panel(answers, query)
    assert panel.level == level
    assert any(said in note for note in panel.notes), panel.notes
    if said == "more than one stable":
        assert panel.exact is None
        assert errors(panel) == []


def test_an_inadmissible_draw_is_shown_and_said(answers: Answers) -> None:
    panel = _panel(answers, "worlds=var&shock=shock_1&set=a1_11=0.95&set=a2_11=0.04", "var")
    assert panel.level == "warning"
    assert panel.exact is not None
    assert "see `emulator worlds var`" in panel.notes[0]


def test_the_csv_holds_what_is_drawn(client: FlaskClient, answers: Answers) -> None:
    frame = pd.read_csv(StringIO(client.get(f"/responses.csv?{LINK}").text))
    panel = _panel(answers, LINK)
    assert panel.exact is not None
    assert panel.bands is not None
    rate = frame[frame["observable"] == "rate"]
    np.testing.assert_allclose(rate["exact"], panel.exact[:, 2], rtol=1e-12)
    np.testing.assert_allclose(rate["q95"], panel.bands[:, 2, -1], rtol=1e-12)
    empty = pd.read_csv(StringIO(client.get("/responses.csv?worlds=nk&shock=shock_1").text))
    assert empty["exact"].isna().all()


def test_the_server_answers_links_and_says_what_was_wrong(client: FlaskClient) -> None:
    found = client.get(f"/state?{LINK}&size=3&colour=red").json
    assert found is not None
    assert found["state"]["values"] == {"phi_pi": 2.25}
    assert len(found["problems"]) == 2
    answer = client.get(f"/answer?{LINK}")
    assert answer.json is not None
    assert answer.json["query"] == "worlds=nk&shock=monetary&size=-2.0&quarters=10&set=phi_pi=2.25"
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert client.get("/answer?%ff%00=%fe&set=%00").status_code == 200


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("127.0.0.1:8050", 200), ("localhost:8050", 200), ("[::1]:8050", 200),
        ("192.168.0.3", 200), (socket.gethostname(), 200), ("rebound.example:8050", 421),
        ("127.0.0.1.rebound.example", 421), ("localhost.example", 421), ("[::1", 421), ("@", 421),
    ],
)  # fmt: skip
def test_only_addresses_and_names_of_this_machine_are_answered(
    client: FlaskClient, host: str, code: int
) -> None:
    for path in ("/", f"/answer?{LINK}", "/_dash-layout"):
        assert client.get(path, headers={"Host": host}).status_code == code


def test_nothing_is_taken_in(client: FlaskClient) -> None:
    for path in ("/", "/answer", "/_dash-update-component"):
        assert client.post(path, data=b"x" * 10_000).status_code == 405
        assert client.put(path).status_code == 405


def test_connections_that_say_nothing_are_few_and_end(
    model: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.explorer.app.MOST_CONNECTIONS", 3)
    monkeypatch.setattr("emulator.explorer.app._Quiet.timeout", 1.0)
    with ExitStack() as stack:
        server = stack.enter_context(make_local_server(model, "127.0.0.1", 0))
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        stack.callback(serving.join)
        stack.callback(server.shutdown)
        address = ("127.0.0.1", server.port)
        silent = [stack.enter_context(socket.create_connection(address)) for _ in range(20)]
        for connection in silent[3:]:
            connection.settimeout(30)
            assert connection.recv(1) == b""  # closed at once: no thread is held for it
        assert silent[0].recv(1) == b""  # closed after a while
        with urlopen(f"http://127.0.0.1:{server.port}/answer?{LINK}", timeout=60) as answer:
            assert answer.status == 200


def test_nothing_on_the_page_comes_from_elsewhere(client: FlaskClient) -> None:
    page = client.get("/").text
    assert "width=device-width" in page
    assert "//" not in page.split("<body>")[0]
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(sources) > 3
    assert all(source.startswith("/") and source[:2] != "//" for source in sources)


def test_weights_that_cannot_answer_are_refused(run_path: Path) -> None:
    loaded = load_weights(run_path)
    with pytest.raises(InputError, match="trained in regime B1"):
        Answers(Emulator(loaded.model, {**loaded.provenance, "regime": "B1"}))


def test_worlds_that_the_weights_do_not_know_have_exact_answers_alone(model: Emulator) -> None:
    answers = Answers(model, [str(IMPORTED)])
    names = list(answers.catalogue.specs)
    assert names[-1] == "rotemberg"
    assert names[:-1] == list(Answers(model).catalogue.specs)
    link = "worlds=nk,rotemberg&shock={}&quarters=10&set=rotemberg.sigma=1.4"
    panel = _panel(answers, link.format("e_a"), "rotemberg")
    world = emulator.get_world(str(IMPORTED))
    exact = world.irf(world.pack({"sigma": 1.4}), 10).values[0, world.shock_names.index("e_a")]
    np.testing.assert_array_equal(panel.exact, exact)
    assert (panel.point, panel.level) == (None, "ok")
    assert panel.notes == ("the exact response alone: these weights do not know this world",)
    assert errors(panel) == []
    assert as_json(panel, 1.0)["point"] is None
    outside = _panel(answers, link.format("e_a") + "&set=rpi=9", "rotemberg")
    assert outside.level == "warning"
    assert "outside its bounds" in outside.notes[1]
    page = make_app(model, [str(IMPORTED)]).server.test_client()
    assert page.get("/answer?" + link.format("e_r")).json["panels"]["rotemberg"]["exact"]
    with pytest.raises(InputError, match="'rotemberg' is shown already"):
        Answers(model, [str(IMPORTED), str(IMPORTED)])


def test_a_link_to_a_world_that_the_weights_do_not_know_says_how_it_is_shown(
    model: Emulator,
) -> None:
    link = "worlds=nk,hank&shock=monetary&quarters=10"
    state, problems = Answers(model).catalogue.read(link)
    assert state.worlds == ("nk",)
    assert len(problems) == 1
    assert "emulator explore --worlds hank" in problems[0]
    panel = _panel(Answers(model, ["hank"]), link, "hank")
    world = emulator.get_world("hank")
    exact = world.irf(world.pack(), 10).values[0, world.shock_names.index("monetary")]
    assert (panel.point, panel.level) == (None, "ok")
    np.testing.assert_array_equal(panel.exact[:, 0], exact[:, 0])


def test_a_world_that_is_dear_to_solve_has_the_emulators_answer_alone(run_path: Path) -> None:
    bank = emulator.load_bank([run_path, PRETRAINED / "hank"])
    link = "worlds=nk,hank&shock=transfer&quarters=10&set=hank.kappa=0.1"
    panel = _panel(Answers(bank), link, "hank")
    expected = bank.irf("hank", {"kappa": 0.1}, shock="transfer", horizon=10)
    np.testing.assert_array_equal(panel.point, expected)
    assert (panel.exact, panel.level, errors(panel)) == (None, "ok", [])
    error = bank.of("hank").provenance["nrmse"]["hank"]
    assert f"off by {100 * error:.2g} %" in panel.notes[0]
    assert as_json(panel, 1.0)["exact"] is None
    outside = _panel(Answers(bank), link + "&set=hank.rho_i=0.95", "hank")
    assert outside.level == "warning"
    del bank.of("hank").provenance["nrmse"]
    assert "was not measured" in _panel(Answers(bank), link, "hank").notes[0]


def test_a_port_in_use_is_said_in_one_line(model: Emulator) -> None:
    with make_local_server(model, "127.0.0.1", 0) as server:
        assert server.server_address[0] == "127.0.0.1"
        with pytest.raises(InputError, match=r"port \d+: Address already in use; name another"):
            make_local_server(model, "127.0.0.1", server.port)
    with pytest.raises(InputError, match="name another"):
        make_local_server(model, "no such host", 0)


def test_without_dash_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "emulator.explorer.app")
    monkeypatch.setitem(sys.modules, "dash", None)
    assert run(["explore"]) == 2
    captured = capsys.readouterr()
    assert captured.err == (
        "emulator: explore: dash is not installed; get it with pip install "
        "'universal-macro-emulator[explorer]'\n"
    )


def test_missing_weights_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explore", "--weights", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


# A shell that starts its tests in the background has them ignore Ctrl-C, and what they start too.
HEEDS_CTRL_C = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from emulator.cli import main; main()"
)


def test_the_command_serves_this_machine_until_ctrl_c(run_path: Path) -> None:
    command = [sys.executable, "-c", HEEDS_CTRL_C, "explore", "--weights", str(run_path)]
    command += ["--port", "0", "--no-browser"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            address = line.split()[0]
            assert address.startswith("http://127.0.0.1:")
            with urlopen(f"{address}answer?{LINK}", timeout=60) as answer:
                assert json.loads(answer.read())["panels"]["nk"]["level"] == "ok"
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()  # leaving `with` would wait for one that goes on
    assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.filterwarnings("error")
def test_a_response_of_nothing_is_drawn_as_zeros_without_a_warning() -> None:
    response = np.array([[0.0, 1.2345678e-8, 3.0], [0.0, 2e-8, 1.0]], dtype=np.float32)
    assert _lists(response) == [[0.0, 0.0], [1.23457e-8, 2e-8], [3.0, 1.0]]
    assert _lists(np.array([[1e-305, 0.0, 1.0]])) == [[0.0], [0.0], [1.0]]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [0.0, -1.0])
def test_an_impossible_parameter_is_refused_without_a_warning(
    answers: Answers, value: float
) -> None:
    state = replace(answers.catalogue.default, worlds=("nk",), values={"nk.sigma_a": value})
    (panel,) = answers.panels(state)
    assert panel.level == "error"
