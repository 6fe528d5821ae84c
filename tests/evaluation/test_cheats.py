"""Deliberate cheats are caught: each test is one, and what stops it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from emulator import questions
from emulator.data import Dataset
from emulator.data.moments import Moments
from emulator.errors import DatasetError, InputError, WeightsError
from emulator.evaluation import evaluate
from emulator.evaluation.scoring import opened
from emulator.evaluation.scoring.audit import audit_data, audit_inputs, audit_model
from emulator.evaluation.scoring.forecasts import score_forecasts
from emulator.evaluation.scoring.statistics import score_model
from emulator.models.abilities import ModelConfigBase
from emulator.models.base import Answer, Model
from emulator.models.baselines.mlp import MLPConfig
from emulator.models.configs import KINDS
from emulator.models.weights import load_weights
from emulator.questions import Question
from emulator.regimes import Inputs, Regime, Task
from emulator.regimes import build_inputs as honest_inputs
from emulator.specs import WorldSpec
from emulator.storage import sealed
from emulator.worlds import get_world
from tests.evaluation.toys import SIGMA, bands, scored
from tests.specs import SMALL

SHAPE = (3, 2, 7, 3)
SCALE = SIGMA[:, None]  # of toy cases


class Oracle(Model):
    """Answers with what it was handed."""

    def __init__(self, specs: Sequence[WorldSpec], horizon: int, answers: np.ndarray) -> None:
        super().__init__(MLPConfig(), specs, horizon)
        self.answers = torch.as_tensor(answers)

    def answer(self, asked: Sequence[Inputs], horizon: int | None = None) -> list[Answer]:
        return [Answer(self.answers[: len(inputs)]) for inputs in asked]


class Reader(Model):
    """Answers with a sum over all it sees."""

    def answer(self, asked: Sequence[Inputs], horizon: int | None = None) -> list[Answer]:
        out = []
        for inputs in asked:
            seen = [t for t in (inputs.theta, inputs.history, inputs.eps) if t is not None]
            total = sum(t.flatten(1).sum(dim=1) for t in seen)
            assert isinstance(total, torch.Tensor)
            points = self.horizon + 1
            out.append(Answer(total[:, None, None, None].expand(-1, 3, points, 3)))
        return out


@pytest.mark.fast
def test_an_evaluator_handed_the_truth_refuses() -> None:
    truth = np.random.default_rng(0).normal(size=SHAPE)
    noise = 1e-9 * np.random.default_rng(1).normal(size=SHAPE)
    for cheat in (truth, truth.copy(), truth.astype(np.float32), truth + noise):
        with pytest.raises(InputError, match="the truth itself"):
            scored(np.zeros(SHAPE), prediction=cheat, truth=truth)
    scored(np.zeros(SHAPE), prediction=truth + 1e-3, truth=truth)  # a good model passes


@pytest.mark.fast
@pytest.mark.parametrize("noise", [3e-6, 1e-5])
def test_a_solver_with_noise_added_is_refused(noise: float) -> None:
    with pytest.raises(InputError, match="a solver answered"):
        scored(noise * np.random.default_rng(1).normal(size=SHAPE) * SCALE)


@pytest.mark.fast
@pytest.mark.parametrize("error", [1e-4, 1e-3])
def test_a_network_better_than_any_yet_is_not(error: float) -> None:
    """Even where it answers some samples to its own rounding."""
    errors = error * np.random.default_rng(1).normal(size=SHAPE) * SCALE
    scored(errors)
    errors[0] /= 20.0
    scored(errors)


class Disguised(Model):
    """Answers with a world's own responses."""

    def answer(self, asked: Sequence[Inputs], horizon: int | None = None) -> list[Answer]:
        world = get_world("nk")
        return [
            Answer(torch.as_tensor(world.irf(inputs.theta, self.horizon).values).float())
            for inputs in asked
            if inputs.theta is not None
        ]


@pytest.mark.slow
def test_a_world_that_answers_for_a_model_is_refused(dataset: Dataset) -> None:
    model = Disguised(MLPConfig(), [dataset.spec("nk")], 12)
    question = Question("nk", Regime.A)
    with pytest.raises(InputError, match="asked world 'nk' for its answer"):
        audit_inputs(model, dataset, question)
    assert get_world("nk").check(get_world("nk").pack())[0] == 0  # and answers others again
    with pytest.raises(InputError, match="is a Disguised of tests"):
        audit_model(model)


@pytest.mark.slow
def test_a_model_is_held_to_what_a_weights_folder_describes(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = load_weights(run)
    audit_model(honest.model)
    answer = honest.model.answer
    patched = load_weights(run)
    patched.model.answer = lambda *asked, **options: answer(*asked, **options)
    hooked = load_weights(run)
    next(hooked.model.children()).register_forward_hook(lambda *_: None)
    inside = load_weights(run)
    inside.model.output_scales = Disguised(MLPConfig(), [], 12)
    for loaded, match in (
        (patched, "answers by answer of its own"),
        (hooked, "answers by a hook of its own"),
        (inside, "its output_scales is a Disguised"),
    ):
        monkeypatch.setattr(opened, "load_weights", lambda path, found=loaded: found)
        with pytest.raises(InputError, match=match):
            evaluate(run)


@pytest.mark.fast
@pytest.mark.parametrize("kind", KINDS.values(), ids=str)
def test_every_kind_of_model_passes(kind: type[ModelConfigBase]) -> None:
    audit_model(kind.model_validate({}).build([SMALL], 10))


@pytest.mark.slow
def test_code_in_a_weights_folder_is_never_run(run: Path) -> None:
    """What is there besides the description and its tensors is not looked at."""
    for name in ("model.py", "__init__.py", "universal.py", "sitecustomize.py"):
        (run / name).write_text("raise SystemExit('run')")
    before = load_weights(run).sha256
    description = run / "model.json"
    written = json.loads(description.read_text())
    del written["checksum"]
    for kind in ("tests.evaluation.test_cheats.Disguised", "Disguised"):
        changed = sealed({**written, "model": {**written["model"], "type": kind}})
        description.write_text(json.dumps(changed))
        with pytest.raises(WeightsError, match="damaged"):
            load_weights(run)
    description.write_text(json.dumps(sealed(written)))
    assert load_weights(run).sha256 == before


@pytest.mark.fast
def test_one_sample_that_is_the_truth_is_enough() -> None:
    truth = np.random.default_rng(0).normal(size=SHAPE)
    cheat = truth + 0.1
    cheat[1] = truth[1]
    with pytest.raises(InputError, match="predictions are the truth itself in 1 of 3 samples"):
        scored(np.zeros(SHAPE), prediction=cheat, truth=truth)
    truth[1] = 0.0  # a response that is zero throughout can be known
    cheat[1] = 0.0
    scored(np.zeros(SHAPE), prediction=cheat, truth=truth)


@pytest.mark.fast
def test_bands_that_are_the_truth_or_cross_are_refused() -> None:
    truth = np.random.default_rng(0).normal(size=SHAPE)
    honest = bands(truth, (-2.0, -1.0, 0.5, 1.0, 2.0))
    scored(np.ones(SHAPE), truth=truth, quantiles=honest)
    collapsed = honest.copy()
    collapsed[2] = truth[2][..., None]
    with pytest.raises(InputError, match="quantiles are the truth itself in 1 of 3"):
        scored(np.ones(SHAPE), truth=truth, quantiles=collapsed)
    crossed = honest.copy()
    crossed[0, 0, 0, 0, 1] = -3.0 + truth[0, 0, 0, 0]
    with pytest.raises(InputError, match="quantiles cross in 1 of 3"):
        scored(np.ones(SHAPE), truth=truth, quantiles=crossed)


@pytest.mark.fast
@pytest.mark.parametrize("name", ["sigma", "sigma_pooled", "null", "linear"])
def test_scales_and_references_that_are_not_finite_refuse(name: str) -> None:
    case = scored(np.ones(SHAPE))
    broken = np.full_like(case.truth if name == "linear" else getattr(case, name), 0.5)
    broken.flat[1] = np.nan
    with pytest.raises(InputError, match="not finite"):
        scored(np.ones(SHAPE), **{name: broken})


@pytest.mark.slow
def test_a_forecast_that_is_the_future_is_refused(
    dataset: Dataset, run_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one sample alone; at 120 quarters "now" is 80 in every sample."""
    rows = dataset.rows("nk", "test")
    future = dataset.read("nk", rows, ["trajectories"])["trajectories"][:, 80:120]
    model = load_weights(run_path).model
    answers = torch.as_tensor(future) + 1.0
    monkeypatch.setattr(model, "forecast", lambda inputs: answers)
    score_forecasts(model, dataset, Question("nk", Regime.B1, Task.trajectory), "test")
    answers[3] = torch.as_tensor(future[3])
    with pytest.raises(InputError, match="forecasts are the truth itself in 1 of"):
        score_forecasts(model, dataset, Question("nk", Regime.B1, Task.trajectory), "test")


@pytest.mark.slow
def test_an_answer_that_is_not_finite_is_no_peek(dataset: Dataset) -> None:
    broken = Oracle([dataset.spec("nk")], 12, np.full((8, 3, 13, 3), np.nan))
    with pytest.raises(InputError, match="not finite"):
        audit_inputs(broken, dataset, Question("nk", Regime.A))


@pytest.mark.slow
def test_a_model_that_was_handed_the_answers_is_refused(dataset: Dataset) -> None:
    answers = dataset.read("nk", dataset.rows("nk", "test"), ["irfs"])["irfs"]
    oracle = Oracle([dataset.spec("nk")], 12, answers)
    with pytest.raises(InputError, match="the truth itself"):
        score_model(oracle, dataset, Question("nk", Regime.A), "test")


@pytest.mark.fast
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_predictions_that_are_not_finite_refuse(bad: float) -> None:
    error = np.zeros(SHAPE)
    error[1, 0, 0, 0] = bad
    with pytest.raises(InputError, match="predictions not finite in 1 of 3"):
        scored(error)
    quantiles = np.zeros((*SHAPE, 5))
    quantiles[2, 0, 0, 0, 0] = bad
    with pytest.raises(InputError, match="quantiles not finite in 1 of 3"):
        scored(np.ones(SHAPE), quantiles=quantiles)


@pytest.mark.fast
def test_missing_predictions_refuse() -> None:
    with pytest.raises(InputError, match="shape"):
        scored(np.zeros(SHAPE), prediction=np.zeros((2, 2, 7, 3)))
    with pytest.raises(InputError, match="shape"):
        scored(np.ones(SHAPE), quantiles=np.zeros((*SHAPE, 4)))
    with pytest.raises(InputError, match="no samples"):
        scored(np.zeros((0, 2, 7, 3)))


@pytest.mark.slow
@pytest.mark.parametrize("regime", list(Regime))
def test_an_honest_model_passes_the_audit(dataset: Dataset, regime: Regime) -> None:
    model = Reader(MLPConfig(), [dataset.spec("nk")], 12)
    audit_inputs(model, dataset, Question("nk", regime))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("regime", "field", "leak"),
    [
        (Regime.B1, "theta", "theta"),
        (Regime.C, "eps", "eps"),
        (Regime.A, "trajectories", "history"),
        (Regime.B1, "irfs", "theta"),
    ],
)
def test_a_model_that_peeks_at_a_forbidden_input_is_caught(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, regime: Regime, field: str, leak: str
) -> None:
    """Inputs are leaked one at a time, the answers themselves among them."""

    def leaking(sample: Mapping[str, torch.Tensor], *args: Any, **options: Any) -> Inputs:
        inputs = honest_inputs(sample, *args, **options)
        values = {name: getattr(inputs, name) for name in Inputs.__dataclass_fields__}
        leaked = sample[field].flatten(1) if leak == "theta" else sample[field]
        return Inputs(**values | {leak: leaked})

    monkeypatch.setattr(questions, "build_inputs", leaking)
    model = Reader(MLPConfig(), [dataset.spec("nk")], 12)
    with pytest.raises(InputError, match=f"regime {regime} change"):
        audit_inputs(model, dataset, Question("nk", regime))


@pytest.mark.slow
def test_a_history_that_reaches_into_the_run_in_is_caught(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def longer(sample: Mapping[str, torch.Tensor], *args: Any, **options: Any) -> Inputs:
        return honest_inputs(sample, *args, **options | {"history_length": 81, "run_in": 39})

    monkeypatch.setattr(questions, "build_inputs", longer)
    with pytest.raises(InputError, match="sees more than"):
        audit_inputs(
            Reader(MLPConfig(), [dataset.spec("nk")], 12), dataset, Question("nk", Regime.B1)
        )


@pytest.mark.slow
def test_a_forecast_that_knows_the_future_is_caught(
    dataset: Dataset, run_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_weights(run_path).model
    audit_inputs(model, dataset, Question("nk", Regime.B1, Task.trajectory))

    def clairvoyant(sample: Mapping[str, torch.Tensor], *args: Any, **options: Any) -> Inputs:
        return honest_inputs(sample, *args, **options | {"now": options["now"] + 4})

    monkeypatch.setattr(questions, "build_inputs", clairvoyant)
    with pytest.raises(InputError, match="trajectory"):
        audit_inputs(model, dataset, Question("nk", Regime.B1, Task.trajectory))


@pytest.mark.slow
def test_sigma_is_that_of_the_training_split(dataset: Dataset) -> None:
    for world in dataset.worlds:
        model = Oracle([dataset.spec(world)], 12, np.zeros((300, 3, 13, 3)))
        case = score_model(model, dataset, Question(world, Regime.A), "test")
        train = dataset.read(world, dataset.rows(world, "train"), ["irfs"])["irfs"]
        expected = train.astype(np.float64).std(axis=(0, 2))
        np.testing.assert_allclose(case.sigma, expected, rtol=1e-6)
        pooled = train.astype(np.float64).std(axis=(0, 1, 2))
        np.testing.assert_allclose(case.sigma_pooled, pooled, rtol=1e-6)
        np.testing.assert_allclose(case.null, train.astype(np.float64).mean(axis=0), atol=1e-9)
        test = case.truth.std(axis=(0, 2))
        assert not np.allclose(case.sigma, test, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["test", "half"])
def test_a_sigma_that_is_not_of_the_training_rows_is_refused(
    run: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """From the test split, or from half of the training rows; the count says otherwise."""
    rows = dataset.rows("nk", "test") if part == "test" else dataset.rows("nk", "train")[::2]
    sd = dataset.read("nk", rows, ["irfs"])["irfs"].astype(np.float64).std(axis=(0, 2))
    honest = Dataset.moments

    def cheat(self: Dataset, world: str) -> Moments:
        moments = honest(self, world)
        return Moments(**vars(moments) | {"irf_sd": sd}) if world == "nk" else moments

    monkeypatch.setattr(Dataset, "moments", cheat)
    with pytest.raises(DatasetError, match="stored irf_sd of nk is not that of its"):
        evaluate(run)
    assert not (run / "metrics.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("world", ["nk", "var"])  # a parameter's slice and a root's
@pytest.mark.parametrize("origin", ["slice", "corner", "test"])
def test_a_sample_in_train_that_belongs_elsewhere_is_refused(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, world: str, origin: str
) -> None:
    audit_data(dataset, world)
    honest = dataset.rows

    def leaking(name: str, split: str) -> np.ndarray:
        extra = honest(name, origin)[:1] if split == "train" else honest(name, split)[:0]
        return np.concatenate([honest(name, split), extra])

    monkeypatch.setattr(dataset, "rows", leaking)
    with pytest.raises(
        DatasetError, match=f"1 samples of {world}'s train split belong to {origin}"
    ):
        audit_data(dataset, world)


@pytest.mark.slow
def test_a_sample_twice_or_nowhere_is_refused(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = dataset.rows
    for count, rows in (
        (2, lambda name, split: np.append(honest(name, split), honest(name, split)[0])),
        (0, lambda name, split: honest(name, split)[1:]),
    ):
        monkeypatch.setattr(dataset, "rows", rows)
        with pytest.raises(DatasetError, match=f"is in {count} splits"):
            audit_data(dataset, "nk")


@pytest.fixture
def run(run_path: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, free to damage."""
    return Path(shutil.copytree(run_path, tmp_path / "universal"))


@pytest.mark.slow
@pytest.mark.parametrize("cut", [-100, 100])
def test_a_checkpoint_that_fails_to_load_is_refused_and_nothing_is_scored(
    run: Path, cut: int
) -> None:
    """Truncated at the end, and altered in the middle."""
    file = run / "weights.safetensors"
    data = bytearray(file.read_bytes())
    if cut > 0:
        data[len(data) // 2] ^= 1
    file.write_bytes(data if cut > 0 else data[:cut])
    with pytest.raises(WeightsError, match=r"weights\.safetensors"):
        evaluate(run)
    assert not (run / "metrics.json").exists()


@pytest.mark.slow
def test_weights_under_another_configuration_are_refused(run: Path) -> None:
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("seed: 1", "seed: 2"))
    with pytest.raises(WeightsError, match="not the configuration"):
        evaluate(run)


@pytest.mark.slow
def test_evaluating_on_other_data_than_trained_on_is_refused(
    run: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = dataset.manifest
    other = manifest.config.model_copy(update={"seed": manifest.config.seed + 1})
    changed = Dataset(
        dataset.path, manifest.model_copy(update={"contents": "f" * 16, "config": other})
    )
    monkeypatch.setattr(Dataset, "open", lambda path: changed)
    with pytest.raises(WeightsError, match="may hold training samples"):
        evaluate(run)


@pytest.mark.slow
def test_a_failed_evaluation_leaves_the_last_one_as_it_was(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run / "metrics.json").write_text(json.dumps({"earlier": True}))
    (run / "statistics.parquet").write_bytes(b"earlier")
    monkeypatch.setattr(
        "emulator.evaluation.scoring.score.audit_inputs",
        lambda *a: (_ for _ in ()).throw(InputError("caught")),
    )
    with pytest.raises(InputError, match="caught"):
        evaluate(run)
    assert json.loads((run / "metrics.json").read_text()) == {"earlier": True}
    assert (run / "statistics.parquet").read_bytes() == b"earlier"
    assert not list(run.glob(".*tmp"))
