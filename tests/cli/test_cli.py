"""The command line: answers, exit codes, one clear line for bad input, no traceback."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

import emulator
from emulator.cli.app import run
from emulator.cli.console import print_table
from tests.conftest import run_config

pytestmark = pytest.mark.integration


def _refused(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    """Run, check exit code 2 and a single line on stderr; returns the line."""
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("emulator: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_irf_prints_json_that_matches_the_api(
    run_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plot = tmp_path / "new" / "irf.png"
    arguments = ["irf", "nk", "--shock", "monetary", "--set", "phi_pi=2.0", "--exact"]
    code = run([*arguments, "--plot", str(plot), "--format", "json", "--weights", str(run_path)])
    assert code == 0
    answer = json.loads(capsys.readouterr().out)
    expected = emulator.load(run_path).irf("nk", {"phi_pi": 2.0}, shock="monetary")
    np.testing.assert_array_equal(answer["emulator"]["output"], expected.sel(observable="output"))
    world = emulator.get_world("nk")
    exact = world.irf(world.pack({"phi_pi": 2.0}), horizon=12).values[0, 0]
    np.testing.assert_allclose(answer["exact"]["rate"], exact[:, 2], rtol=1e-12)
    assert answer["largest_error"] == pytest.approx(abs(expected.to_numpy() - exact).max())
    assert answer["units"]["output"] == "percent"
    assert plot.read_bytes()[:4] == b"\x89PNG"


def test_calibrations_are_printed_the_worst_first(
    run_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["calibrations", "--worlds", "nk", "--weights", str(run_path)]
    assert run([*asked, "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    found, ends = answer["customary"], answer["edges"]
    assert {row["name"] for row in found} == {"Gali", "flat Phillips curve, smoothing", "default"}
    assert len(ends) == 2 * len(emulator.get_world("nk").parameters)
    errors = [row["nrmse"] for row in ends]
    assert errors == sorted(errors, reverse=True)
    assert run(asked) == 0
    out = capsys.readouterr().out
    assert "the worst 20 of 24" in out
    assert f"{ends[0]['nrmse']:.4f}" in out
    assert "rbc" in _refused(capsys, [*asked[:1], "--worlds", "rbc", *asked[3:]])


@pytest.mark.parametrize("output_format", ["table", "csv"])
def test_irf_prints_tables_and_csv(
    run_path: Path, capsys: pytest.CaptureFixture[str], output_format: str
) -> None:
    assert run(["irf", "nk", "--weights", str(run_path), "--format", output_format]) == 0
    out = capsys.readouterr().out
    for shock in ("monetary", "demand", "cost_push"):
        assert shock in out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nkk"], "did you mean 'nk'"),
        (["rbc"], "these weights know var, nk"),
        (["nk", "--shock", "montary"], "did you mean 'monetary'"),
        (["nk", "--set", "phi_pie=2"], "did you mean 'phi_pi'"),
        (["nk", "--set", "phi_pi"], "NAME=VALUE"),
        (["nk", "--set", "=2"], "NAME=VALUE"),
        (["nk", "--set", "phi_pi=2,kappa=1"], "give --set once for each name"),
        (["nk", "--set", "phi_pi=two"], "expected a number"),
        (["nk", "--set", "phi_pi=nan"], "phi_pi is nan"),
        (["nk", "--set", "phi_pi=2", "--set", "phi_pi=3"], "given twice"),
        (["nk", "--horizon", "81"], "equal to 80"),
        (["nk", "--horizon", "many"], "valid integer"),
        (["nk", "--size", "0"], "other than zero"),
        (["nk", "--format", "xml"], "'table', 'json', 'csv'"),
        (["nk", "--plot", "irf.pdf"], ".png"),
        (["nk", "--nonsense"], "--nonsense"),
        ([], "Missing argument"),
        (["nk", "--set", "phi_pi=0.8", "--extrapolate", "--exact"], "more than one stable"),
    ],
)
def test_irf_refuses_bad_input(
    run_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert expected in _refused(capsys, ["irf", *arguments, "--weights", str(run_path)])


def test_missing_altered_and_foreign_weights_are_refused(
    run_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no weights here" in _refused(capsys, ["irf", "nk", "--weights", str(tmp_path)])
    copy = tmp_path / "copy"
    shutil.copytree(run_path, copy)
    weights = copy / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-5] ^= 1
    weights.write_bytes(bytes(data))
    for command in (["irf", "nk", "--weights", str(copy)], ["evaluate", str(copy)]):
        line = _refused(capsys, command)
        assert "weights.safetensors: altered or truncated" in line


def test_train_evaluate_and_leaderboard_run_from_files(
    dataset_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = run_config(dataset_path, model={"type": "baseline_linear"})
    file = tmp_path / "linear.yaml"
    file.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    output = tmp_path / "runs" / "linear"
    assert run(["train", str(file), "--output", str(output)]) == 0
    assert run(["evaluate", str(output), "--format", "json"]) == 0
    text = capsys.readouterr().out
    metrics = json.loads(text[text.index("{") :])
    assert set(metrics["worlds"]["nk"]["A"]) == {"prior", "val", "test", "slice", "corner"}
    assert run(["leaderboard", str(tmp_path / "runs")]) == 0
    table = capsys.readouterr().out
    assert "linear" in table
    assert "training_mean" in table
    assert "--resume" in _refused(capsys, ["train", str(file), "--output", str(output)])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["train", "missing.yaml"], "missing.yaml: no such file"),
        (["evaluate", "missing"], "no weights here"),
        (["leaderboard", "missing"], "emulator evaluate"),
        (["worlds", "nkk"], "did you mean 'nk'"),
        (["wolrds"], "wolrds"),
    ],
)
def test_other_commands_refuse_bad_input(
    capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert expected in _refused(capsys, arguments)


def test_training_on_damaged_data_stops_before_anything_is_written(
    dataset_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    shutil.copytree(dataset_path, data)
    shard = next(p for p in sorted((data / "nk" / "irfs").rglob("*")) if p.parent.name != "irfs"
                 and p.is_file())  # fmt: skip
    shard.write_bytes(shard.read_bytes()[:-50])
    file = tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump(run_config(data).model_dump(mode="json")))
    line = _refused(capsys, ["train", str(file), "--output", str(tmp_path / "run")])
    assert str(shard) in line
    assert "emulator generate" in line
    assert not (tmp_path / "run").exists()


def test_worlds_prints_the_bank_and_one_world(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["worlds", "--format", "json"]) == 0
    names = [spec["name"] for spec in json.loads(capsys.readouterr().out)]
    assert names == list(emulator.list_worlds())
    assert run(["worlds", "nk"]) == 0
    out = capsys.readouterr().out
    for text in ("phi_pi", "monetary", "annualised percentage points", "Gali"):
        assert text in out


def test_progress_is_silent_when_not_a_terminal(
    tmp_path: Path, dataset_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run.yaml"
    config = run_config(dataset_path, training={"epochs": 1})
    file.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    assert run(["train", str(file), "--output", str(tmp_path / "run")]) == 0
    assert capfd.readouterr().err == ""


def test_a_model_that_memory_cannot_hold_is_refused_before_it_is_built(
    tmp_path: Path, dataset_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = {"type": "universal", "hidden_dim": 8192, "data_blocks": 256, "shock_blocks": 256}
    config = run_config(dataset_path, model=model)
    file = tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    line = _refused(capsys, ["train", str(file), "--output", str(tmp_path / "run")])
    assert "parameters take" in line


def _shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of bash, in which `emulator` is this interpreter's."""
    start = f"emulator() {{ '{sys.executable}' -m emulator.cli \"$@\"; }}; set -o pipefail; "
    return subprocess.run(
        ["bash", "-c", start + command], capture_output=True, text=True, timeout=120, cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def test_a_pipe_may_close(tmp_path: Path) -> None:
    closed = _shell("emulator worlds nk --format table | head -1", tmp_path)
    assert closed.returncode == 0
    assert closed.stdout.startswith("nk: ")
    assert closed.stderr == ""


def test_streams_backends_and_encodings_do_not_matter(
    run_path: Path, dataset_path: Path, tmp_path: Path
) -> None:
    """As in a job without streams, a cell of Jupyter, and a terminal that knows ASCII alone."""
    (tmp_path / "é").symlink_to(dataset_path)
    answered = _shell(
        f"MPLBACKEND=nonsense emulator irf nk --weights '{run_path}' --plot é.png >&- 2>&- <&- && "
        "PYTHONIOENCODING=ascii emulator validate é",
        tmp_path,
    )
    assert answered.returncode == 0
    assert answered.stdout.startswith(r"\xe9 ")
    assert (tmp_path / "é.png").read_bytes()[:4] == b"\x89PNG"


def test_the_bare_command_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert "\n  irf  " in capsys.readouterr().err


@pytest.mark.parametrize("width", [40, 80])
def test_a_narrow_terminal_leaves_numbers_whole(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    text = "inverse intertemporal elasticity"
    row = ["4", "-1.25e-07", "0.0123", text]
    print_table(
        "T", ["quarter", "output (percent)", "rate", "what it is"], [row], prose=("what it is",)
    )
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert any("-1.25e-07" in line and "0.0123" in line for line in lines)
    assert all(any(word in line for line in lines) for word in text.split())
    assert max(map(len, lines)) <= max(width, 50)


@pytest.mark.parametrize("compiled", [False, True], ids=["in Python", "in compiled code"])
def test_ctrl_c_ends_with_one_line_wherever_it_comes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], compiled: bool
) -> None:
    def interrupt(name: str) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as stop:
            if not compiled:
                raise
            # As CPython reports an exception that C code had set when it returned a value.
            inner = SystemError("<function> returned a result with an exception set")
            inner.__cause__ = stop
            raise SystemError("<built-in> returned a result with an exception set") from inner

    monkeypatch.setattr("emulator.worlds.get_world", interrupt)
    assert run(["worlds", "nk"]) == 130
    assert capsys.readouterr().err == "emulator: interrupted; the same command begins anew\n"
