"""Bad input: one clear line, exit code 2, the nearest valid name where a name is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import emulator
from emulator.cli.app import run
from emulator.data import DataConfig
from emulator.errors import ConfigError, EmulatorError
from tests.weights import in_every_regime

pytestmark = pytest.mark.integration

HEADER = "output,inflation,rate"


def _numbers(rows: int = 60, scale: float = 1.0) -> list[str]:
    draws = scale * np.random.default_rng(0).normal(size=(rows, 3)).cumsum(axis=0)
    return [",".join(f"{x:.4f}" for x in row) for row in draws]


def _dated(*quarters: str) -> str:
    """A file whose first dates are `quarters`."""
    rows = [f"{q},{n}" for q, n in zip(quarters, _numbers(len(quarters)), strict=True)]
    return "\n".join([f"date,{HEADER}", *rows])


def _table(*changed: tuple[int, str], header: str = HEADER) -> str:
    """60 quarters, with some lines replaced (the header is line 1)."""
    lines = [header, *_numbers()]
    for line, text in changed:
        lines[line - 1] = text
    return "\n".join(lines) + "\n"


# name: (content, what the line must say)
CSV: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "empty; expected the columns"),
    "blank": ("\n \n,,\n", "empty; expected the columns"),
    "header_only": (HEADER, "0 quarters are too few, 40"),
    "short": ("\n".join([HEADER, *_numbers(39)]), "39 quarters are too few, 40"),
    "no_header": ("\n".join(_numbers()), "column 'output' is missing"),
    "missing_column": (_table(header="output,inflation,unemployment"), "'rate' is missing"),
    "misspelt": (_table(header="output,inflaton,rate"), "(is it 'inflaton'?)"),
    "capitals": (_table(header="Output,Inflation,Rate"), "(is it 'Output'?)"),
    "twice": (_table(header="output,inflation,rate,rate"), "column 'rate' is given twice"),
    "date_twice": (_table(header="date,date,output,inflation,rate"), "'date' is given twice"),
    "semicolons": (_table().replace(",", ";"), "column 'output' is missing"),
    "gap": (_table((12, "1.0,,2.0")), "line 12: inflation: empty; fill gaps"),
    "text": (_table((7, "n.a.,1,2")), "line 7: output: expected a number, got 'n.a.'"),
    "nan": (_table((7, "1,nan,2")), "line 7: inflation: expected a number, got 'nan'"),
    "infinite": (_table((9, "1,2,inf")), "line 9: rate: expected a number, got 'inf'"),
    "decimal_comma": (_table((5, '"1,5",2,3')), "line 5: output: expected a number, got '1,5'"),
    "percent_sign": (_table((5, "1%,2,3")), "expected a number, got '1%'"),
    "underscore": (_table((5, "1_0,2,3")), "expected a number, got '1_0'"),
    "extra_cell": (_table((5, "1,2,3,4")), "line 5: expected 3 cells, got 4"),
    "cell_lacking": (_table((5, "1,2")), "line 5: expected 3 cells, got 2"),
    "huge": (_table((61, "1e39,1,2")), "output is 1e+39 in quarter 60"),
    "constant": ("\n".join([HEADER, *(f"{i},{-i},2.5" for i in range(50))]), "rate never changes"),
    "fractions": ("\n".join([HEADER, *_numbers(60, 1e-3)]), "percent, not a fraction"),
    "quarters_skipped": (_dated("1990Q1", "1990Q3"), "line 3: 1990Q3 after 1990Q1"),
    "newest_first": (_dated("1990Q2", "1990Q1"), "1990Q1 after 1990Q2"),
    "monthly": (_dated("1990-01-01", "1990-02-01"), "1990Q1 after 1990Q1; expected one row a"),
    "annual": (_dated("1990-01-01", "1991-01-01"), "1991Q1 after 1990Q1"),
    "bad_date": (_dated("spring 1990"), "expected a quarter such as 1959Q2"),
    "no_date": (_dated(""), "expected a quarter such as 1959Q2"),
    "quarter_five": (_dated("1990Q5"), "got '1990Q5'"),
    "binary": (b"\xff\xfe\x00\x80" * 50, "not UTF-8 text"),
    "utf16": (_table().encode("utf-16"), "not UTF-8 text"),
    "open_quote": (_table((5, '"1,2,3')), "not a CSV file"),
    "nul": (_table((5, "1\0,2,3")), "expected a number"),
}

# What follows `emulator`; DIR is a folder that exists, RUN a trained run, CSV a good history.
COMMANDS: list[tuple[list[str], str]] = [
    (["irf"], "Missing argument WORLD"),
    (["irf", "nkk", "--history", "CSV"], "did you mean 'nk'"),
    (["irf", "NK"], "did you mean 'nk'"),
    (["irf", "nk", "--state-dependent"], "needs the --history"),
    (["irf", "nk", "--history", "CSV", "--set", "kappa=.1", "--state-dependent", "--exact"],
     "the state is unknown"),
    (["irf", "nk", "--history", "DIR/none.csv"], "none.csv: No such file"),
    (["irf", "nk", "--history", "DIR"], "Is a directory; expected a"),
    (["irf", "--history", "CSV"], "shock: without a world, name one of"),
    (["irf", "--history", "CSV", "--shock", "monetry"], "did you mean 'monetary'"),
    (["irf", "--history", "CSV", "--shock", "monetary", "--set", "kappa=1"], "without a world"),
    (["irf", "--history", "CSV", "--shock", "monetary", "--exact"], "--exact: needs a world"),
    (["irf", "nk", "--history", "CSV", "--exact"], "--exact: needs a world and parameters"),
    (["irf", "nk", "--history", "CSV", "--set", "phi_p=2"], "did you mean 'phi_pi'"),
    (["irf", "nk", "--set", "kappa=1e400"], "kappa is inf"),
    (["irf", "nk", "--set", "kappa=1e300", "--extrapolate"], "no finite response"),
    (["irf", "nk", "--size", "nan"], "other than zero"),
    (["irf", "nk", "--size", "big"], "'--size': Input should be a valid number"),
    (["irf", "nk", "--horizon", "1.5"], "'--horizon': Input should be a valid integer"),
    (["irf", "nk", "--horizon", "-1"], "0 to 80"),
    (["irf", "nk", "--plot", "DIR/x.pdf"], "ending in .png"),
    (["irf", "nk", "--plot", "CSV/x.png"], "us.csv is not a folder that can be written to"),
    (["irf", "nk", "--format", "jsn"], "'jsn' is not one of"),
    (["irf", "nk", "--shok", "monetary"], "--shok"),
    (["compare", "--shock", "monetary"], "--worlds"),
    (["compare", "--worlds", "nk"], "--shock"),
    (["compare", "--worlds", "nk,nkk", "--shock", "monetary"], "did you mean 'nk'"),
    (["compare", "--worlds", "nk,rbc", "--shock", "monetary"], "these weights know var, nk"),
    (["compare", "--worlds", "nk,", "--shock", "monetary"], "different names between commas"),
    (["compare", "--worlds", "nk,nk", "--shock", "monetary"], "different names between commas"),
    (["compare", "--worlds", "nk", "--shock", "montary"], "did you mean 'monetary'"),
    (["compare", "--worlds", "nk", "--shock", "montary", "--exact"], "did you mean 'monetary'"),
    (["compare", "--worlds", "nk,rbcc", "--shock", "x", "--exact"], "did you mean 'rbc'"),
    (["compare", "--worlds", "nk,var", "--shock", "monetary"], "shock of world 'var'"),
    (["compare", "--worlds", "nk", "--shock", "monetary", "--set", "phi_p=2"], "'phi_pi'"),
    (["compare", "--worlds", "nk", "--shock", "monetary", "--set", "phi_pi=9"], "--extrapolate"),
    (["compare", "--worlds", "nk", "--shock", "monetary", "--normalize", "rat=1"], "'rate'"),
    (["compare", "--worlds", "nk", "--shock", "monetary", "--normalize", "rate"], "NAME=VALUE"),
    (["compare", "--worlds", "nk", "--shock", "monetary", "--normalize", "rate=0"], "than zero"),
    (["compare", "--worlds", "nk", "--shock", "monetary", "--normalize", "rate=nan"], "than zero"),
    (["compare", "--worlds", "rbc", "--shock", "monetary", "--exact", "--normalize", "output=1"],
     "too near zero to scale by"),
    (["compare", "--worlds", "nk", "--shock", "monetary", "--exact", "--set", "phi_pi=0.8"],
     "world 'nk': more than one stable"),
    (["compare", "--worlds", "nk", "--shock", "monetary", "--exact", "--size", "nan"], "finite"),
    (["compare", "--worlds", "nk", "--shock", "monetary", "--horizon", "99"], "equal to 80"),
    (["worlds", "nk7"], "did you mean 'nk'"),
    (["validate", "DIR"], "DIR"),
    (["train", "DIR"], "DIR"),
    (["train", "CSV"], "us.csv"),
    (["generate", "DIR/none.yaml", "--output", "DIR/d"], "none.yaml"),
    (["evaluate", "DIR"], "no weights here"),
    (["leaderboard", "DIR"], "emulator evaluate"),
    (["comapre"], "comapre"),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bad")
    (path / "us.csv").write_text(_table())
    return path


@pytest.fixture(scope="module")
def every_regime(run_path: Path, folder: Path) -> Path:
    return in_every_regime(run_path, folder / "all")


def _refused(capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str) -> None:
    code = run(arguments)
    captured = capsys.readouterr()
    assert (code, captured.err.count("\n"), captured.out) == (2, 1, ""), captured.err
    assert captured.err.startswith("emulator: ")
    assert expected in captured.err


@pytest.mark.parametrize("name", CSV)
def test_histories_that_cannot_be_read_are_refused(
    every_regime: Path, folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    content, expected = CSV[name]
    file = folder / f"{name}.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    ask = ["irf", "nk", "--history", str(file), "--weights", str(every_regime)]
    _refused(capsys, ask, expected)


@pytest.mark.parametrize(("arguments", "expected"), COMMANDS, ids=lambda x: " ".join(x)[:60])
def test_commands_refuse_bad_arguments(
    every_regime: Path,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    expected: str,
) -> None:
    places = {"CSV": str(folder / "us.csv"), "DIR": str(folder)}
    for mark, place in places.items():
        arguments = [a.replace(mark, place) for a in arguments]
        expected = expected.replace(mark, place)
    if arguments[0] in ("irf", "compare"):
        arguments = [*arguments, "--weights", str(every_regime)]
    _refused(capsys, arguments, expected)


# --------------------------------------------------------------------- damaged weights


def _drop(name: str) -> Callable[[Path], None]:
    return lambda path: (path / name).unlink()


def _cut(name: str) -> Callable[[Path], None]:
    return lambda path: (path / name).write_bytes((path / name).read_bytes()[:-40])


def _edit(key: str, value: Any) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        description = json.loads((path / "model.json").read_text())
        (path / "model.json").write_text(json.dumps({**description, key: value}))

    return edit


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (_drop("model.json"), "no weights here"),
        (_drop("weights.safetensors"), "weights.safetensors: No such file"),
        (_cut("model.json"), "model.json: damaged"),
        (_cut("weights.safetensors"), "altered or truncated"),
        (_edit("horizon", 20), "altered since it was written"),
        (_edit("format", 99), "format 99"),
        (_edit("format", None), "model.json: damaged"),
    ],
)
def test_damaged_weights_are_refused(
    run_path: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], None],
    expected: str,
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run_path, copy, ignore=shutil.ignore_patterns("checkpoint*"))
    damage(copy)
    _refused(capsys, ["irf", "nk", "--weights", str(copy)], expected)


# --------------------------------------------------------------------- configurations


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model: {type: universl}", "model"),
        ("model: {type: universal}\ntraning: {}", "did you mean 'training'"),
        ("model: {type: universal}\ntraining: {lr: fast}", "lr: expected a number, got 'fast'"),
        ("model: {type: universal}\ntraining: {lr: .nan}", "training.lr"),
        ("model: {type: universal}\ntraining: {lr: -1}", "training.lr"),
        ("model: {type: universal}\ntraining: {epochs: 0}", "training.epochs"),
        ("model: {type: universal}\ntraining: {epoch: 5}", "did you mean 'epochs'"),
        ("model: {type: universal}\ndata: {regime: E}", "data.regime"),
        ("model: {type: universal}\ndata: {dataset_path: nowhere}", "nowhere"),
        ("model: {type: universal}\nmodel: {type: universal}", "duplicate key"),
        ("model: [", "not valid YAML"),
        ("- model", "expected a mapping"),
        ("", "expected a mapping"),
        ("model: &a {type: *a}", "universal"),
        ("model: !!python/object/apply:os.getcwd []", "not valid YAML"),
        ("training: {}", "model"),
    ],
)
def test_run_files_that_ask_for_the_impossible_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, expected: str
) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(text)
    _refused(capsys, ["train", str(file), "--output", str(tmp_path / "run")], expected)
    assert not (tmp_path / "run").exists()


# --------------------------------------------------------------------- Python


_HISTORY = np.zeros((1, 60, 3))


def _nk() -> Any:
    return emulator.get_world("nk")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda m: emulator.get_world("nkk"), "did you mean 'nk'"),
        (lambda m: emulator.load("nowhere"), "nowhere: no weights here"),
        (lambda m: _nk().pack({"phi_p": 2.0}), "did you mean 'phi_pi'"),
        (lambda m: _nk().pack(2.0), "expected names and numbers"),
        (lambda m: _nk().irf({"phi_pi": 2.0}), "expected numbers"),
        (lambda m: _nk().irf(np.zeros(3)), "12 parameters"),
        (lambda m: _nk().irf(_nk().pack(), horizon=-1), "horizon"),
        (lambda m: _nk().irf(_nk().pack(), horizon=10**9), "at most 10,000 quarters, got 1,000,0"),
        (lambda m: _nk().irf(_nk().pack(), horizon=10**30), "at most 10,000 quarters"),
        (lambda m: _nk().irf(_nk().pack(), size=np.nan), "finite"),
        (lambda m: emulator.get_world(["nk"]), r"unknown world \['nk'\]: valid: lss"),
        (lambda m: emulator.get_world(None), "unknown world None"),
        (lambda m: emulator.load(5), "name of a folder, got 5"),
        (lambda m: emulator.load("NK"), "NK: no weights here"),
        (lambda m: _nk().sample_parameters(1.5, np.random.default_rng(0)), "n: expected a whole"),
        (lambda m: _nk().sample_parameters(-1, np.random.default_rng(0)), "n: expected a whole"),
        (lambda m: _nk().sample_parameters(2, 0), "rng: expected a NumPy generator"),
        (lambda m: _nk().irf(_nk().pack().astype(complex)), "theta: expected numbers"),
        (lambda m: _nk().irf(torch.ones(12, requires_grad=True)), "theta: expected numbers"),
        (lambda m: m.irf(), "none is given; name one of var, nk, or answer from data"),
        (lambda m: m.irf({"phi_pi": 2.0}), "unknown world of these weights {'phi_pi'"),
        (lambda m: m.irf(_nk()), "valid: var, nk"),
        (lambda m: m.irf("NK"), "did you mean 'nk'"),
        (lambda m: m.irf("nk", shock=0), "shock of world 'nk' 0: valid: monetary"),
        (lambda m: m.irf("nk", shock="Monetary"), "did you mean 'monetary'"),
        (lambda m: m.irf("nk", shock=["monetary"]), r"\['monetary'\]: valid"),
        (lambda m: m.irf("nk", {1: 2.0}), "unknown parameter of world 'nk' '1'"),
        (lambda m: m.irf("nk", np.zeros(12, "M8[s]")), "array or a DataFrame of real numbers"),
        (lambda m: m.irf("nk", np.ones(12, complex)), "array or a DataFrame of real numbers"),
        (lambda m: m.irf("nk", torch.ones(12, requires_grad=True)), "irf_torch takes tensors"),
        (lambda m: m.irf("nk", pd.DataFrame({"kappa": pd.to_datetime(["1990"])})), "'kappa'"),
        (lambda m: m.irf("nk", history=np.ones((60, 3), complex)), "array of numbers"),
        (lambda m: m.irf("nk", history=torch.ones(60, 3, requires_grad=True)), "array of numbers"),
        (lambda m: m.irf_torch("nk", np.zeros((1, 12))), "theta: .* got ndarray"),
        (lambda m: m.irf_torch("nk", None), "theta: .* got NoneType"),
        (lambda m: m.irf_torch("nk", torch.ones(1, 12).int()), "got a tensor of torch.int32"),
        (lambda m: m.irf_torch("nk", torch.ones(1, 12), history=_HISTORY), "history: .* ndarray"),
        (lambda m: m.irf_torch(None, torch.ones(1, 12)), "unknown world of these weights None"),
        (lambda m: m.irf("nk", {"kappa": 10**400}), "expected a number"),
        (lambda m: m.irf("nk", [[10**400] * 12]), "expected a mapping, an array"),
        (lambda m: m.irf("nk", size="one"), "size: expected a number"),
        (lambda m: m.irf("nk", size=None), "size: expected a number"),
        (lambda m: m.irf("nk", size=True), "size: expected a number"),
        (lambda m: m.irf("nk", size=[1.0, 2.0]), "size: expected a number"),
        (lambda m: m.irf("nk", horizon="ten"), "horizon: expected 0 to 80"),
        (lambda m: m.irf("nk", horizon=None), "horizon: expected 0 to 80"),
        (lambda m: m.irf("nk", horizon=float("inf")), "horizon: expected 0 to 80"),
        (lambda m: m.irf("nk", horizon=True), "horizon: expected 0 to 80"),
        (lambda m: m.irf("nk", history=np.full((60, 3), 1e39)), "output is 1e\\+39"),
        (lambda m: m.irf("nk", history=np.empty((0, 60, 3))), r"got \(0, 60, 3\)"),
        (lambda m: m.irf("nk", history=[["a"] * 3] * 60), "CSV file, a DataFrame or an array"),
        (lambda m: m.irf("nk", history="us\0.csv"), "name of a CSV file"),
        (lambda m: m.irf("nk", history=pd.DataFrame()), "column 'output' is missing"),
        (lambda m: m.irf("nk", pd.DataFrame([[1, 2]], columns=["kappa", "kappa"])), "kappa"),
        (lambda m: m.irf_torch("nk", torch.zeros(1, 12), horizon=81), "0 to 80"),
        (lambda m: m.irf_torch("nk", torch.zeros(1, 12), size=0.0), "size"),
    ],
)
def test_calls_refuse_bad_arguments(
    every_regime: Path, call: Callable[[emulator.Emulator], Any], expected: str
) -> None:
    with pytest.raises(EmulatorError, match=expected) as error:
        call(emulator.load(every_regime))
    assert "\n" not in str(error.value)


# --------------------------------------------------------------------- fuzzing

FUZZED = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
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


JUNK = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
        st.sampled_from(["universal", "A", "all", "nk", 1e-3, 64]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)  # fmt: skip
KEYS = st.sampled_from(
    ["model", "training", "data", "losses", "type", "lr", "epochs", "regime", "worlds", "samples",
     "hidden_dim", "seed", "rules", "shares", "nk", "slice"]
)  # fmt: skip
YAML = st.one_of(
    st.text(max_size=60).map(lambda s: s.encode("utf-8", "surrogatepass")),
    st.binary(max_size=60),
    st.dictionaries(KEYS, st.one_of(JUNK, st.dictionaries(KEYS, JUNK))).map(
        lambda d: yaml.safe_dump(d).encode("utf-8", "surrogatepass")
    ),
)


@given(content=YAML)
@FUZZED
def test_any_run_file_is_refused_or_valid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    file = tmp_path / "run.yaml"
    file.write_bytes(content)
    # A valid one still needs a data set, and there is none.
    ask = ["train", str(file), "--data", str(tmp_path / "none"), "--output", str(tmp_path / "run")]
    assert run(ask) == 2
    err = capsys.readouterr().err
    assert err.startswith("emulator: ")
    assert err.count("\n") == 1


@given(content=YAML)
@FUZZED
def test_any_data_file_is_refused_or_valid(tmp_path: Path, content: bytes) -> None:
    from emulator.config import load_config

    file = tmp_path / "data.yaml"
    file.write_bytes(content)
    with suppress(ConfigError):
        load_config(file, DataConfig)
