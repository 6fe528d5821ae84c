"""Weights on disk: what is saved comes back; what is altered is refused by name; nothing runs."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import emulator
from emulator.errors import WeightsError
from emulator.models import weights
from emulator.models.universal import UniversalConfig
from emulator.models.weights import load_weights, save_weights
from emulator.regimes import Regime, build_inputs
from emulator.storage import sealed
from tests.specs import LARGE, SPECS, sample
from tests.weights import provenance

pytestmark = pytest.mark.fast

CONFIG = UniversalConfig(
    hidden_dim=16, world_embed_dim=4, param_embed_dim=8, poles=4, group_width=8, trunk_width=16
)


PROVENANCE = provenance(spec.name for spec in SPECS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    model = CONFIG.build(SPECS, 10)
    model.set_scales(
        {"small": torch.rand(2, 3) + 0.5, "large": torch.rand(3, 3) + 0.5},
        {"small": torch.rand(3) + 0.5},
    )
    save_weights(tmp_path / "weights", model, PROVENANCE, "# card\n")
    return tmp_path / "weights"


def test_saved_weights_answer_as_before(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = CONFIG.build(SPECS, 10).eval()
    model.set_scales({"large": torch.full((3, 3), 2.0)}, {})
    save_weights(tmp_path, model, PROVENANCE, "# card\n")
    loaded = load_weights(tmp_path)
    assert loaded.model.spec("large") == LARGE
    assert loaded.model.config == CONFIG
    inputs = build_inputs(sample(LARGE), LARGE, Regime.A)
    assert torch.equal(loaded.model(inputs), model(inputs))


def test_weights_too_large_for_a_file_are_in_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "FILE_BYTES", 400_000)
    torch.manual_seed(0)
    model = CONFIG.build(SPECS, 10).eval()
    save_weights(tmp_path, model, PROVENANCE, "# card\n")
    files = load_weights(tmp_path).files
    assert 1 < len(files) < 10
    assert list(files) == sorted(tmp_path.glob("*.safetensors"))
    assert all(path.stat().st_size < 450_000 for path in files)  # tensors and their names
    inputs = build_inputs(sample(LARGE), LARGE, Regime.A)
    assert torch.equal(load_weights(tmp_path).model(inputs), model(inputs))
    first, second = (path.read_bytes() for path in files[:2])
    files[0].write_bytes(second)
    files[1].write_bytes(first)
    with pytest.raises(WeightsError, match="altered or truncated"):
        load_weights(tmp_path)
    files[0].write_bytes(first)
    files[1].unlink()
    with pytest.raises(WeightsError, match=files[1].name):
        load_weights(tmp_path)
    monkeypatch.undo()
    (tmp_path / "weights_of_mine.safetensors").touch()
    save_weights(tmp_path, model, PROVENANCE, "# card\n")
    left = sorted(path.name for path in tmp_path.glob("*.safetensors"))
    assert left == ["weights.safetensors", "weights_of_mine.safetensors"]
    assert torch.equal(load_weights(tmp_path).model(inputs), model(inputs))


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize("damage", [_flip, _truncate, Path.unlink])
def test_altered_truncated_or_missing_weights_are_refused_by_name(folder: Path, damage) -> None:
    damage(folder / "weights.safetensors")
    with pytest.raises(WeightsError, match=r"weights\.safetensors"):
        load_weights(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(format=99),
        lambda d: d["worlds"][0]["parameters"][0].update(upper=9.0),
        lambda d: d["worlds"][0]["shocks"].reverse(),
        lambda d: d.update(horizon=-5),
        lambda d: d.update(files={}),
        lambda d: d.update(files={"../weights.safetensors": d["sha256"]}),
        lambda d: d.update(model={"type": "unknown"}),
        lambda d: d.update(worlds=[{"name": "x"}]),
        lambda d: d.pop("sha256"),
        lambda d: d["model"].update(hidden_dim=32),
    ],
)
def test_a_description_that_does_not_fit_is_refused(folder: Path, change) -> None:
    path = folder / "model.json"
    description = json.loads(path.read_text())
    change(description)
    path.write_text(json.dumps(description))
    with pytest.raises(WeightsError) as caught:
        load_weights(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [{"horizon": -5}, {"horizon": 10**12}, {"horizon": True}, {"worlds": []}, {"provenance": {}},
     {"provenance": provenance(["other"])}, {"provenance": provenance(["small"], commit=3)},
     {"files": {"weights.safetensors": 3}}, {"model": []}, {"format": [5]}],
)  # fmt: skip
def test_an_impossible_description_with_a_right_checksum_is_refused(
    folder: Path, change: dict
) -> None:
    path = folder / "model.json"
    description = {**json.loads(path.read_text()), **change}
    path.write_text(json.dumps(sealed(description)))
    with pytest.raises(WeightsError, match=r"model\.json|does not fit"):
        load_weights(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda world: world.update(observables=2 * world["observables"]),
        lambda world: world.update(shocks=[]),
        lambda world: world.update(linear="yes"),
        lambda world: world["parameters"][0].update(name=7),
        lambda world: world["parameters"][0].update(transform="cubed"),
        lambda world: world["parameters"].append(world["parameters"][0]),
    ],
)
def test_a_description_of_no_world_with_a_right_checksum_is_refused(
    folder: Path, change: Callable[[dict], None]
) -> None:
    path = folder / "model.json"
    description = json.loads(path.read_text())
    change(description["worlds"][0])
    path.write_text(json.dumps(sealed(description)))
    with pytest.raises(WeightsError, match=r"model\.json: damaged"):
        load_weights(folder)


@pytest.mark.parametrize(
    "key", ["hidden_dim", "data_blocks", "poles", "group_width", "trunk_width"]
)
def test_no_model_is_built_that_is_larger_than_its_weights(
    folder: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """Its description alone could ask for all memory: 10,000 of each would be gigabytes."""
    sizes = {**CONFIG.model_dump(), key: 10_000}
    monkeypatch.setitem(weights.KINDS, "universal", _Unchecked(sizes))
    with pytest.raises(WeightsError, match="larger than the weights"):
        load_weights(folder)
    assert torch.is_grad_enabled()  # also where a block without gradients asked for too much


class _Unchecked:
    """A configuration's class that takes any size."""

    def __init__(self, sizes: dict) -> None:
        self.sizes = sizes

    def model_validate(self, data: object) -> UniversalConfig:
        return UniversalConfig.model_construct(**self.sizes)


def test_weights_that_are_no_numbers_are_refused(folder: Path) -> None:
    model = load_weights(folder).model
    with torch.no_grad():
        next(iter(model.parameters())).view(-1)[3] = torch.nan
    save_weights(folder, model, PROVENANCE, "# card\n")
    with pytest.raises(WeightsError, match="not finite"):
        load_weights(folder)


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_what_the_system_refuses_to_read_is_not_called_damaged(folder: Path, name: str) -> None:
    (folder / name).unlink()
    (folder / name).mkdir()
    with pytest.raises(IsADirectoryError, match=name):
        load_weights(folder)
    (folder / name).rmdir()
    os.mkfifo(folder / name)
    with pytest.raises(OSError, match=f"a pipe or a device.*{name}"):
        load_weights(folder)


def test_whole_weights_of_another_version_are_told_from_damaged_ones(folder: Path) -> None:
    """Nothing is altered, but this version's model has other parts."""
    path = folder / "model.json"
    description = json.loads(path.read_text())
    hidden = description["model"]["hidden_dim"]
    description["model"]["hidden_dim"] = 2 * hidden
    path.write_text(json.dumps(sealed(description)))
    with pytest.raises(WeightsError, match="install the version that wrote them"):
        load_weights(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": "x"}'])
def test_a_damaged_description_is_refused(folder: Path, text: str) -> None:
    (folder / "model.json").write_text(text)
    with pytest.raises(WeightsError, match=r"model\.json"):
        load_weights(folder)


def test_no_weights_says_how_to_get_some(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="emulator train"):
        emulator.load(tmp_path)


class _Bomb:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return (Path.touch, (self.marker,))


def test_a_pickle_in_the_folder_is_never_run(folder: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    bomb = pickle.dumps(_Bomb(marker), protocol=2)  # what torch.load expects
    pickle.loads(bomb)  # noqa: S301 (shows that the bomb works)
    assert marker.exists()
    marker.unlink()
    for name in ("weights.pkl", "checkpoint.pt", "model.pt"):
        (folder / name).write_bytes(bomb)
    load_weights(folder)
    (folder / "weights.safetensors").write_bytes(bomb)
    with pytest.raises(WeightsError):
        load_weights(folder)
    from emulator.training.checkpoint import load_checkpoint

    with pytest.raises(WeightsError, match=r"checkpoint\.pt"):
        load_checkpoint(folder, "cpu")
    assert not marker.exists()
