"""`emulator import`: what it prints, what it writes, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import emulator
from emulator.cli.app import run
from tests.cli.refusals import refused
from tests.worlds.dynare.files import MODELS, text, write

pytestmark = pytest.mark.fast
GROWTH = str(MODELS / "growth.mod")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_model_becomes_a_world_that_commands_take(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["import", GROWTH, "--rename", "e_m=monetary"]) == 0
    told = capsys.readouterr().out
    for part in ("100*log(y)", "capital share", "monetary", "1,000 draws", "growth.yaml"):
        assert part in told
    assert run(["worlds", "growth.yaml"]) == 0
    told = capsys.readouterr().out
    for part in ("capital share", "no parameter of", "100*log(y)", "1,000 draws", "e_m = monetary"):
        assert part in told
    assert all(equation in told for equation in emulator.get_world("growth").found.equations)
    assert run(["worlds", "growth", "--format", "json"]) == 0
    about = json.loads(capsys.readouterr().out)
    assert about["equations"] == emulator.get_world("growth").found.equations
    assert about["shock_sds"].keys() == {"e_z", "e_n", "monetary"}
    assert sum(about["verdicts"].values()) == 1000
    for name in ("growth", "growth.yaml", str(Path("growth.yaml").resolve())):
        ask = ["compare", "--worlds", f"nk,{name}", "--shock", "monetary", "--exact"]
        assert run([*ask, "--format", "json"]) == 0
        assert json.loads(capsys.readouterr().out)["worlds"] == ["nk", name]
    assert emulator.get_world("growth").shock_names == ("e_z", "e_n", "monetary")


def test_only_a_world_file_is_written_over(capsys: pytest.CaptureFixture[str]) -> None:
    model = write(Path(), text())
    before = model.read_bytes()
    ask = ["import", str(model), "--observables", "output=100*x", "inflation=400*pi", "rate=400*i"]
    refused(capsys, [*ask, "--output", str(model)], "is there and no world file")
    assert model.read_bytes() == before
    for _ in range(2):
        assert run([*ask, "--output", "made.yaml"]) == 0


def test_options_reach_the_world(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bounds.yaml").write_text("rho: [0.5, 0.95]\nphi: 1.7\n")
    Path("values.csv").write_text("name,value\nrho,0.7\n")
    path = write(Path(), text(values="phi = 1.5;\n@#ifdef DOUBLE\nphi = 3;\n@#endif"))
    observables = ["--observables", "output=100*x", "inflation=400*pi", "rate=400*i"]
    options = ["--bounds", "bounds.yaml", "--values", "values.csv", "--name", "tiny"]
    more = ["--output", "other.yaml", "--format", "json", "--define", "DOUBLE=1"]
    assert run(["import", str(path), *observables, *options, *more]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["name"] == "tiny"
    assert told["verdicts"] == {"OK": 1000}
    assert told["expressions"]["rate"] == "400*i"
    world = emulator.get_world("other.yaml")
    assert world.parameter_names == ("rho", "sd_e")
    values = world.irf(world.pack({"rho": 0.7}), 1).values[0, 0]
    np.testing.assert_allclose(values[0, 2], 1.7 * values[0, 1])
    np.testing.assert_allclose(values[1, 0], 0.7 * values[0, 0])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nothing.mod"], "nothing.mod:1: no such file"),
        (["bad.mod"], "bad.mod:6: y is not declared"),
        (
            ["small.mod", "--observables", "output=x", "b", "c"],
            "--observables: expected output=...",
        ),
        (["small.mod", "--observables", "gdp=x", "a=x", "b=x"], "unknown observable 'gdp'"),
        (["small.mod", "--bounds", "none.yaml"], "none.yaml"),
        (["small.mod", "--bounds", "words.yaml"], "words.yaml: rho: expected [lower, upper]"),
        (["small.mod", "--values", "words.yaml"], "words.yaml: rho: expected a number"),
        (["small.mod", "--rename", "e"], "--rename: expected OLD=NEW"),
        (["small.mod", "--rename", "q=z"], "unknown shock or parameter to rename 'q'"),
        (["small.mod", "--define", "x"], "--define: expected NAME=VALUE"),
        (["small.mod", "--output", "no/folder.yaml"], "no/folder.yaml"),
    ],
)
def test_refusals_are_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    write(Path(), text())
    write(Path(), text(model="x = y; pi = x; i = pi;"), "bad.mod")
    Path("words.yaml").write_text("rho: [a]\n")
    refused(capsys, ["import", *arguments], expected)
