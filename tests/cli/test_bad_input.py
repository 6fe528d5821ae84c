"""Bad arguments and damaged weights: one clear line, exit code 2, the nearest valid name where a
name is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.refusals import refused

pytestmark = pytest.mark.integration

# Inside the bounds of var, where it explodes.
EXPLOSIVE = ["--set", "a1_11=0.95", "--set", "a1_12=0.4", "--set", "a1_21=0.4"]
# What follows `emulator`; DIR is a folder that exists, RUN a trained run, CSV a good history.
COMPARED = ["compare", "--worlds", "nk", "--shock", "monetary"]
COMMANDS: list[tuple[list[str], str]] = [
    (["irf"], "Missing argument WORLD"),
    (["irf", "nkk", "--history", "CSV"], "did you mean 'nk'"),
    (["irf", "NK"], "did you mean 'nk'"),
    (["irf", "hank_zlb"], "load('hank_zlb') has those that are shipped for it"),
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
    (["irf", "var", *EXPLOSIVE], "'var' at these parameters: no stable solution exists"),
    (["irf", "nk", "--size", "nan"], "other than zero"),
    (["irf", "nk", "--size", "big"], "'--size': Input should be a valid number"),
    (["irf", "nk", "--horizon", "1.5"], "'--horizon': Input should be a valid integer"),
    (["irf", "nk", "--horizon", "-1"], "equal to 0"),
    (["irf", "nk", "--horizon", "1_0"], "'1_0' is no number in plain digits"),
    (["irf", "nk", "--size", "١"], "is no number in plain digits"),
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
    ([*COMPARED, "--exact", "--weights", "x"], "leave out --weights"),
    ([*COMPARED, "--exact", "--extrapolate"], "leave out --extrapolate"),
    (["compare", "--worlds", "nk,var", "--shock", "monetary"], "shock of world 'var'"),
    (["compare", "--worlds", "nk", "--shock", "monetary", "--set", "phi_p=2"], "'phi_pi'"),
    (["compare", "--worlds", "nk", "--shock", "monetary", "--set", "phi_pi=9"], "--extrapolate"),
    (["compare", "--worlds", "var", "--shock", "shock_1", *EXPLOSIVE], "no stable solution exists"),
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
    (["export", "nk"], "--onnx"),
    (["export", "nkk", "--onnx", "DIR/x.onnx"], "did you mean 'nk'"),
    (["export", "rbc", "--onnx", "DIR/x.onnx"], "these weights know var, nk"),
    (["export", "nk", "--onnx", "DIR/x.pt"], "--onnx: expected a file name ending in .onnx"),
    (["export", "nk", "--onnx", "CSV/x.onnx"], "us.csv is not a folder that can be written to"),
    (["export", "nk", "--onnx", "DIR/x.onnx", "--regime", "B2"], "valid: A, B1, C"),
    (["export", "nk", "--onnx", "DIR/x.onnx", "--horizon", "99"], "equal to 80"),
    (["export", "nk", "--onnx", "DIR/x.onnx", "--horizon", "13"], "after quarter 12, the last"),
    (["export", "nk", "--onnx", "DIR/x.onnx", "--state-dependent"], "regime B1 or C"),
    (["worlds", "nk7"], "did you mean 'nk'"),
    (["validate", "DIR"], "DIR"),
    (["train", "DIR"], "DIR"),
    (["train", "CSV"], "us.csv"),
    (["generate", "DIR/none.yaml", "--output", "DIR/d"], "none.yaml"),
    (["evaluate", "DIR"], "no weights here"),
    (["leaderboard", "DIR"], "emulator evaluate"),
    (["comapre"], "comapre"),
]  # fmt: skip


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
    solved = arguments[0] == "compare" and "--exact" in arguments
    if arguments[0] in ("irf", "compare", "export") and not solved:
        arguments = [*arguments, "--weights", str(every_regime)]
    refused(capsys, arguments, expected)


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
def test_damaged_weights_arerefused(
    run_path: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], None],
    expected: str,
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run_path, copy, ignore=shutil.ignore_patterns("checkpoint*"))
    damage(copy)
    refused(capsys, ["irf", "nk", "--weights", str(copy)], expected)
