"""`emulator doctor` finds what is wrong with an installation, and says what to do."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import matplotlib
import pytest

from emulator import compiled
from emulator.cli import health
from emulator.cli.app import run
from emulator.cli.commands.doctor import SEND
from emulator.foreign.network import answers
from emulator.models import weights

pytestmark = pytest.mark.fast


@pytest.fixture(autouse=True)
def cache_of_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matplotlib, "get_cachedir", lambda: str(tmp_path))


def diagnosis(capsys: pytest.CaptureFixture[str], code: int) -> dict[str, Any]:
    capsys.readouterr()
    assert run(["doctor", "--format", "json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_good_installation_passes_and_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    found = diagnosis(capsys, 0)
    assert found["wrong"] == []
    assert found["found"]["libraries"]["numpy"] == importlib.metadata.version("numpy")
    assert set(found["found"]["weights"]) >= {"pretrained", "foreign network"}
    assert run(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "Nothing is wrong" in said
    assert said.endswith(f"{SEND}\n")


def test_whatever_is_wrong_is_a_line_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(weights.PRETRAINED, tmp_path / "pretrained")
    monkeypatch.setattr(weights, "PRETRAINED", tmp_path / "pretrained")
    part = next((tmp_path / "pretrained").glob("*.safetensors"))
    part.write_bytes(part.read_bytes()[:-1] + b"\x7f")
    for name in ("FACTS", "WEIGHTS"):
        copy = shutil.copy(getattr(answers, name), tmp_path)
        monkeypatch.setattr(answers, name, Path(copy))
    answers.WEIGHTS.write_bytes(answers.WEIGHTS.read_bytes()[:-1])
    monkeypatch.setattr(answers.Network, "read", classmethod(answers.Network.read.__wrapped__))

    def nowhere(function: object) -> None:
        raise RuntimeError("no locator available")  # numba's words

    monkeypatch.setattr(compiled, "_Cache", nowhere)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    monkeypatch.setattr(matplotlib, "get_cachedir", lambda: "/tmp/matplotlib-1a2b")
    version = importlib.metadata.version
    old = {"rich": "12.6", "dash": "2.0"}
    monkeypatch.setattr(importlib.metadata, "version", lambda name: old.get(name) or version(name))

    found = diagnosis(capsys, 1)
    wrong = {(each["group"], each["name"]): each for each in found["wrong"]}
    assert set(wrong) == {
        ("libraries", "rich"),
        ("extra explorer", "dash"),
        ("caches", "compiled functions"),
        ("caches", "matplotlib"),
        ("weights", "pretrained"),
        ("weights", "foreign network"),
    }
    assert "12.6, where >=13 is needed" in wrong["libraries", "rich"]["found"]
    assert part.name in wrong["weights", "pretrained"]["found"]
    assert "damaged" in wrong["weights", "foreign network"]["found"]
    assert "NUMBA_CACHE_DIR" in wrong["caches", "compiled functions"]["remedy"]
    assert run(["doctor"]) == 1
    said = capsys.readouterr().out
    for each in found["wrong"]:
        assert f"{each['found']}. To do: {each['remedy']}." in said


@pytest.mark.parametrize(
    ("module", "wrong"),
    [
        ("pandas", {("libraries", "pandas")}),
        ("sklearn", {("libraries", "scikit-learn")}),
        ("dash", {("extra explorer", "dash")}),
        ("packaging.requirements", {("libraries", "look")}),
        ("emulator.compiled", {("caches", "look")}),
    ],
)
def test_what_is_there_and_cannot_be_imported_is_wrong(
    module: str,
    wrong: set[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    found = diagnosis(capsys, 1)
    assert {(each["group"], each["name"]) for each in found["wrong"]} >= wrong
    assert all(module in each["found"] and each["remedy"] for each in found["wrong"])
    assert set(found["found"]) >= {"package", "machine", "libraries", "caches", "worlds", "weights"}


def test_what_a_library_warns_of_when_imported_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Warnings are errors here, and lines on stderr for a user."""
    (tmp_path / "rich_news.py").write_text("import warnings\nwarnings.warn('a major refactor')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(health.IMPORTED_AS, "rich", "rich_news")
    assert diagnosis(capsys, 0)["wrong"] == []


def test_an_extra_that_is_not_there_is_not_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    version = importlib.metadata.version

    def without(name: str) -> str:
        if name == "onnxscript":
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", without)
    found = diagnosis(capsys, 0)
    assert "pip install 'universal-macro-emulator[onnx]'" in found["found"]["extra onnx"][""]
