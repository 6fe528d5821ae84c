"""Methods that are no model of this package have the metrics of a model of the same answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import emulator
from emulator.data import Dataset
from emulator.errors import InputError, UnknownNameError
from emulator.evaluation.metrics.nrmse import nrmse
from emulator.evaluation.scoring.methods import examples, score_method
from emulator.evaluation.scoring.statistics import score_model, statistics
from emulator.models.weights import load_weights
from emulator.questions import Question
from emulator.regimes import Inputs, Regime


def test_a_model_as_a_method_has_its_own_metrics(run_path: Path, dataset_path: Path) -> None:
    model = load_weights(run_path).model

    def method(inputs: Inputs) -> Any:
        answer = model.answer([inputs])[0]
        return answer.response, answer.quantiles

    found = emulator.score_method(method, dataset_path, "nk", "A", split="test")
    dataset = Dataset.open(dataset_path)
    wanted = statistics(score_model(model, dataset, Question("nk", Regime.A), "test"))
    assert found["nrmse"] == pytest.approx(nrmse(wanted), rel=1e-12)
    assert found["samples"] == len(dataset.scored("nk", "test"))
    assert 0.0 < float(str(found["coverage_90"])) <= 1.0


def test_the_mean_of_training_answers_errs_as_the_null_does(dataset_path: Path) -> None:
    mean = np.concatenate([t.numpy() for _, t in examples(dataset_path, "nk", "A")]).mean(axis=0)
    found = score_method(
        lambda inputs: np.tile(mean, (len(inputs), 1, 1, 1)), dataset_path, "nk", "A"
    )
    assert found["nrmse"] == pytest.approx(found["training_mean"], rel=1e-5)
    assert "coverage_90" not in found  # there are no bands


@pytest.mark.parametrize(("regime", "shown"), [("A", "theta"), ("B1", "history"), ("D", "eps")])
def test_a_method_sees_what_the_regime_shows(dataset_path: Path, regime: str, shown: str) -> None:
    inputs, target = next(iter(examples(dataset_path, "nk", regime, split="val")))
    assert getattr(inputs, shown) is not None
    assert (inputs.theta is None) == (regime != "A")
    assert target.shape[0] == len(inputs)


def test_what_is_no_method_is_refused(dataset_path: Path) -> None:
    truth = {len(t): t for _, t in examples(dataset_path, "nk", "A", split="test")}
    with pytest.raises(InputError, match="the truth itself"):
        score_method(lambda inputs: truth[len(inputs)], dataset_path, "nk", "A", split="test")
    with pytest.raises(InputError, match="expected predictions of shape"):
        score_method(lambda inputs: torch.zeros(len(inputs), 3), dataset_path, "nk", "A")
    with pytest.raises(UnknownNameError, match="regime"):
        score_method(lambda inputs: inputs.theta, dataset_path, "nk", "E")
    with pytest.raises(UnknownNameError, match="world"):
        score_method(lambda inputs: inputs.theta, dataset_path, "nkk", "A")
    with pytest.raises(InputError, match="do not depend on the state"):
        score_method(lambda inputs: inputs.theta, dataset_path, "nk", "C", state_dependent=True)
