"""bfloat16 changes the training step's products and nothing that is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from emulator.models.weights import load_weights
from emulator.regimes import Regime, build_inputs
from emulator.training.trainer import train
from tests.conftest import run_config
from tests.training.runs import Stop, log_rows, weights_hash

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def half(dataset_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("half") / "run"
    train(run_config(dataset_path, training={"precision": "bfloat16"}), run)
    return run


def test_bfloat16_training_follows_float32_but_is_not_it(half: Path, run_path: Path) -> None:
    exact, rounded = log_rows(run_path), log_rows(half)
    assert [row["loss"] for row in exact] != [row["loss"] for row in rounded]
    for a, b in zip(exact, rounded, strict=True):
        # Products are rounded to 2^-8 and averaged over; measured: within 1 %.
        assert b["loss"] == pytest.approx(a["loss"], rel=0.03)


@pytest.mark.parametrize("points", [13, 81])
def test_responses_come_out_in_float32(run_path: Path, points: int) -> None:
    model = load_weights(run_path).model
    theta = torch.tensor([[p.default for p in model.spec("nk").parameters]])
    inputs = build_inputs(
        {"theta": theta, "shock_size": torch.ones(1, 3)}, model.spec("nk"), Regime.A
    )
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        answer = model.answer([inputs], points - 1)[0]
    assert answer.response.dtype == answer.quantiles.dtype == torch.float32
    # Numbers of bfloat16 precision would not change when rounded to it.
    assert not torch.equal(answer.response, answer.response.bfloat16().float())


def test_weights_stay_in_float32(half: Path) -> None:
    state = load_weights(half).model.state_dict()
    assert {t.dtype for t in state.values() if t.is_floating_point()} == {torch.float32}


def test_bfloat16_resumes_bit_for_bit(dataset_path: Path, half: Path, tmp_path: Path) -> None:
    config = run_config(dataset_path, training={"precision": "bfloat16"})
    train(config, tmp_path, progress=Stop(4))
    train(config, tmp_path, resume=True)
    assert weights_hash(tmp_path) == weights_hash(half)
