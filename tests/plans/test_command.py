"""`emulator campaign` and `emulator reproduce`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emulator.cli import reproduce  # noqa: F401  (registers its commands)
from emulator.cli.app import run
from emulator.plans.engine import preview
from tests.plans.plans import TUNED, Folder


@pytest.mark.integration
def test_a_dry_run_says_what_would_be_done_and_writes_nothing(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder.plan({"name": "linear", "config": "linear"}, TUNED)
    assert run(["campaign", str(path), "--dry-run", "--format", "json"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert [entry["run"] for entry in seen["runs"]] == [job.label for job in preview(path).jobs]
    assert all(entry["seconds"] > 0 for entry in seen["runs"])
    assert run(["campaign", str(path), "--dry-run", "--only", "linear"]) == 0
    out = capsys.readouterr().out
    assert "linear/A" in out
    assert "mlp" not in out
    assert not (folder.path / "out").exists()


@pytest.mark.integration
def test_campaign_prints_json_and_exits_with_1_when_a_run_diverged(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    wild = {"name": "wild", "config": "mlp", "training": {"lr": 1e30, "warmup": 0.0}}
    path = folder.plan({"name": "linear", "config": "linear"}, wild)
    assert run(["campaign", str(path), "--only", "linear", "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["criteria"] == {}  # of universal runs alone
    assert [(entry["label"], entry["status"]) for entry in answer["runs"]] == [("linear/A", "done")]
    assert run(["campaign", str(path), "--resume"]) == 1
    assert "1 of 2 runs diverged: wild/A" in capsys.readouterr().err


@pytest.mark.integration
def test_a_plan_with_a_universal_run_ends_with_its_criteria(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder.plan({"name": "u", "config": "universal", "role": "universal"})
    assert run(["campaign", str(path)]) == 0
    assert "Criteria, u/A" in capsys.readouterr().out


@pytest.mark.integration
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["campaign", "missing.yaml"], "missing.yaml: no such file"),
        (["reproduce", "--profile", "tiny"], "tiny"),
        (["reproduce"], "root folder"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], expected: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    line = capsys.readouterr().err
    assert expected in line
    assert line.count("\n") == 1


@pytest.mark.integration
def test_only_an_existing_run(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder.plan({"name": "linear", "config": "linear"})
    assert run(["campaign", str(path), "--only", "liner"]) == 2
    assert "did you mean 'linear'" in capsys.readouterr().err
