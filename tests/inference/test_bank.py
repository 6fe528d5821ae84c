"""Several weights at once: each world is answered by the last that knows it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import emulator
from emulator.cli.app import run
from emulator.errors import UnknownNameError
from emulator.models.universal import UniversalConfig
from emulator.models.weights import PRETRAINED, load_weights, save_weights, single_worlds
from emulator.worlds import from_dynare, get_world, registry
from emulator.worlds.dynare import write_world
from tests.cli.refusals import refused
from tests.weights import provenance
from tests.worlds.dynare.files import MODELS

pytestmark = pytest.mark.fast


@pytest.fixture
def growth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights that know an imported world alone, with its file beside them, which has been
    nowhere else."""
    monkeypatch.setattr(registry, "_BESIDE_WEIGHTS", {})
    world = from_dynare(MODELS / "growth.mod", names={"e_m": "monetary"})
    config = UniversalConfig(
        hidden_dim=8, world_embed_dim=1, param_embed_dim=1, data_blocks=1, shock_blocks=1, poles=1,
        group_width=4, trunk_width=8,
    )  # fmt: skip
    folder = tmp_path / "growth-weights"
    counts = {world.name: 0}
    said = provenance([world.name], regime="A", samples_seen={"A": counts})
    save_weights(folder, config.build([world.spec], 12), said, "card")
    write_world(world, folder / "growth.yaml")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    return folder


def _same(one: object, other: object) -> None:
    np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def test_each_world_is_answered_by_the_weights_that_know_it(run_path: Path, growth: Path) -> None:
    bank = emulator.load_bank([run_path, growth])
    assert bank.worlds == ("var", "nk", "growth")
    _same(bank.irf("nk", {"phi_pi": 2.0}), emulator.load(run_path).irf("nk", {"phi_pi": 2.0}))
    _same(bank.irf("growth"), emulator.load(growth).irf("growth"))
    assert bank.spec("growth").name == "growth"
    with pytest.raises(UnknownNameError, match="these weights know var, nk, growth"):
        bank.irf("rbc")
    with pytest.raises(UnknownNameError, match="did you mean 'growth'"):
        bank.irf("grwth")


def test_of_two_that_know_a_world_the_last_answers(
    run_path: Path, every_world: Path, tmp_path: Path
) -> None:
    first, last = emulator.load(run_path), emulator.load(every_world)
    _same(emulator.load_bank([run_path, every_world]).irf("nk"), last.irf("nk"))
    _same(emulator.load_bank([every_world, run_path]).irf("nk"), first.irf("nk"))
    bank = emulator.load_bank([every_world, run_path])
    _same(bank.irf("rbc"), last.irf("rbc"))
    assert bank.of(None) is bank.emulators[0]  # the one that answers without a world


def test_commands_take_several(
    run_path: Path, growth: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = ["--weights", str(run_path), "--weights", str(growth)]
    ask = ["compare", "--worlds", "nk,growth", "--shock", "monetary", *both]
    assert run([*ask, "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["worlds"] == ["nk", "growth"]
    assert run(["irf", "growth", "--exact", "--format", "json", *both]) == 0
    out = json.loads(capsys.readouterr().out)
    assert out["largest_error"] > 0.0
    assert out["caveats"] == []  # the world beside the weights was solved
    assert run(["irf", str(growth / "growth.yaml"), "--format", "json", *both]) == 0
    assert json.loads(capsys.readouterr().out)["emulator"] == out["emulator"]
    assert run(["calibrations", "--format", "json", *both]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["world"] for row in found["edges"]} == {"var", "nk", "growth"}
    shas = [load_weights(folder).sha256 for folder in (run_path, growth)]
    assert found["weights_sha256"] == ", ".join(shas)
    refused(capsys, ["irf", "rbc", *both], "these weights know var, nk, growth")


def test_the_explorer_shows_the_worlds_of_all(run_path: Path, growth: Path) -> None:
    answers = pytest.importorskip("emulator.explorer.answers")
    shown = answers.Answers(emulator.load_bank([run_path, growth]))
    assert set(shown.emulated) == {"var", "nk", "growth"}
    state = replace(shown.catalogue.default, worlds=("growth",), shock="monetary")
    (panel,) = shown.panels(state)
    assert panel.point is not None
    assert panel.exact is not None


def test_a_world_here_comes_before_one_beside_weights(growth: Path) -> None:
    emulator.load(growth)
    before = get_world("growth").parameters[0]
    world = from_dynare(MODELS / "growth.mod", bounds={"alpha": (0.3, 0.35)}, name="growth")
    write_world(world, Path("growth.yaml"))
    assert get_world("growth").parameters[0].lower == 0.3 != before.lower


@pytest.mark.parametrize("theta", [None, {"alpha": 0.34}])
def test_another_model_of_the_name_is_told(growth: Path, theta: dict[str, float] | None) -> None:
    model = emulator.load(growth)
    asked = {"theta": theta, "shock": "monetary"}
    same = {"names": {"e_m": "monetary"}, "name": "growth"}
    text = (MODELS / "growth.mod").read_text()
    Path("same.mod").write_text(f"// once more\n{text}")
    write_world(from_dynare("same.mod", **same), Path("growth.yaml"))
    assert not model.respond("growth", **asked).attrs["caveats"]
    Path("other.mod").write_text(text.replace("betta = 0.99", "betta = 0.98"))
    write_world(from_dynare("other.mod", **same), Path("growth.yaml"))
    (caveat,) = model.respond("growth", **asked).attrs["caveats"]
    assert "is another than the weights were trained on" in caveat.sentence
    assert str(growth / "growth.yaml") in caveat.sentence


def test_weights_shipped_for_one_world_are_read_when_it_is_asked() -> None:
    bank = emulator.load_bank()
    assert single_worlds() == ("hank", "hank_zlb")
    assert bank.worlds == (*emulator.load().worlds, *single_worlds())
    assert len(bank.emulators) == 1
    _same(bank.irf("hank"), emulator.load("hank").irf("hank"))
    assert len(bank.emulators) == 2
    assert bank.worlds[-2:] == single_worlds()
    with pytest.raises(UnknownNameError, match=r"load\('hank'\) has those"):
        emulator.load().irf("hank")


def test_a_world_that_no_weights_know_says_where_its_responses_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_world(from_dynare(MODELS / "growth.mod", name="growth"), Path("growth.yaml"))
    expected = r"emulator compare --exact --worlds growth, .*get_world\('growth'\)\.irf"
    with pytest.raises(UnknownNameError, match=expected):
        emulator.load().irf("growth")


def test_weights_that_are_named_answer_before_those_shipped_for_one_world(tmp_path: Path) -> None:
    shipped = load_weights(PRETRAINED / "hank")
    save_weights(tmp_path / "mine", shipped.model, shipped.provenance, "card")
    mine = emulator.load_bank(["pretrained", tmp_path / "mine"])
    assert len(mine.emulators) == 2
    assert mine.of("hank") is mine.emulators[1]
    assert "hank" not in emulator.load_bank([PRETRAINED]).worlds  # a folder is that folder
    theirs = emulator.load_bank([tmp_path / "mine", "pretrained"])
    assert set(theirs.worlds) == set(emulator.load_bank().worlds)
    assert theirs.of("hank") not in theirs.emulators[:1]
    assert len(theirs.emulators) == 3
    (alone,) = emulator.load_bank(tmp_path / "mine").emulators
    assert alone.worlds == ("hank",)
