"""`emulator adapt`: an imported world, from its file to an answer."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from emulator.adapt import Order
from emulator.adapt.plan import Plan
from emulator.cli.app import run
from emulator.storage import sealed
from emulator.worlds import registry
from tests.cli.refusals import refused
from tests.worlds.dynare.files import MODELS

ASK = ["--steps", "20", "--draws", "100"]


@pytest.mark.slow
@pytest.mark.usefixtures("small_networks")
def test_an_imported_world_gets_a_network_that_commands_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(registry, "_BESIDE_WEIGHTS", {})
    monkeypatch.chdir(tmp_path)
    assert run(["import", str(MODELS / "growth.mod")]) == 0
    assert run(["adapt", "growth", *ASK, "--output", "runs/growth"]) == 0
    told = capsys.readouterr().out
    assert "over its prior" in told
    assert "emulator irf growth --weights runs/growth" in told
    Path("growth.yaml").unlink()  # it has its own
    ask = ["irf", "growth", "--exact", "--bands", "--format", "json", "--weights", "runs/growth"]
    assert run(ask) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["caveats"] == []
    assert answer["bands"]["emulator"].keys() == {"e_z", "e_n", "e_m"}
    assert run(["adapt", "runs/growth/growth", *ASK, "--output", "runs/other",
                "--error", "9", "--format", "json"]) == 0  # fmt: skip
    card = json.loads(capsys.readouterr().out)
    assert card["world"] == "growth"
    assert len(card["stages"]) == 1


@pytest.mark.fast
@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({}, "another seed (42, now 7); ask for the same, or name another folder"),
        ({"order": {"world": "nk", "minutes": 10.0}}, "begun by another version of emulator"),
        ({"plan": {"draws": 100}}, "begun by another version of emulator"),
    ],
)
def test_a_run_begun_otherwise_is_not_gone_on_with(
    part: dict[str, object], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = {field.name: None for field in fields(Plan)}
    held = {"order": asdict(Order("nk")), "plan": plan, "identity": "", **part}
    (tmp_path / "order.json").write_text(json.dumps(sealed(held)))
    ask = ["adapt", "nk", "--seed", "7", "--resume", "--output", str(tmp_path)]
    refused(capsys, ask, expected)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nkk"], "did you mean 'nk'"),
        (["gone.yaml"], "no such file"),
        (["nk", "--minutes", "0"], "minutes: expected more than 0"),
        (["nk", "--error", "-1"], "error: expected an NRMSE above 0"),
        (["nk", "--start", "shiped"], "did you mean 'shipped'"),
        (["nk", "--draws", "5"], "draws: expected 100 to"),
        (["nk", "--steps", "2"], "steps: expected 20 to"),
    ],
)
def test_bad_input_is_refused_before_any_work(
    arguments: list[str], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(capsys, ["adapt", *arguments, "--output", str(tmp_path / "run")], expected)
    assert not (tmp_path / "run").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    refused(capsys, ["adapt", "nk", "--output", str(tmp_path / "mine")], "holds something else")
