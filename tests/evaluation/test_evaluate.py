"""Whole evaluations of a small trained run: files, identities, ablations, the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from emulator.cli.app import run as command
from emulator.config import load_config
from emulator.data import DataConfig, Dataset
from emulator.data.generate import generate
from emulator.data.schema import Design
from emulator.errors import InputError
from emulator.evaluation import compare_all, evaluate
from emulator.evaluation.metrics.nrmse import nrmse_per_sample
from emulator.evaluation.scoring.ablations import ablations
from emulator.evaluation.scoring.binding import binds, linear_responses
from emulator.evaluation.scoring.forecasts import draw_now, score_forecasts
from emulator.evaluation.stored.files import read_statistics
from emulator.evaluation.stored.runs import find_runs
from emulator.limits import AHEAD
from emulator.models.weights import load_weights
from emulator.plans.perform import is_evaluated
from emulator.questions import Question
from emulator.regimes import REMOVABLE, Regime, Task
from emulator.training.config import RunConfig
from emulator.training.trainer import train
from emulator.worlds import get_world
from tests.conftest import ROOT, run_config
from tests.evaluation.toys import JUDGED, evaluated


@pytest.fixture(scope="module")
def evaluated_run(run_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the finished run, evaluated with ablations."""
    copy = tmp_path_factory.mktemp("evaluated") / "universal"
    shutil.copytree(run_path, copy)
    evaluate(copy, ablations=True)
    return copy


@pytest.fixture
def run(evaluated_run: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(evaluated_run, tmp_path / "universal"))


def metrics_of(run: Path) -> dict:
    return json.loads((run / "metrics.json").read_text())


@pytest.mark.slow
def test_metrics_follow_from_the_stored_statistics(evaluated_run: Path) -> None:
    metrics = metrics_of(evaluated_run)
    for world in metrics["worlds"]:
        for split in ("test", "val", "slice", "corner"):
            entry = metrics["worlds"][world]["A"][split]
            part = read_statistics(evaluated_run, world, "A", split, "steady_state")
            assert entry["nrmse"] == nrmse_per_sample(part).mean()
            assert entry["coverage_90"] == pytest.approx(part["coverage_90"].mean())
            null = metrics["training_mean"][world]["A"][split]
            assert null["nrmse"] == nrmse_per_sample(part, mse="null_mse").mean()
            low, high = entry["ci95"]
            assert low < entry["nrmse"] < high
            assert len(entry["by_horizon"]) == 13
            paths = read_statistics(evaluated_run, world, "A", split, "trajectory")
            assert entry["trajectory"]["nrmse"] == nrmse_per_sample(paths).mean()
            assert len(entry["trajectory"]["by_horizon"]) == AHEAD


@pytest.mark.slow
def test_a_run_is_scored_wherever_its_model_reads_the_same(
    dataset_path: Path, tmp_path: Path
) -> None:
    """A linear map of the parameters has no use for the history that C gives besides."""
    train(run_config(dataset_path, model={"type": "baseline_linear"}), tmp_path / "run")
    metrics = evaluate(tmp_path / "run").metrics
    assert metrics["regimes"] == ["A", "C"]
    assert metrics["samples_seen"]["A"] == metrics["samples_seen"]["C"]
    for world in metrics["worlds"].values():
        assert world["A"] == world["C"]


@pytest.mark.slow
def test_every_sample_of_every_split_is_scored_once(evaluated_run: Path, dataset: Dataset) -> None:
    table = pd.read_parquet(evaluated_run / "statistics.parquet")
    keys = ["world", "regime", "task", "split", "sample", "shock", "observable"]
    assert not table.duplicated(keys).any()
    for world in dataset.worlds:
        for split in ("test", "val", "slice", "corner"):
            part = table[(table["world"] == world) & (table["split"] == split)]
            assert set(part["sample"]) == set(dataset.rows(world, split))
    assert "train" not in set(table["split"])


@pytest.mark.slow
def test_the_files_of_an_evaluation_are_there(evaluated_run: Path) -> None:
    metrics = metrics_of(evaluated_run)
    assert {"commit", "config_sha", "data_sha", "worlds", "criteria"} <= metrics.keys()
    for name in ("irf_panel", "shape_diagnostics", "error_by_horizon", "calibration"):
        assert (evaluated_run / "figures" / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
    for name in ("report.html", "leaderboard.csv", "leaderboard.md"):
        assert metrics["data_sha"] in (evaluated_run / name).read_text()


@pytest.mark.slow
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


@pytest.mark.slow
def test_samples_seen_are_the_steps_of_the_log_times_the_batch(
    evaluated_run: Path, dataset: Dataset
) -> None:
    largest = max(len(dataset.rows(w, "train")) for w in dataset.worlds)
    expected = 3 * -(-largest // 64) * 64  # three epochs of whole batches
    assert metrics_of(evaluated_run)["samples_seen"] == {
        regime: {"var": expected, "nk": expected} for regime in metrics_of(evaluated_run)["regimes"]
    }


@pytest.mark.fast
def test_now_depends_on_world_and_sample_alone_and_fills_its_range() -> None:
    rows = np.arange(2000)
    nows = draw_now(Design(), "nk", rows)
    assert (nows[500:600] == draw_now(Design(), "nk", rows[500:600])).all()
    assert set(nows) == set(range(80, 201, 10))
    assert (nows != draw_now(Design(), "rbc", rows)).mean() > 0.8
    assert set(draw_now(Design(quarters=125), "nk", rows)) == {80}
    with pytest.raises(InputError, match="have 100 quarters, trajectories need 120"):
        draw_now(Design(quarters=100), "nk", rows)


@pytest.mark.slow
def test_forecast_errors_are_those_of_the_quarters_after_now(
    dataset: Dataset, run_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that forecasts zero: its mean squared error is the path's own mean square."""
    model = load_weights(run_path).model
    monkeypatch.setattr(model, "forecast", lambda inputs: torch.zeros(len(inputs), inputs.ahead, 3))
    question = Question("nk", Regime.B1, Task.trajectory)
    frame, by_quarter = score_forecasts(model, dataset, question, "test")
    rows = dataset.rows("nk", "test")
    path = dataset.read("nk", rows, ["trajectories"])["trajectories"][:, 80:120]
    expected = np.square(path.astype(np.float64)).mean(axis=1)
    assert frame["mse"].to_numpy().reshape(-1, 3) == pytest.approx(expected)
    squares = (frame["mse"] / frame["sigma"] ** 2).mean()
    assert np.square(by_quarter).mean() == pytest.approx(squares, rel=1e-9)
    monkeypatch.setattr(model, "forecast", lambda inputs: torch.full((len(inputs), 40, 3), np.nan))
    with pytest.raises(InputError, match="not finite"):
        score_forecasts(model, dataset, question, "test")


@pytest.mark.fast
@pytest.mark.parametrize(
    ("regime", "task", "names"),
    [
        (Regime.A, Task.steady_state, {"theta"}),
        (Regime.A, Task.state_dependent, {"theta", "eps"}),
        (Regime.B1, Task.steady_state, {"world", "history"}),
        (Regime.B1, Task.trajectory, {"world"}),  # without a history nothing is left to forecast
        (Regime.B2, Task.steady_state, set()),
        (Regime.C, Task.steady_state, {"world", "theta", "history"}),
        (Regime.D, Task.steady_state, {"world", "eps", "history"}),
    ],
)
def test_an_ablation_takes_away_what_the_task_uses_and_leaves_something(
    regime: Regime, task: Task, names: set[str]
) -> None:
    found = dict(ablations(regime, task))
    assert set(found) == names
    assert all(name in gone for name, gone in found.items())
    assert names <= set(REMOVABLE)


@pytest.mark.slow
def test_ablations_compare_the_same_samples(evaluated_run: Path) -> None:
    metrics = metrics_of(evaluated_run)
    for world, entry in metrics["ablations"].items():
        for task, by_name in entry["A"].items():
            whole = metrics["worlds"][world]["A"]["test"]
            whole = whole if task == "steady_state" else whole[task]
            for values in by_name.values():
                expected = values["nrmse"] / whole["nrmse"] - 1
                assert values["increase"] == pytest.approx(expected)
                assert values["ci95"][0] <= values["increase"] <= values["ci95"][1]
    assert metrics["ablations"]["nk"]["A"]["steady_state"]["theta"]["increase"] != 0


@pytest.fixture(scope="module")
def zlb(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """300 samples of `zlb`."""
    smoke = load_config(ROOT / "configs" / "data" / "smoke.yaml", DataConfig)
    changes = {"worlds": ("zlb",), "samples": 300, "quarters": 120, "horizon": 20}
    path = tmp_path_factory.mktemp("data") / "zlb"
    generate(DataConfig.model_validate({**smoke.model_dump(), **changes}), path)
    return Dataset.open(path)


@pytest.mark.slow
def test_the_linear_responses_of_zlb_are_those_of_nk(zlb: Dataset) -> None:
    rows = np.arange(40)
    theta = zlb.read("zlb", rows, ["theta"])["theta"]
    expected = get_world("nk").irf(theta[:, :12], horizon=20).values
    # Subtracting two paths a thousandth of a s.d. apart leaves 13 digits.
    np.testing.assert_allclose(linear_responses(zlb, "zlb", rows), expected, atol=1e-11)


@pytest.mark.slow
def test_a_quarter_of_the_responses_of_zlb_bind_and_the_others_are_linear(zlb: Dataset) -> None:
    rows = np.arange(300)
    truth = zlb.read("zlb", rows, ["irfs", "irfs_state"])
    linear = linear_responses(zlb, "zlb", rows)
    for field in ("irfs", "irfs_state"):
        bound = binds(truth[field], linear)
        # A quarter of 900; four standard errors, with the dependence within a sample, are .08.
        assert 0.25 - 0.1 < bound.mean() < 0.25 + 0.1
        # Stored with seven digits.
        scale = np.abs(linear[~bound]).max(axis=(1, 2))
        assert (np.abs(truth[field] - linear)[~bound].max(axis=(1, 2)) < 1e-6 * scale).all()


@pytest.mark.slow
def test_a_small_shock_never_binds_from_rest(zlb: Dataset) -> None:
    """At the smallest steady-state rate half a point is left: a hundredth of a s.d. is less."""
    rows = np.arange(100)
    theta = zlb.read("zlb", rows, ["theta"])["theta"]
    small = get_world("zlb").irf(theta, horizon=20, size=0.01).values / 0.01
    assert not binds(small, linear_responses(zlb, "zlb", rows)).any()


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


@pytest.mark.slow
def test_metrics_come_last_and_name_the_statistics(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scoring killed before its end is not taken for one: each moment by an error there."""
    data = load_config(run / "config.yaml", RunConfig).data.dataset_path
    assert is_evaluated(run, data)
    before = metrics_of(run)
    for step in ("mean_spectrum", "checksums", "write_panels"):
        (run / "metrics.json").unlink(missing_ok=True)
        _killed_at(monkeypatch, f"scoring.score.{step}", run)
        assert not is_evaluated(run, data)
    evaluate(run, ablations=True)
    assert is_evaluated(run, data)
    after = metrics_of(run)
    assert after["worlds"] == before["worlds"]
    file = run / "statistics.parquet"
    file.write_bytes(file.read_bytes()[:-1])
    assert not is_evaluated(run, data)


def _killed_at(monkeypatch: pytest.MonkeyPatch, step: str, run: Path) -> None:
    """Evaluate a run until an error at a step."""
    with monkeypatch.context() as patch:
        patch.setattr(
            f"emulator.evaluation.{step}", lambda *a: (_ for _ in ()).throw(InputError("killed"))
        )
        with pytest.raises(InputError, match="killed"):
            evaluate(run)


@pytest.mark.slow
@pytest.mark.parametrize("step", ["compare", "write_leaderboard", "draw"])
def test_a_run_killed_before_it_is_drawn_is_drawn_later(
    dataset_path: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """A universal run by the comparison that ends a plan, another by being evaluated again."""
    before = (run / "report.html").read_bytes()
    for name in ("report.html", "figures/irf_panel.png"):
        (run / name).unlink()
    _killed_at(monkeypatch, f"pipeline.{step}", run)
    assert is_evaluated(run, str(dataset_path))
    assert "criteria" not in metrics_of(run)
    linear = tmp_path / "linear"
    train(run_config(dataset_path, model={"type": "baseline_linear"}), linear)
    _killed_at(monkeypatch, f"pipeline.{step}", linear)
    assert not is_evaluated(linear, str(dataset_path))
    compare_all(find_runs(run))
    assert "criteria" in metrics_of(run)
    assert (run / "figures" / "irf_panel.png").exists()
    assert len((run / "report.html").read_bytes()) > 0.5 * len(before)


@pytest.mark.fast
@pytest.mark.parametrize("text", ["[]", "{", "{}", ""])
def test_what_is_no_metrics_is_no_evaluation(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.json").write_text(text)
    assert not is_evaluated(tmp_path, "nowhere")


@pytest.mark.fast
@pytest.mark.parametrize(("name", "expected"), [("flags", {"flags"}), ("history", {"history"})])
def test_ablations_that_give_more_are_runs_of_their_own(name: str, expected: set[str]) -> None:
    config = load_config(ROOT / "configs" / "models" / f"universal_A_{name}.yaml", RunConfig)
    universal = load_config(ROOT / "configs" / "models" / "universal_A.yaml", RunConfig)
    assert set(config.data.extra_inputs) == expected
    same = config.data.model_copy(update={"extra_inputs": ()})
    assert config.model_copy(update={"data": same}) == universal


@pytest.mark.integration
def test_a_leaderboard_fills_in_gaps_and_its_exit_code_is_that_of_the_criteria(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluated(tmp_path / "universal", 0.1, hf_ratio=1.0, regimes=JUDGED)
    for model in ("baseline_linear", "baseline_mlp", "baseline_var"):
        evaluated(tmp_path / model, 0.5, model=model, regimes=JUDGED)
    for world in ("one", "two"):
        evaluated(tmp_path / "specialists" / world, 0.095, worlds=(world,), regimes=JUDGED)
    assert command(["leaderboard", str(tmp_path), "--criteria"]) == 0
    out = capsys.readouterr().out
    assert "beats linear" in out
    assert "falls short" in out  # goals may be missed
    metrics = metrics_of(tmp_path / "universal")
    entry = metrics["worlds"]["one"]["A"]["test"]
    assert entry["gap"] == pytest.approx(0.1 / 0.095 - 1)
    assert entry["specialist"] == "specialists/one"
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
