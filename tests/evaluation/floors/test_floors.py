"""Floors as data: restartable, refused when they do not belong together, joined with runs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emulator.data import Dataset
from emulator.errors import DatasetError, InputError
from emulator.evaluation.floors.archive import (
    Floors,
    Scale,
    Settings,
    find_floors,
    floor_file,
    read_floors,
    write_floors,
)
from emulator.evaluation.floors.compute import compute_floors
from emulator.evaluation.floors.errors import errors
from emulator.evaluation.floors.predict import labels, predicted_ratios
from emulator.evaluation.floors.ranks import calibrate
from emulator.evaluation.floors.ratios import fill_floors, ratio, stored_ratios, table
from emulator.evaluation.floors.summary import summarise
from emulator.evaluation.report.floor_figures import floor_figure, rank_figure
from emulator.evaluation.stored.files import RESPONSES_FILE, StatisticsWriter, checksums
from emulator.evaluation.stored.runs import NULL_MODEL, EvaluatedRun
from emulator.regimes import Regime, Task
from emulator.training.trainer import train
from tests.conftest import run_config

CASE = (Regime.B1, Task.steady_state)
SIGMA = np.array([[1.0, 2.0, 0.0], [0.5, 1.0, 4.0]])  # one response is identically zero


def toy(samples: int = 40, quarters: int = 3, seed: int = 0) -> Floors:
    """Floors whose two means are off by N(0, sigma) together and N(0, .1 sigma) apart."""
    rng = np.random.default_rng(seed)
    shape = (samples, 2, quarters, 3)
    scale = SIGMA[:, None]
    truth = scale * rng.standard_normal(shape)
    centre = truth + scale * rng.standard_normal(shape)
    apart = 0.1 * scale * rng.standard_normal(shape)
    quantiles = centre[..., None] + scale[..., None] * np.array([-1.645, -0.674, 0, 0.674, 1.645])

    def flat(values: np.ndarray) -> list[np.ndarray]:
        return [v.astype(np.float32).ravel() for v in values]

    frame = pd.DataFrame(
        {
            "sample": np.arange(samples) + 7,
            "regime": "B1",
            "task": "steady_state",
            "truth": flat(truth),
            "first": flat(centre + apart),
            "second": flat(centre - apart),
            "rank": flat(rng.random(shape)),
            "quantiles": flat(quantiles),
            "theta_rank": flat(rng.random((samples, 2))),
            "log_evidence": 0.0,
            "moves": 5,
            "correlation": 0.05,
            "seconds": 2.0,
        }
    )
    settings = Settings(
        world="toy", length=40, particles=10, horizon=quarters - 1, split="test", longest=40,
        data_sha="d", samples_sha="s", method="m", parameters=("a", "b"),
        shocks=("first", "second"),
    )  # fmt: skip
    scales = {Task.steady_state: Scale(SIGMA, SIGMA[0], np.zeros(shape[1:]))}
    return Floors(settings, scales, frame, ("c",))


@pytest.mark.fast
def test_errors_are_those_of_the_mean_of_both_runs() -> None:
    floors = toy()
    frame = errors(floors, *CASE)
    assert len(frame) == 40 * 5  # the response that is identically zero is left out
    truth, first, second = (floors.arrays(*CASE, n) for n in ("truth", "first", "second"))
    row = frame.iloc[7]  # sample 8, first shock's second row of five
    assert (row["sample"], row["shock"], row["observable"]) == (8, "second", "output")
    both = 0.5 * (first + second)[1, 1, :, 0]
    assert row["mse"] == pytest.approx(np.square(both - truth[1, 1, :, 0]).mean())
    half = 0.5 * (first - second)[1, 1, :, 0]
    assert row["mc_mse"] == pytest.approx(np.square(half).mean())
    assert row["energy"] == pytest.approx(np.square(both).sum())  # Parseval
    assert row["energy_truth"] == pytest.approx(np.square(truth[1, 1, :, 0]).sum())


@pytest.mark.fast
def test_a_floor_as_jagged_as_the_truth_has_an_hf_ratio_of_one() -> None:
    floors = toy()
    exact = floors.frame.assign(first=floors.frame["truth"], second=floors.frame["truth"])
    (case,) = summarise(dataclasses.replace(floors, frame=exact))["cases"]
    assert (case["hf_ratio"], case["hf_ratio_ci95"]) == (1.0, [1.0, 1.0])
    smooth = [np.full_like(values, values.mean()) for values in exact["truth"]]
    (case,) = summarise(
        dataclasses.replace(floors, frame=exact.assign(first=smooth, second=smooth))
    )["cases"]
    assert 0.0 <= case["hf_ratio_ci95"][0] <= case["hf_ratio"] <= case["hf_ratio_ci95"][1] < 0.1


@pytest.mark.fast
def test_the_summary_recovers_known_errors_and_coverage() -> None:
    summary = summarise(toy(400))
    (case,) = summary["cases"]
    assert case["rmse"] == pytest.approx(1.0, abs=0.05)
    assert case["monte_carlo_rmse"] == pytest.approx(0.1, abs=0.005)
    assert case["training_mean_rmse"] == pytest.approx(1.0, abs=0.05)
    assert case["coverage_90"] == pytest.approx(0.9, abs=0.02)
    assert case["ci95"][0] < case["rmse"] < case["ci95"][1]
    assert summary["seconds_a_history"] == 2.0
    assert summary["not_forgotten"] == 0
    assert summary["ranks_p_value"] > 0.01


@pytest.mark.fast
def test_histories_whose_particles_remember_are_counted() -> None:
    floors = toy(40)
    correlation = np.where(np.arange(40) < 3, 0.9, 0.05)
    remembering = dataclasses.replace(floors, frame=floors.frame.assign(correlation=correlation))
    assert summarise(remembering)["not_forgotten"] == 3


@pytest.mark.fast
def test_floors_survive_the_disk_and_damage_is_named(tmp_path: Path) -> None:
    path = floor_file(tmp_path, "toy", 40)
    floors = toy()
    write_floors(path, floors)
    again = read_floors(path)
    assert again.settings == floors.settings
    assert again.commits == floors.commits
    for name in ("truth", "first", "quantiles"):
        assert np.array_equal(again.arrays(*CASE, name), floors.arrays(*CASE, name))
    assert [f.settings.world for f in find_floors(tmp_path)] == ["toy"]
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DatasetError, match=r"toy-40\.parquet: damaged"):
        read_floors(path)
    with pytest.raises(DatasetError, match="emulator floors WORLD"):
        read_floors(tmp_path / "none-40.parquet")


@pytest.mark.fast
def test_calibration_of_uniform_ranks_passes_and_of_extreme_ones_fails() -> None:
    floors = toy(200)
    good = calibrate(floors)
    assert good.p_value > 0.01
    assert {"a", "b"} < set(good.ranks)
    assert good.coverage == pytest.approx(0.9, abs=0.03)
    extreme = [np.round(r) for r in floors.frame["theta_rank"]]
    narrow = dataclasses.replace(floors, frame=floors.frame.assign(theta_rank=extreme))
    assert calibrate(narrow).p_value < 1e-6


def _theirs(floors: Floors, factor: float) -> pd.DataFrame:
    ours = errors(floors, *CASE)
    return ours.assign(mse=factor**2 * ours["mse"])


@pytest.mark.fast
def test_a_run_with_twice_the_error_has_ratio_two() -> None:
    floors = toy()
    found = ratio("run", floors, *CASE, _theirs(floors, 2.0))
    assert found.ratio == pytest.approx(2.0)
    assert found.ci95 == pytest.approx((2.0, 2.0))  # pairing leaves nothing to chance
    assert found.histories == 40


@pytest.mark.fast
def test_a_run_without_the_floors_histories_is_refused() -> None:
    floors = toy()
    theirs = _theirs(floors, 1.0)
    with pytest.raises(DatasetError, match="no errors of 1 of the 40 histories"):
        ratio("run", floors, *CASE, theirs[theirs["sample"] != 7])


@pytest.mark.fast
@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        (["runs/c/universal/all", "runs/c/var_chosen/B1"], ["universal/all", "var_chosen/B1"]),
        (["runs/c/universal/A", "runs/c/universal/B1"], ["A", "B1"]),
        (["runs/c/universal/all", "runs/var"], ["c/universal/all", "var"]),
        (["runs/c", "runs/c/all"], ["c", "c/all"]),
        (["runs/c/universal/all/"], ["universal/all"]),
        (["all/../all", "other/all"], ["all", "other/all"]),
    ],
)
def test_runs_are_named_by_their_path_from_the_folder_of_them_all(
    runs: list[str], expected: list[str]
) -> None:
    assert labels([Path(run) for run in runs]) == expected
    assert labels([Path.cwd() / run for run in runs]) == expected


def _evaluated(floors: Floors, factor: float, folder: Path) -> EvaluatedRun:
    """A run of regime B1 whose stored errors are `factor` times the floor's."""
    keys = {"world": "toy", "regime": "B1", "task": "steady_state", "split": "test"}
    with StatisticsWriter(folder / RESPONSES_FILE) as writer:
        writer.add(_theirs(floors, factor).assign(**keys))
    tree = {"toy": {"B1": {"test": {"nrmse": 1.0}}}}
    metrics = {"model": "universal", "worlds": tree, "regimes": ["B1"], "samples_sha": "s",
               "extra_inputs": [], NULL_MODEL: tree, "statistics": checksums(folder)}  # fmt: skip
    return EvaluatedRun("universal", folder, metrics)


def _others(floors: Floors) -> list[Floors]:
    """Floors at another length than evaluations show, and of other data."""
    short = dataclasses.replace(floors.settings, length=20)
    other = dataclasses.replace(floors.settings, samples_sha="another")
    return [dataclasses.replace(floors, settings=settings) for settings in (short, other)]


@pytest.mark.fast
def test_stored_errors_are_joined_where_data_and_length_agree(tmp_path: Path) -> None:
    floors = toy()
    run = _evaluated(floors, 1.5, tmp_path)
    (found,) = stored_ratios(run, [floors, *_others(floors)])
    assert found.ratio == pytest.approx(1.5)
    assert table([found]).loc[0, "hf_ratio"] == pytest.approx(1.0)
    assert "hf_ratio" not in table([dataclasses.replace(found, hf_ratio=None)])
    assert table([]).empty
    assert stored_ratios(run, _others(floors)) == []


@pytest.mark.fast
def test_an_evaluation_says_how_far_it_is_from_the_floor_and_forgets_floors_that_are_gone(
    tmp_path: Path,
) -> None:
    floors = toy()
    run = _evaluated(floors, 1.5, tmp_path)
    entry = run.entry("toy", "B1", "test", "steady_state")
    assert entry is not None
    fill_floors(run, [floors])
    assert entry["floor_ratio"] == pytest.approx(1.5)
    assert entry["floor_ratio_ci95"] == pytest.approx([1.5, 1.5])
    assert (entry["floor_histories"], entry["nrmse"]) == (40, 1.0)
    assert entry["floor_hf_ratio"] == pytest.approx(1.0)  # the toy run has the floor's energies
    assert run.metrics["floors"] == {"toy": floors.settings.sha}
    for absent in (_others(floors), []):
        fill_floors(run, [floors])
        fill_floors(run, absent)
        assert entry == {"nrmse": 1.0}
        assert run.metrics["floors"] == {}


@pytest.mark.slow
def test_figures_are_written(tmp_path: Path) -> None:
    floors = toy()
    ratios = [
        ratio(name, dataclasses.replace(floors, settings=settings), *CASE, _theirs(floors, factor))
        for name, factor in (("universal", 1.1), ("var", 1.6))
        for length in (40, 120)
        for settings in [dataclasses.replace(floors.settings, length=length)]
    ]
    floor_figure(ratios, tmp_path / "floors.png")
    rank_figure(floors, calibrate(floors), tmp_path / "ranks.png")
    for name in ("floors.png", "ranks.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


# ------------------------------------------------------------------ on a small data set

TINY = {"length": 40, "particles": 60}


def _numbers(floors: Floors) -> dict[str, np.ndarray]:
    names = ("truth", "first", "second", "quantiles", "rank")
    return {name: floors.arrays(*CASE, name) for name in names}


@pytest.fixture(scope="module")
def computed(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Floors:
    """Floors of three nk histories of 40 quarters."""
    folder = tmp_path_factory.mktemp("floors")
    return compute_floors(dataset, "nk", folder, histories=3, **TINY)


@pytest.mark.slow
def test_floors_stopped_and_gone_on_with_are_the_same_numbers(
    dataset: Dataset, computed: Floors, tmp_path: Path
) -> None:
    def stop(done: int, total: int, note: str) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compute_floors(dataset, "nk", tmp_path, histories=3, **TINY, progress=stop)
    assert len(read_floors(floor_file(tmp_path, "nk", 40)).samples) == 1
    again = compute_floors(dataset, "nk", tmp_path, histories=3, **TINY, resume=True)
    assert again.samples == computed.samples == dataset.rows("nk", "test")[:3].tolist()
    for name, values in _numbers(again).items():
        assert np.array_equal(values, _numbers(computed)[name]), name
    assert floor_file(tmp_path, "nk", 40).with_suffix(".json").is_file()


@pytest.mark.integration
def test_the_number_of_workers_does_not_change_the_numbers(
    dataset: Dataset, computed: Floors, tmp_path: Path
) -> None:
    again = compute_floors(dataset, "nk", tmp_path, histories=3, **TINY, workers=2)
    for name, values in _numbers(again).items():
        assert np.array_equal(values, _numbers(computed)[name]), name


@pytest.mark.slow
def test_a_file_of_other_settings_is_never_joined(
    dataset: Dataset, computed: Floors, tmp_path: Path
) -> None:
    write_floors(floor_file(tmp_path, "nk", 40), computed)
    with pytest.raises(DatasetError, match="--resume"):
        compute_floors(dataset, "nk", tmp_path, histories=3, **TINY)
    with pytest.raises(DatasetError, match="another particles"):
        compute_floors(dataset, "nk", tmp_path, histories=3, length=40, particles=80, resume=True)


@pytest.mark.fast
def test_what_cannot_be_met_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    for changes, message in (
        ({"histories": 9999}, "histories: expected 1 to"),
        ({"length": 90}, "length: expected 2 to 80"),
    ):
        with pytest.raises(InputError, match=message):
            compute_floors(dataset, "nk", tmp_path, **{"histories": 1, **TINY, **changes})


@pytest.mark.slow
def test_the_posterior_mean_beats_the_training_mean(computed: Floors) -> None:
    (case,) = summarise(computed)["cases"]
    assert case["rmse"] < 0.7 * case["training_mean_rmse"]
    assert case["monte_carlo_rmse"] < 0.5 * case["rmse"]


@pytest.mark.integration
def test_a_trained_run_is_compared_on_the_same_histories(
    dataset: Dataset, dataset_path: Path, computed: Floors, run_path: Path, tmp_path: Path
) -> None:
    train(run_config(dataset_path, data={"regime": "B1"}), tmp_path / "blind")
    runs = [run_path, tmp_path / "blind"]
    (found,) = predicted_ratios(runs, [computed], dataset)
    assert found.run == labels(runs)[1]  # the run of regime A answers no floor
    assert found.histories == 3
    assert found.ratio > 1.0  # three epochs on 200 samples


@pytest.mark.integration
def test_the_command_prints_floors_and_refuses_worlds_it_cannot_answer(
    dataset_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from emulator.cli.app import run

    options = ["--data", str(dataset_path), "--output", str(tmp_path)]
    size = ["--histories", "1", "--length", "40", "--particles", "50", "--format", "json"]
    assert run(["floors", "nk", *size, *options]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["world"], summary["histories"]) == ("nk", 1)
    assert summary["data_sha"] == Dataset.open(dataset_path).hash
    assert summary["samples_sha"] == Dataset.open(dataset_path).samples_sha
    assert (tmp_path / "nk-40.png").is_file()
    assert run(["floors", "nkk", *options]) == 2
    assert "did you mean 'nk'" in capsys.readouterr().err
