"""Whole evaluations of a small trained run: files, repeats, interruptions, the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from emulator.cli.app import run as command
from emulator.errors import InputError
from emulator.evaluation import compare_all, evaluate
from emulator.evaluation.pipeline import conclude
from emulator.evaluation.stored.record import write_metrics
from emulator.evaluation.stored.runs import find_runs
from emulator.plans.perform import is_evaluated
from emulator.training.trainer import train
from tests.conftest import run_config
from tests.evaluation.toys import JUDGED, evaluated, killed_at, metrics_of, tuned
from tests.shared import once


@pytest.mark.slow
def test_the_files_of_an_evaluation_are_there(evaluated_run: Path) -> None:
    metrics = metrics_of(evaluated_run)
    assert {"commit", "config_sha", "data_sha", "worlds", "criteria"} <= metrics.keys()
    for name in ("irf_panel", "shape_diagnostics", "error_by_horizon", "calibration"):
        assert (evaluated_run / "figures" / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
    for name in ("report.html", "leaderboard.csv", "leaderboard.md"):
        assert metrics["data_sha"] in (evaluated_run / name).read_text()


@pytest.mark.slow
@pytest.mark.figures
def test_two_evaluations_of_the_same_weights_are_equal(evaluated_run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "universal"
    shutil.copytree(evaluated_run, copy, ignore=shutil.ignore_patterns("*.parquet", "metrics.json"))
    evaluate(copy, ablations=True)
    for name in ("metrics.json", "report.html", "leaderboard.csv", "panels.safetensors"):
        assert (copy / name).read_bytes() == (evaluated_run / name).read_bytes()
    pd.testing.assert_frame_equal(
        pd.read_parquet(copy / "statistics.parquet"),
        pd.read_parquet(evaluated_run / "statistics.parquet"),
        check_exact=True,
    )


@pytest.mark.integration
def test_evaluate_prints_scores_and_judges_universal_runs_on_request(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three epochs are far from the criteria: 1 where they are asked for, 0 otherwise."""
    assert command(["evaluate", str(run)]) == 0
    out = capsys.readouterr().out
    assert "training mean" in out
    assert "Criteria, universal" in out
    assert command(["evaluate", str(run), "--against", str(run.parent), "--criteria"]) == 1
    captured = capsys.readouterr()
    assert "falls short" in captured.out
    assert "not measured" in captured.out
    assert "universal: mean gap / max gap to specialists: not measured" in captured.err
    assert command(["evaluate", str(run), "--against", str(run / "figures")]) == 2
    assert "emulator evaluate" in capsys.readouterr().err


@pytest.fixture(scope="module")
def scored(
    dataset_path: Path, evaluated_run: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder of a universal run that was evaluated, and is being again, and a linear one, both
    killed as soon as they were scored."""

    def make(folder: Path) -> None:
        shutil.copytree(evaluated_run, folder / "universal")
        config = run_config(dataset_path, model={"type": "baseline_linear"})
        train(config, folder / "linear")
        with pytest.MonkeyPatch.context() as patch:
            for run in ("universal", "linear"):
                killed_at(patch, "pipeline.compare", folder / run)

    return once(tmp_path_factory, "scored", make)


@pytest.mark.slow
@pytest.mark.parametrize("step", ["compare", "write_leaderboard", "draw"])
def test_a_run_killed_before_it_is_drawn_is_drawn_later(
    dataset_path: Path, scored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """A universal run by the comparison that ends a plan, another by being evaluated again."""
    run, linear = (Path(shutil.copytree(scored / n, tmp_path / n)) for n in ("universal", "linear"))
    before = (run / "report.html").read_bytes()
    for name in ("report.html", "figures/irf_panel.png"):
        (run / name).unlink()
    with monkeypatch.context() as patch:
        patch.setattr(f"emulator.evaluation.pipeline.{step}", _killed)
        for folder in (run, linear):
            with pytest.raises(InputError, match="killed"):
                conclude(*find_runs(folder))
    assert is_evaluated(run, str(dataset_path))
    assert "criteria" not in metrics_of(run)
    assert not is_evaluated(linear, str(dataset_path))
    compare_all(find_runs(run))
    assert "criteria" in metrics_of(run)
    assert (run / "figures" / "irf_panel.png").exists()
    assert (run / "report.html").read_bytes().count(b"<img") == before.count(b"<img") > 1


def _killed(*arguments: object) -> None:
    raise InputError("killed")


@pytest.mark.integration
def test_a_leaderboard_fills_in_gaps_and_its_exit_code_is_that_of_the_criteria(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluated(tmp_path / "universal", 0.1, hf_ratio=1.0, regimes=JUDGED)
    for model in ("baseline_linear", "baseline_mlp", "baseline_var", "baseline_bvar"):
        evaluated(tmp_path / model, 0.5, model=model, regimes=JUDGED)
    for model, error in (("universal", 0.095), ("baseline_mlp", 0.2), ("baseline_gru", 0.2)):
        for world in ("one", "two"):
            folder = tmp_path / "specialists" / model / world
            first = evaluated(folder, error, model=model, worlds=(world,), regimes=JUDGED)
            for run in tuned([first])[1:]:
                place = folder.with_name(run.name)
                shutil.copytree(folder, place)
                write_metrics(place, run.metrics)
    assert command(["leaderboard", str(tmp_path), "--criteria"]) == 0
    out = capsys.readouterr().out
    assert "beats linear" in out
    assert "falls short" in out  # goals may be missed
    metrics = metrics_of(tmp_path / "universal")
    entry = metrics["worlds"]["one"]["A"]["prior"]
    assert entry["gap"] == pytest.approx(0.1 / 0.095 - 1)
    assert entry["specialist"].startswith("specialists/universal/one")
    assert entry["unmeasured"] == []
    assert "gaps to specialists" in (tmp_path / "leaderboard.md").read_text()
    assert f"{entry['gap']:+.1%}" in (tmp_path / "universal" / "report.html").read_text()

    evaluated(tmp_path / "better", 0.01, model="baseline_mlp")
    assert command(["leaderboard", str(tmp_path)]) == 0
    capsys.readouterr()
    assert command(["leaderboard", str(tmp_path), "--criteria", "--format", "json"]) == 1
    captured = capsys.readouterr()
    verdicts = json.loads(captured.out)["criteria"]["universal"]
    assert verdicts[0]["must"] == "falls short"
    assert "universal: beats linear" in captured.err


@pytest.mark.integration
def test_runs_that_leave_something_out_do_not_decide(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluated(tmp_path / "single", 0.1)
    assert command(["leaderboard", str(tmp_path), "--criteria"]) == 1
    assert "no universal run over every world in regimes A, B1 and C" in capsys.readouterr().err


@pytest.mark.integration
def test_the_criteria_are_not_for_every_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluated(tmp_path / "mlp", 0.1, model="baseline_mlp")
    assert command(["leaderboard", str(tmp_path), "--criteria"]) == 2
    assert "no universal run" in capsys.readouterr().err
    (tmp_path / "leaderboard.csv").unlink()
    assert command(["leaderboard", str(tmp_path), "--split", "tset"]) == 2
    assert "test" in capsys.readouterr().err
    assert not (tmp_path / "leaderboard.csv").exists()  # refused before any work


@pytest.mark.integration
def test_a_specialist_is_refused_the_criteria_before_it_is_scored(
    dataset_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = run_config(dataset_path, model={"type": "baseline_linear"})
    train(config, tmp_path / "linear")
    assert command(["evaluate", str(tmp_path / "linear"), "--criteria"]) == 2
    assert "the criteria are for a universal model" in capsys.readouterr().err
    assert not (tmp_path / "linear" / "statistics.parquet").exists()
