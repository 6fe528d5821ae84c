"""What a kind of model says of itself is what it does, and all that the package asks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, Union

import pytest
import torch

from emulator import get_world
from emulator.errors import ConfigError, UnknownNameError
from emulator.evaluation import compare_all, evaluate
from emulator.evaluation.comparison.leaderboard import write_leaderboard
from emulator.evaluation.stored.runs import find_runs
from emulator.models.abilities import ModelConfigBase, Rival
from emulator.models.base import Answered, Model, SeparateModel
from emulator.models.configs import KINDS, kind_of
from emulator.models.universal import UniversalConfig
from emulator.regimes import Inputs, Regime, Task, build_inputs
from emulator.specs import WorldSpec
from emulator.training.config import RunConfig
from emulator.training.trainer import train
from tests.conftest import run_config
from tests.specs import SMALL, sample

# Methods that a model has of its own where its kind declares the ability.
METHODS = {
    "forecasts": "forecast", "fitted_at_once": "fit", "prepares": "prepare", "bands": "calibrate",
    "starts_from_weights": "train_only", "compresses": "compress",
}  # fmt: skip


@pytest.mark.fast
@pytest.mark.parametrize("kind", KINDS.values(), ids=str)
def test_a_kind_declares_what_its_models_can_do(kind: type[ModelConfigBase]) -> None:
    config = kind.model_validate({})
    model = config.build([SMALL], 10)
    assert model.config is config
    for ability, method in METHODS.items():
        own = getattr(type(model), method) is not getattr(Model, method)
        assert getattr(kind, ability) is own, ability
    assert set(kind.exports) <= set(kind.regimes)
    if kind.bands or kind.any_horizon:
        answer = model.eval().answer([build_inputs(sample(SMALL), SMALL, Regime.A)], 20)[0]
        assert answer.response.shape[2] == 21
        assert answer.quantiles is not None


@pytest.mark.fast
def test_a_type_that_is_no_model_is_named() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'baseline_mlp'"):
        kind_of("baseline_mpl")


# ------------------------------------------------------------------ a new kind, in this file alone


class ToyConfig(ModelConfigBase):
    """The mean of the training responses. In the package this is a file of its own."""

    regimes = (Regime.A, Regime.C)
    reads = frozenset({"world", "theta"})
    fitted_at_once = True
    label = "toy"
    specialist = True
    rival = Rival("toy", pooled=True)

    type: Literal["baseline_toy"] = "baseline_toy"

    def build(self, specs: Sequence[WorldSpec], horizon: int) -> Toy:
        return Toy(self, specs, horizon)


class Toy(SeparateModel):
    def __init__(self, config: ToyConfig, specs: Sequence[WorldSpec], horizon: int) -> None:
        super().__init__(config, specs, horizon)
        for spec in specs:
            shape = (len(spec.shocks), horizon + 1, 3)
            self.register_buffer(f"mean_{spec.name}", torch.zeros(shape))

    def fit(self, world: str, train: Answered, validation: Sequence[Answered]) -> None:
        getattr(self, f"mean_{world}").copy_(train[1].mean(dim=0))

    def respond(self, inputs: Inputs, horizon: int | None = None) -> torch.Tensor:
        mean: torch.Tensor = getattr(self, f"mean_{inputs.world}")
        return self.trained_horizons(mean.expand(len(inputs), -1, -1, -1), horizon)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The toy among the models: in the package, one more in `ModelConfig`."""
    field = RunConfig.model_fields["model"]
    with monkeypatch.context() as patch:
        patch.setitem(KINDS, "baseline_toy", ToyConfig)
        patch.setattr(field, "annotation", Union[tuple(KINDS.values())])  # noqa: UP007
        RunConfig.model_rebuild(force=True)
        yield
    RunConfig.model_rebuild(force=True)


@pytest.mark.integration
def test_a_new_model_is_its_own_file_and_a_line_in_the_list(
    toy: None, dataset_path: Path, run_path: Path, tmp_path: Path
) -> None:
    """It trains, is scored in regimes alike, ranked, and has the part it declares."""
    with pytest.raises(ConfigError, match="baseline_toy does not answer in regime B1: use A or C"):
        run_config(dataset_path, model={"type": "baseline_toy"}, data={"regime": "B1"})
    shutil.copytree(run_path, tmp_path / "universal")
    for name, data in (("pooled", {}), ("alone", {"worlds": ["nk"]})):
        config = run_config(dataset_path, model={"type": "baseline_toy"}, data=data)
        assert train(config, tmp_path / name)
    for name in ("universal", "pooled", "alone"):
        evaluate(tmp_path / name)
    runs = find_runs(tmp_path)
    (universal,) = compare_all(runs).universal
    assert universal.name == "universal"
    table = write_leaderboard(runs, tmp_path)
    places = table[table["model"] == "baseline_toy"].groupby("run")["regime"].unique()
    assert {name: set(regimes) for name, regimes in places.items()} == {
        "pooled": {"A", "C"}, "alone": {"A", "C"},
    }  # fmt: skip
    assert "| baseline_toy | pooled |" in (tmp_path / "leaderboard.md").read_text()
    entry = universal.entry("nk", "A", "prior", Task.steady_state)
    assert entry is not None
    assert entry["specialist"] == "alone"
    beats = universal.metrics["criteria"][0]
    assert beats["name"].startswith("beats linear, pooled MLP, VAR")
    # The toy in two worlds: it does not forecast.
    assert "of 2 comparisons won" in beats["figures"]
    missing = [line for line in beats["details"] if line.startswith("no such run")]
    assert missing, "there are no other rivals"
    assert not any(line.endswith("against toy") for line in missing)


def test_a_size_is_said_without_the_memory_it_takes() -> None:
    specs = [get_world("nk").spec]
    small = UniversalConfig(hidden_dim=16)
    assert small.size(specs, 12) == sum(p.numel() for p in small.build(specs, 12).parameters())
    assert UniversalConfig(hidden_dim=8192, data_blocks=256).size(specs, 12) > 3e10
