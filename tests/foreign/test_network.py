"""The network that mixes candidates: what it reads, and runs that resume."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file

from emulator.config import load_config
from emulator.econometrics.candidates import NAMES, candidates
from emulator.errors import ConfigError
from emulator.foreign.network import train
from emulator.foreign.network.inputs import Inputs, inputs, joined, taught
from emulator.foreign.network.model import LEVELS, Answers, Mixer, Tensors, loss
from tests.conftest import ROOT
from tests.econometrics.test_candidates import series

SMALL = {
    "seed": 3, "width": 16, "blocks": 1, "steps": 4, "batch": 1, "pieces": 2, "lr": 1e-2,
    "weight_decay": 0.01, "checkpoint_every": 100,
}  # fmt: skip


def read(y: np.ndarray, before: int, recursive: bool = True) -> Inputs:
    return inputs(candidates(y, before, 12, np.ones(y.shape[2])), before, recursive)


def answered(model: Mixer, found: Inputs) -> np.ndarray:
    """Quantiles in the data's units."""
    with torch.no_grad():
        quantiles = model(Tensors(*map(torch.as_tensor, found))).quantiles.numpy()
    return quantiles * found.unit[:, :, None, None]


@pytest.fixture(scope="module")
def model() -> Mixer:
    torch.manual_seed(0)
    made = Mixer(16, 2)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return made.double()


@pytest.mark.fast
def test_series_that_are_not_there_change_nothing(model: Mixer) -> None:
    found = read(series(3), 1)
    filled = found._replace(responses=found.responses.copy())
    filled.responses[:, 5:] = 9.0
    np.testing.assert_allclose(answered(model, filled)[:, :4], answered(model, found)[:, :4])


@pytest.mark.fast
def test_draws_with_an_instrument_are_left_out_and_truth_is_scaled_as_candidates_are() -> None:
    found = [taught(0, k) for k in range(8)]
    assert any(each is None for each in found)
    whole = joined([each for each in found if each is not None])
    known = whole.inputs.known & whole.inputs.series[..., None]
    lp = whole.inputs.responses[:, :, list(NAMES).index("lp")]
    asked = whole.inputs.features[..., 1] > 0.0
    on_impact = known & (np.arange(41) == 0)
    np.testing.assert_allclose(lp[on_impact], whole.truth[on_impact], atol=1e-4)
    assert asked.sum() == len(whole.truth)


@pytest.mark.fast
def test_a_series_that_regressions_find_precisely_counts_as_any_other() -> None:
    whole = joined([each for k in range(4) if (each := taught(0, k)) is not None])
    read, truth = Tensors(*map(torch.as_tensor, whole.inputs)), torch.as_tensor(whole.truth)
    apart = read.responses - truth[:, :, None]

    def counted(size: float, mine: float) -> torch.Tensor:
        """With errors of regressions, and the answer's, that are so many times as large."""
        found = read._replace(responses=truth[:, :, None] + size * apart, error=size * read.error)
        point = truth + mine * apart[:, :, 0]
        quantiles = torch.stack([point] * len(LEVELS), dim=-1)
        return loss(Answers(point, quantiles), truth, found)

    torch.testing.assert_close(counted(0.2, 0.2), counted(1.0, 1.0), rtol=0.01, atol=0.0)
    assert counted(0.2, 0.2) < 0.5 * counted(0.2, 1.0)


@pytest.mark.slow
def test_a_run_begins_with_the_weights_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "PIECE", 2)
    given = Mixer(16, 1).state_dict()
    save_file(given, tmp_path / "start.safetensors")
    small = {**SMALL, "steps": 1, "lr": 1e-9, "start": str(tmp_path / "start.safetensors")}
    config = train.NetworkConfig.model_validate(small)
    model, _ = train.train(config, tmp_path / "run", tmp_path / "cache")
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, given[name], rtol=0.0, atol=1e-6, msg=name)


@pytest.mark.fast
@pytest.mark.parametrize("there", [False, True])
def test_weights_to_begin_with_that_cannot_be_read_are_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    there: bool,
) -> None:
    start = tmp_path / "start.safetensors"
    if there:
        start.write_bytes(b"")  # as a redirection leaves it whose command failed
    small = tmp_path / "small.yaml"
    small.write_text(yaml.safe_dump({**SMALL, "start": str(start)}))
    monkeypatch.setattr(sys, "argv", ["train", str(small), str(tmp_path / "run")])
    with pytest.raises(SystemExit) as stopped:
        train.main()
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(start) in said


@pytest.mark.slow
def test_a_run_in_pieces_ends_as_one_in_one_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "PIECE", 2)
    config = train.NetworkConfig.model_validate(SMALL)
    whole, done = train.train(config, tmp_path / "whole", tmp_path / "cache")
    assert done == 4
    for expected in (1, 2):
        _, done = train.train(config, tmp_path / "parts", tmp_path / "cache", seconds=0.0)
        assert done == expected
    parts, done = train.train(config, tmp_path / "parts")  # without a cache: drawn anew
    assert done == 4
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(parts.state_dict()[name], value, rtol=0.0, atol=0.0, msg=name)
    other = train.NetworkConfig.model_validate({**SMALL, "lr": 1e-3})
    with pytest.raises(ConfigError, match="begun with another configuration"):
        train.train(other, tmp_path / "whole")


@pytest.mark.slow
def test_training_lowers_the_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "PIECE", 3)
    monkeypatch.setattr(train, "WARM_UP", 1)
    config = train.NetworkConfig.model_validate({**SMALL, "steps": 40, "pieces": 1})
    found, truth = train.batch(config, 0, tmp_path)
    torch.manual_seed(config.seed)
    before = loss(Mixer(config.width, config.blocks)(found), truth, found)
    trained, _ = train.train(config, tmp_path / "run", tmp_path)
    assert loss(trained(found), truth, found) < 0.8 * before


@pytest.mark.fast
def test_the_configuration_in_the_repository_is_one() -> None:
    config = load_config(ROOT / "configs" / "foreign" / "network.yaml", train.NetworkConfig)
    count = sum(p.numel() for p in Mixer(config.width, config.blocks).parameters())
    assert 1_000_000 < count < 3_000_000
