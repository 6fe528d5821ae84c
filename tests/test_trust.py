"""Every caveat of an answer is said, in the same words, wherever answers are shown."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import emulator
import emulator.worlds
from emulator.cli.app import run
from emulator.errors import InputError
from emulator.explorer.answers import Answers, as_csv
from emulator.inference.response import Response
from emulator.inference.trust import Caveat, Found
from emulator.limits import RUN_IN
from emulator.models.weights import load_weights, save_weights

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("read_once")]

TRAINED = 40  # quarters
HELD_OUT = {
    "nk": [{"parameter": "phi_pi", "above": 3.25}, {"persistence": 0.75, "volatility": 1.5}],
    "var": [{"statistic": "largest_root", "above": 0.9}],
    "switching": [{"persistence": 0.8, "volatility": 1.0}],
    "rbc": [{"persistence": 0.7, "volatility": 1.0, "of": "trajectories"}],
}
TURBULENT = {
    "d_turbulent": 2.5, **{f"a_calm_{k}{k}": 0.8 for k in (1, 2, 3)},
    **{f"a_turbulent_{k}{k}": 0.9 for k in (1, 2, 3)},
}  # fmt: skip
VOLATILE = {"rho_a": 0.95, "rho_i": 0.9, "sigma_a": 0.02, "sigma_m": 0.01, "sigma_u": 0.01}
EXPLOSIVE = {"a1_11": 0.95, "a1_12": 0.4, "a1_21": 0.4}


@dataclass(frozen=True)
class Case:
    """A question whose answer has one caveat. series: what scales the columns of a history.
    levels: what is added to them, in the s.d.s of those trained on."""

    caveat: Caveat
    said: str
    world: str = "nk"
    shock: str = "monetary"
    theta: dict[str, float] = field(default_factory=dict)
    size: float = 1.0
    horizon: int = 8
    series: tuple[float, float, float] | None = None
    levels: tuple[float, float, float] = (0.0, 0.0, 0.0)


CASES = [
    Case(Caveat.OUT_OF_BOUNDS, "phi_pi = 9, not in [1.05, 3.5]", theta={"phi_pi": 9.0}),
    Case(Caveat.SIZE, "a size of 5 s.d., not 0.25 to 3", world="zlb", size=5.0),
    Case(Caveat.HORIZON, "extrapolated after quarter 40", horizon=TRAINED + 1),
    Case(Caveat.NO_SOLUTION, "'var' at these parameters: no stable solution exists", world="var",
         shock="shock_1", theta=EXPLOSIVE),
    Case(Caveat.INADMISSIBLE, "violated, see `emulator worlds var`", world="var", shock="shock_1",
         theta={"a1_11": 0.9, "a2_11": 0.1}),
    Case(Caveat.UNCHECKED, "was not checked: the solver is away", theta={"kappa": 0.2}),
    Case(Caveat.HELD_OUT, "phi_pi above 3.25 was held out", theta={"phi_pi": 3.3}),
    Case(Caveat.HELD_OUT, "largest root above 0.9 was held out", world="var", shock="shock_1",
         theta={"a1_11": 0.92}),
    Case(Caveat.HELD_OUT, "persistence above 0.75 with volatility above 1.5 was held out",
         theta=VOLATILE),
    Case(Caveat.HELD_OUT, "persistence above 0.8 with volatility above 1 was held out",
         world="switching", shock="shock_1", theta=TURBULENT),
    Case(Caveat.HELD_OUT, "volatility above 1 was mostly held out", world="rbc",
         theta={"rho_a": 0.97, "rho_m": 0.9, "sigma_a": 0.02, "sigma_m": 0.01}),
    Case(Caveat.OTHER_UNITS, "the s.d. of rate is far", series=(1.0, 1.0, 1 / 400)),
    Case(Caveat.LEVEL, "output has a mean 30", series=(1.0, 1.0, 1.0), levels=(30.0, 0.0, 0.0)),
    Case(Caveat.IMPOSSIBLE, "below -4, and in no economy of world 'zlb'", world="zlb",
         series=(1.0, 1.0, 1.0)),
    Case(Caveat.UNUSUAL, "output has 8", series=(8.0, 1.0, 1.0)),
]  # fmt: skip


@pytest.fixture(scope="module")
def weights(every_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    loaded, path = load_weights(every_world), tmp_path_factory.mktemp("weights")
    provenance = {**loaded.provenance, "held_out": HELD_OUT}
    save_weights(path, loaded.model, provenance, "card")
    return path


@pytest.fixture(scope="module")
def model(weights: Path) -> emulator.Emulator:
    return emulator.load(weights)


@pytest.fixture(params=CASES, ids=lambda case: case.caveat.name.lower())
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Case:
    if request.param.caveat is Caveat.UNCHECKED:

        def away(spec: object, provenance: object) -> None:
            raise InputError("the solver is away")

        monkeypatch.setattr("emulator.inference.trust._installed", away)
    return request.param


@pytest.fixture
def history(case: Case, model: emulator.Emulator, tmp_path: Path) -> Path | None:
    """A history as those trained on but for what the case does to it."""
    if case.series is None:
        return None
    values = np.random.default_rng(0).normal(size=(80, 3)) * case.series
    values = (values + case.levels) * model.model.scales(case.world).path.numpy()
    path = tmp_path / "history.csv"
    pd.DataFrame(values, columns=["output", "inflation", "rate"]).to_csv(path, index=False)
    return path


@pytest.fixture
def response(case: Case, model: emulator.Emulator, history: Path | None) -> Response:
    """What Python answers."""
    theta = None if history else case.theta
    return model.respond(
        case.world, theta, shock=case.shock, size=case.size, horizon=case.horizon, history=history
    )


@pytest.fixture
def found(response: Response) -> Found:
    """The one caveat of the answer."""
    (only,) = response.attrs["caveats"]
    return only


def _options(case: Case, weights: Path) -> list[str]:
    asked = ["--shock", case.shock, "--size", f"{case.size}", "--horizon", f"{case.horizon}"]
    for name, value in case.theta.items():
        asked += ["--set", f"{name}={value}"]
    return [*asked, "--weights", str(weights)]


def _said(
    capsys: pytest.CaptureFixture[str], arguments: list[str], found: Found, about: str = ""
) -> Any:
    """Run a command, which refuses where it should, then says the caveat; returns its JSON."""
    line = f"emulator: {about}{found.sentence}"
    if found.refused:
        assert run(arguments) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err == f"{line}. Add --extrapolate to answer all the same\n"
        arguments = [*arguments, "--extrapolate"]
    assert run(arguments) == 0
    captured = capsys.readouterr()
    assert captured.err == f"{line}\n"
    assert captured.out
    assert run([*arguments, "--format", "csv"]) == 0
    assert capsys.readouterr().err.startswith(f"{line}\n")
    assert run([*arguments, "--format", "json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == f"{line}\n"
    return json.loads(captured.out)


def test_the_table_has_every_caveat() -> None:
    assert {case.caveat for case in CASES} == set(Caveat)


def test_python_says_it_in_attrs(
    case: Case, response: Response, found: Found, tmp_path: Path
) -> None:
    assert found.caveat is case.caveat
    assert case.said in found.sentence
    labelled = response.to_xarray()
    assert labelled.attrs["caveats"] == f"{case.caveat.name.lower()}: {found.sentence}"
    labelled.to_netcdf(tmp_path / "answer.nc")
    with xr.open_dataarray(tmp_path / "answer.nc") as read:
        assert read.attrs["caveats"] == labelled.attrs["caveats"]


def test_irf_refuses_or_warns_and_says_it_in_json(
    case: Case, found: Found, history: Path | None, weights: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from_data = [] if history is None else ["--history", str(history)]
    answer = _said(capsys, ["irf", case.world, *from_data, *_options(case, weights)], found)
    assert answer["caveats"] == [found.to_dict()]
    assert found.to_dict()["caveat"] == case.caveat.name.lower()


def test_compare_says_what_irf_says(
    case: Case, found: Found, history: Path | None, weights: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    if history is not None:
        pytest.skip("compare takes no history")
    asked = ["compare", "--worlds", case.world, *_options(case, weights)]
    answer = _said(capsys, asked, found, f"{case.world}: ")
    assert answer["caveats"] == {case.world: [found.to_dict()]}


def test_the_explorer_says_it(
    case: Case, found: Found, history: Path | None, model: emulator.Emulator
) -> None:
    if history is not None:
        pytest.skip("the explorer takes no history")
    answers = Answers(model)
    values = "".join(f"&set={name}={value}" for name, value in case.theta.items())
    state, problems = answers.catalogue.read(
        f"worlds={case.world}&shock={case.shock}&size={case.size}&quarters={case.horizon}{values}"
    )
    assert problems == []
    (panel,) = answers.panels(state)
    assert panel.notes == (found.sentence,)
    assert panel.level == ("error" if case.caveat is Caveat.NO_SOLUTION else "warning")
    assert (panel.bands is None) == (case.caveat is Caveat.HORIZON)
    assert (pd.read_csv(StringIO(as_csv([panel], state)))["notes"] == found.sentence).all()


def test_an_ordinary_answer_has_none(
    model: emulator.Emulator, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert model.irf("nk", {"phi_pi": 2.0}, bands=True).attrs["caveats"] == ""
    for command in (["irf", "nk"], ["compare", "--worlds", "nk"]):
        ask = ["--shock", "monetary", "--set", "phi_pi=2", "--weights", str(weights)]
        assert run([*command, *ask]) == 0
        assert capsys.readouterr().err == ""


def test_several_caveats_are_all_said(
    model: emulator.Emulator, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = model.respond("nk", {"phi_pi": 0.8, "kappa": 0.9}, horizon=50)
    names = [found.name for found in asked.attrs["caveats"]]
    assert names == ["out_of_bounds", "out_of_bounds", "horizon", "no_solution"]
    options = ["--set", "phi_pi=0.8", "--set", "kappa=0.9", "--horizon", "50"]
    assert run(["irf", "nk", *options, "--weights", str(weights)]) == 2
    line = capsys.readouterr().err
    assert all(found.sentence in line for found in asked.attrs["caveats"])


def test_of_many_draws_it_says_in_how_many(model: emulator.Emulator) -> None:
    world = emulator.get_world("nk")
    theta = np.tile(world.pack({"kappa": 0.2}), (50, 1))
    theta[:20, world.parameter_names.index("phi_pi")] = 0.8
    theta[20:30, world.parameter_names.index("phi_pi")] = 3.3
    bounds, unsolved, held_out = (
        found.sentence for found in model.respond("nk", theta).attrs["caveats"]
    )
    assert bounds.startswith("phi_pi in 20 of 50 draws, not in [1.05, 3.5]")
    assert "world 'nk' in 20 of 50 draws: more than one stable solution exists" in unsolved
    assert held_out.startswith("phi_pi above 3.25 in 10 of 50 draws was held out")


def test_draws_are_checked_in_chunks_like_all_at_once(
    model: emulator.Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = emulator.get_world("var")
    theta = world.from_uniforms(np.random.default_rng(0).random((50, len(world.parameters))))
    whole = model.irf("var", theta, horizon=1).attrs["caveats"]
    assert "no_solution" in whole
    monkeypatch.setattr("emulator.inference.trust.SOLVED_AT_ONCE", 7)
    assert model.irf("var", theta, horizon=1).attrs["caveats"] == whole


def test_a_world_that_cannot_be_asked_does_not_stop_the_emulator(
    model: emulator.Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str) -> emulator.worlds.World:
        raise InputError(f"world {name!r} cannot be loaded")

    whole = emulator.worlds.get_world
    for name, found, message in (
        ("get_world", broken, "not checked: world 'var' cannot be loaded"),
        ("get_world", lambda name: whole("nk"), "'var' is another than the weights know"),
        ("has_world", lambda name: False, "'var' is not installed"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(emulator.worlds, name, found)
            said = model.irf("var", {"a1_11": 0.8}, horizon=1).attrs["caveats"]
            assert said.startswith("unchecked: ")
            assert message in said


def test_a_world_that_is_dear_to_solve_is_not_solved_beside_the_answer(
    model: emulator.Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = dataclasses.replace(model.spec("var"), siblings=10)
    monkeypatch.setitem(model.model.specs, "var", spec)
    monkeypatch.setattr(emulator.worlds, "get_world", None)
    said = model.irf("var", {"a1_11": 0.8}, horizon=1).attrs["caveats"]
    assert said.startswith("unchecked: whether there is a solution")
    assert "that takes long; `check` of emulator.get_world('var') says" in said


def test_nothing_is_solved_where_no_check_is_asked_for(
    model: emulator.Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    theta = {"phi_pi": 1.1, "kappa": 0.4}
    checked = model.irf("nk", theta)
    monkeypatch.setattr(emulator.worlds, "get_world", None)
    answer = model.irf("nk", theta, check=False)
    said = answer.attrs["caveats"]
    assert said.startswith("unchecked: whether there is a solution")
    assert "nobody asked for it (check=False)" in said
    np.testing.assert_array_equal(answer, checked)
    outside = model.irf("nk", {"phi_pi": 9.0}, check=False).attrs["caveats"]
    assert outside.startswith("out_of_bounds: phi_pi = 9")


def test_nobody_is_asked_at_the_defaults(
    model: emulator.Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the first answer does not wait for compiled code: whether the defaults were held out
    is known since training."""
    monkeypatch.setattr(emulator.worlds, "get_world", None)
    assert model.irf("lss", horizon=1).attrs["caveats"] == ""
    assert model.irf("nk", horizon=1).attrs["caveats"] == ""
    monkeypatch.setitem(
        model.provenance["held_out"],
        "nk",
        [{"persistence": 0.5, "volatility": 1.2, "default": True}],
    )
    assert "persistence above 0.5" in model.irf("nk", horizon=1).attrs["caveats"]


def test_there_are_no_bands_beyond_the_horizon_trained_on(
    model: emulator.Emulator, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert model.irf("nk", bands=True).sizes["horizon"] == TRAINED + 1
    with pytest.raises(InputError, match="none after quarter 40"):
        model.irf("nk", bands=True, horizon=TRAINED + 1)
    ask = ["irf", "nk", "--bands", "--horizon", "41", "--extrapolate", "--weights", str(weights)]
    assert run(ask) == 2
    assert "bands: there are none after quarter 40" in capsys.readouterr().err


QUARTERS = 120
DATES = pd.period_range("1990Q1", periods=QUARTERS, freq="Q")


def _data(seed: int = 0) -> pd.DataFrame:
    """Persistent deviations as of an economy, with dates."""
    values = np.random.default_rng(seed).normal(size=(QUARTERS, 3))
    for t in range(1, QUARTERS):
        values[t] += 0.7 * values[t - 1]
    return pd.DataFrame(values, DATES, columns=["output", "inflation", "rate"])


def _asked(model: emulator.Emulator, data: pd.DataFrame) -> dict[str, list[Found]]:
    """The caveats of answers from data, by world and without one."""
    free = emulator.Emulator(model.model, {**model.provenance, "regime": "all"})
    answers = {w: free.respond(w, history=data, horizon=1) for w in free.worlds}
    answers[""] = free.respond(history=data, shock="monetary", horizon=1)
    return {world: list(answer.attrs["caveats"]) for world, answer in answers.items()}


@pytest.mark.parametrize("detrended", [False, True])
def test_the_logarithm_of_gdp_is_refused_by_every_world(
    model: emulator.Emulator, detrended: bool
) -> None:
    data = _data()
    data["output"] += 900.0 + 0.8 * np.arange(QUARTERS)
    if detrended:  # of its mean, not of its trend
        data["output"] -= data["output"].mean()
    said = "follows a straight line" if detrended else "output has a mean"
    for world, found in _asked(model, data).items():
        levels = [one for one in found if one.caveat is Caveat.LEVEL]
        assert any(said in one.sentence for one in levels), world
        assert all(one.refused for one in levels)


def test_growth_rates_are_remarked_on_by_every_world(model: emulator.Emulator) -> None:
    data = pd.concat([_data(), _data(1)[:40]]).reset_index(drop=True)
    data -= data.mean()
    assert all(
        f.caveat is Caveat.IMPOSSIBLE for found in _asked(model, data).values() for f in found
    )
    data["output"] = data["output"] / 2.0 + 0.8
    for world, found in _asked(model, data).items():
        (said,) = (f.sentence for f in found if f.caveat is Caveat.UNUSUAL)
        assert "output has a mean 1.2 times its own s.d." in said, world


def test_histories_of_the_worlds_own_economies_are_hardly_ever_refused() -> None:
    """By the weights that ship: none of 300 a world, but in `rbc`, where of 20,000 of 120, 80 and
    40 quarters 24, 26 and 63 had a rate that hardly moves; of 300 that is .6."""
    model = emulator.load()
    for name in model.worlds:
        world, rng = emulator.get_world(name), np.random.default_rng(0)
        theta = world.sample_parameters(100, rng)
        eps = rng.normal(size=(100, RUN_IN + 120, len(world.shocks)))
        chain = rng.random(eps.shape[:2]) if world.hidden_chain else None
        paths = world.simulate(theta, eps, uniforms=chain).observables[:, RUN_IN:]
        refused = []
        for first in (0, 40, 80):
            answer = model.respond(name, history=paths[:, first:], horizon=0)
            refused += [str(found) for found in answer.attrs["caveats"] if found.refused]
        assert len(refused) <= (name == "rbc"), refused
        assert all("the s.d. of rate" in found for found in refused)


def test_rates_below_zero_are_refused_where_no_economy_has_them(model: emulator.Emulator) -> None:
    data = _data()
    data["rate"] = -5.0 - data["rate"].abs() / 10.0
    found = _asked(model, data)
    assert [w for w in found if any(f.caveat is Caveat.IMPOSSIBLE for f in found[w])] == ["zlb"]
    # At its own floor, published to two digits, a rate is where it may be.
    free = emulator.Emulator(model.model, {**model.provenance, "regime": "all"})
    data["rate"] = np.maximum(_data()["rate"], -1.004)
    for r_ss, impossible in ((1.0, False), (0.9, True)):
        answer = free.respond("zlb", {"r_ss": r_ss}, history=data)
        assert any(f.caveat is Caveat.IMPOSSIBLE for f in answer.attrs["caveats"]) == impossible
    both = {"r_ss": [1.0, 0.9, 2.0]}
    (said,) = (
        f.sentence
        for f in free.respond("zlb", both, history=data).attrs["caveats"]
        if f.caveat is Caveat.IMPOSSIBLE
    )
    assert "falls to -1.004 in 1 of 3 draws, below -0.9" in said


def test_floors_that_cannot_be_asked_for_are_said_to_be_unchecked(
    model: emulator.Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = emulator.Emulator(model.model, {**model.provenance, "regime": "all"})
    monkeypatch.setattr(emulator.worlds, "has_world", lambda name: False)
    (said,) = free.respond("zlb", history=_data(), horizon=1).attrs["caveats"]
    assert str(said).startswith("unchecked: whether its economies have such data was not checked")
    assert free.respond("nk", history=_data(), horizon=1).attrs["caveats"] == ()


def test_every_answer_from_data_says_what_they_are(
    model: emulator.Emulator, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = _data()
    free = emulator.Emulator(model.model, {**model.provenance, "regime": "all"})
    attrs = free.irf("nk", history=data).attrs
    scale = free.model.scales("nk").path.numpy()
    expected = dict(zip(data, data.std(ddof=0) / scale, strict=True))
    assert attrs["history_quarters"] == attrs["history_given"] == QUARTERS
    assert (attrs["history_first"], attrs["history_last"]) == ("1990Q1", "2019Q4")
    assert attrs["history_sd_ratio"].startswith(f"output: {expected['output']:.3g}; inflation: ")
    assert "history_first" not in free.irf("nk", history=data.to_numpy()).attrs
    assert "history_quarters" not in free.irf("nk").attrs

    data.to_csv(tmp_path / "data.csv", index_label="observation_date")
    ask = ["irf", "nk", "--history", str(tmp_path / "data.csv"), "--weights", str(weights)]
    assert run([*ask, "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["history_sd_ratio"]["rate"] == pytest.approx(expected["rate"], rel=5e-3)
    assert answer["history_last"] == "2019Q4"
    line = f"history: {QUARTERS} quarters, 1990Q1 to 2019Q4. Its s.d.s over those of the training"
    assert run(ask) == 0
    assert line in capsys.readouterr().out
    assert run([*ask, "--format", "csv"]) == 0
    said = capsys.readouterr()
    assert line in said.err
    assert "history:" not in said.out
