"""`emulator generate` and `emulator validate` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emulator.cli.app import run

pytestmark = [pytest.mark.slow, pytest.mark.integration]

CONFIG = """
worlds: [var]
samples: 60
quarters: 60
run_in: 20
horizon: 8
rules:
  var:
    slice: [{statistic: largest_root, above: 0.93}]
    corner: {persistence: 0.6, volatility: -0.3}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG)
    return file


def test_generate_then_validate(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = str(tmp_path / "data")
    assert run(["generate", str(config), "--output", output]) == 0
    captured = capsys.readouterr()
    assert "60 samples drawn in" in captured.out
    assert captured.err == ""
    assert run(["generate", str(config), "--output", output, "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["samples_drawn"] == 0
    assert sum(report["splits"]["var"].values()) == 60
    assert run(["validate", output]) == 0
    assert "FAILED" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("samples: 60", "samples: 60\nseeds: 1", "did you mean 'seed'"),
        ("worlds: [var]", "worlds: [vra]", "unknown world 'vra': did you mean 'var'"),
        ("horizon: 8", "horizon: 81", "horizon"),
        ("above: 0.93", "above: .nan", "above"),
        ("run_in: 20", "run_in: 58", "quarters must exceed run_in"),
        ("worlds: [var]", "worlds: [var, var]", "named twice"),
        ("worlds: [var]", "worlds: [../var]", "cannot name a world's folder"),
        ("statistic: largest_root", "parameter: sd_11", "did you mean 'sd_1'"),
    ],
)
def test_a_bad_configuration_is_one_line_and_exit_code_2(
    config: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    old: str,
    new: str,
    expected: str,
) -> None:
    config.write_text(CONFIG.replace(old, new))
    assert run(["generate", str(config), "--output", str(tmp_path / "data")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert expected in lines[0]
    assert not (tmp_path / "data").exists()


def test_a_missing_configuration_and_a_silent_scheduler_are_said(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = ["--output", str(tmp_path / "data")]
    assert run(["generate", str(tmp_path / "none.yaml"), *output]) == 2
    assert "none.yaml: no such file" in capsys.readouterr().err
    assert run(["generate", str(config), *output, "--scheduler", "nonsense://x"]) == 2
    assert "no Dask scheduler answers" in capsys.readouterr().err
    assert run(["generate", str(config), *output, "--scheduler", "x", "--workers", "2"]) == 2
    assert "give one of them" in capsys.readouterr().err
