"""`emulator reproduce PLAN`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emulator.cli.app import run
from emulator.errors import ConfigError, UnknownNameError
from emulator.plans.plan import find_plan
from emulator.plans.preview import preview
from tests.conftest import ROOT
from tests.plans.plans import LINEAR, TUNED, UNIVERSAL, WILD, Finished, Folder


@pytest.mark.fast
def test_a_plan_goes_by_its_name_or_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for name in ("smoke", "dev", "shipped", "transfer"):
        assert find_plan(name).is_file()
    assert find_plan("mine/a.yaml") == Path("mine/a.yaml")
    with pytest.raises(UnknownNameError, match="did you mean 'smoke'"):
        find_plan("smok")
    monkeypatch.chdir(ROOT / "docs")
    with pytest.raises(ConfigError, match="root folder"):
        find_plan("smoke")


@pytest.mark.integration
def test_a_dry_run_says_what_would_be_done_and_writes_nothing(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder.plan(LINEAR, TUNED)
    assert run(["reproduce", str(path), "--dry-run", "--format", "json"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert [entry["run"] for entry in seen["runs"]] == [job.label for job in preview(path).jobs]
    assert all(entry["seconds"] > 0 for entry in seen["runs"])
    assert run(["reproduce", str(path), "--dry-run", "--only", "linear", "--format", "json"]) == 0
    assert [entry["run"] for entry in json.loads(capsys.readouterr().out)["runs"]] == ["linear/A"]
    assert run(["reproduce", str(folder.plan(LINEAR)), "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "linear/A" in out
    assert "on one worker" in out
    assert not folder.out.exists()


@pytest.mark.integration
def test_it_prints_json_and_exits_with_1_when_a_run_diverged(
    finished: Finished, folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.takes(finished, LINEAR)
    part = str(folder.plan(LINEAR, TUNED))
    asked = ["reproduce", part, "--resume", "--only", "linear", "--format", "json"]
    assert run(asked) == 0
    (entry,) = json.loads(capsys.readouterr().out)["runs"]
    assert entry["label"] == "linear/A"
    assert not (folder.out / "mlp").exists()
    path = str(folder.plan(LINEAR))
    assert run(["reproduce", path, "--resume", "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["criteria"] == {}  # of universal runs alone
    assert [(entry["label"], entry["status"]) for entry in answer["runs"]] == [("linear/A", "done")]
    assert run(["reproduce", str(folder.plan(LINEAR, WILD)), "--resume"]) == 1
    assert "1 of 2 runs diverged: wild/A" in capsys.readouterr().err


@pytest.mark.integration
def test_a_plan_with_a_universal_run_ends_with_its_criteria(
    finished: Finished, folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["reproduce", str(folder.takes(finished, UNIVERSAL)), "--resume"]) == 0
    assert "Criteria, universal/A" in capsys.readouterr().out


@pytest.mark.integration
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["missing.yaml"], "missing.yaml: no such file"),
        (["tiny"], "root folder"),
        ([], "PLAN"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], expected: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert run(["reproduce", *arguments]) == 2
    line = capsys.readouterr().err
    assert expected in line
    assert line.count("\n") == 1
