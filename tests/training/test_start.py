"""Starting from trained weights, and from few rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from emulator.data import Dataset
from emulator.errors import ConfigError
from emulator.models.adoption import adopt
from emulator.models.baselines.mlp import MLPConfig
from emulator.models.universal import Universal, UniversalConfig
from emulator.models.weights import load_weights
from emulator.regimes import Regime, build_inputs
from emulator.training.batches import Batches, Shown
from emulator.training.trainer import train
from tests.conftest import TINY_MODEL, run_config
from tests.specs import LARGE, SMALL, sample


def _model(*specs: object, seed: int = 0, **sizes: int) -> Universal:
    torch.manual_seed(seed)
    sizes = {"hidden_dim": 16, "world_embed_dim": 4, "param_embed_dim": 8, "poles": 4} | sizes
    return UniversalConfig(**sizes).build(specs, 10).eval()


@pytest.mark.fast
def test_a_world_that_the_weights_know_is_answered_as_by_them() -> None:
    source, model = _model(SMALL, LARGE), _model(LARGE, seed=1)
    inputs = build_inputs(sample(LARGE), LARGE, Regime.A)
    assert not torch.allclose(model(inputs), source(inputs))
    adopt(model, source, "there")
    torch.testing.assert_close(model(inputs), source(inputs))


@pytest.mark.fast
def test_names_that_the_weights_do_not_know_keep_their_own_start_a_world_the_middle() -> None:
    source, model = _model(SMALL), _model(LARGE, seed=1)
    before = model.shock(LARGE.shock_names).clone()
    adopt(model, source, "there")
    after = model.shock(LARGE.shock_names)
    torch.testing.assert_close(after[:1], source.shock(("first",)))  # a shared name
    torch.testing.assert_close(after[1:], before[1:])
    middle = source.world.table.weight.mean(dim=0, keepdim=True)
    torch.testing.assert_close(model.world(("large",)), middle)


@pytest.mark.fast
def test_weights_of_another_model_or_size_are_refused() -> None:
    with pytest.raises(ConfigError, match="holds a MLP, the run trains a Universal"):
        adopt(_model(SMALL), MLPConfig().build([SMALL], 10), "there")
    with pytest.raises(ConfigError, match=r"has shape .*16.* here and .*24.* in there"):
        adopt(_model(SMALL), _model(SMALL, hidden_dim=24), "there")


@pytest.mark.integration
def test_a_run_starts_from_weights_and_says_so(
    dataset_path: Path, run_path: Path, tmp_path: Path
) -> None:
    """A rate of nearly nothing leaves the weights where they started."""
    config = run_config(
        dataset_path,
        training={"epochs": 1, "lr": 1e-12, "start_from": str(run_path)},
        data={"worlds": ["nk"]},
    )
    assert train(config, tmp_path / "on")
    before, after = load_weights(run_path), load_weights(tmp_path / "on")
    assert after.provenance["started_from"] == before.sha256
    assert before.sha256[:12] in (tmp_path / "on" / "README.md").read_text()
    torch.testing.assert_close(
        after.model.parameters_in.lift[1].weight, before.model.parameters_in.lift[1].weight
    )


@pytest.mark.slow
def test_few_rows_are_the_first_and_give_the_scales(dataset: Dataset) -> None:
    shown = Shown(dataset, ("nk",), (Regime.A,), first=20)
    rows = dataset.rows("nk", "train")[:20]
    assert shown.training_rows("nk").tolist() == rows.tolist()
    batches = Batches(shown, 10, seed=0)
    assert batches.steps_per_epoch == 2
    theta = torch.as_tensor(dataset.read("nk", rows, ["theta"])["theta"], dtype=torch.float32)
    seen = torch.cat([batches.batch(k).responses["nk"][0].inputs.theta for k in range(4)])
    assert {tuple(row) for row in seen.tolist()} == {tuple(row) for row in theta.tolist()}
    irfs = dataset.read("nk", rows, ["irfs"])["irfs"].astype(np.float64)
    np.testing.assert_allclose(shown.moments("nk").irf_sd, irfs.std(axis=(0, 2)), rtol=1e-12)


@pytest.mark.fast
def test_rows_are_for_data_in_memory_and_closed_forms_start_from_nothing() -> None:
    with pytest.raises(ConfigError, match="rows is for source: resident"):
        run_config(Path("data"), data={"rows": 10, "source": "fresh"})
    with pytest.raises(ConfigError, match="start_from"):
        run_config(
            Path("data"), model={"type": "baseline_linear"}, training={"start_from": "pretrained"}
        )
    assert TINY_MODEL["type"] == "universal"
