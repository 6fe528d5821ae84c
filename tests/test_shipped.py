"""The shipped weights: small enough, of every world and regime, and those that results are of."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from typing import Any

import pytest
import torch

from emulator import get_world
from emulator.config import config_hash, load_config
from emulator.data.schema import OF_PRIOR, PRIOR
from emulator.evaluation.stored.record import read_metrics
from emulator.models.gated import Reach
from emulator.models.weights import CARD_FILE, PRETRAINED, Loaded, load_weights
from emulator.regimes import Regime
from emulator.training.config import RunConfig
from emulator.training.run_folder import CONFIG_FILE
from studies.pages import ship_weights
from tests.conftest import ROOT
from tests.weights import TAUGHT

pytestmark = pytest.mark.fast

CARD = (PRETRAINED / CARD_FILE).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def shipped() -> Loaded:
    return load_weights(PRETRAINED)


@pytest.fixture(scope="module")
def metrics() -> dict[str, Any]:
    """Those of the shipped weights, refused by `read_metrics` where they were altered."""
    return read_metrics(ROOT / "results" / "shipped")


def test_no_file_is_larger_than_a_package_should_carry(shipped: Loaded) -> None:
    sizes = {path.name: path.stat().st_size for path in PRETRAINED.iterdir()}
    assert set(shipped.files) == set(PRETRAINED.glob("*.safetensors"))
    assert max(sizes.values()) < ship_weights.LARGEST, sizes


def test_they_know_every_world_of_the_data_as_it_is_now(shipped: Loaded) -> None:
    """Names, order and bounds too: a world that changed asks for other weights. What moves which
    response they know besides."""
    known = shipped.model.specs
    assert all(spec.moves and spec.size_moves for spec in known.values())
    assert {name: replace(spec, moves=(), size_moves=()) for name, spec in known.items()} == {
        name: get_world(name).spec for name in TAUGHT
    }


def test_what_their_blocks_add_is_held_for_every_world(shipped: Loaded) -> None:
    reaches = [module for module in shipped.model.modules() if isinstance(module, Reach)]
    assert reaches
    for reach in reaches:
        assert (reach.lowest < reach.highest).all()
        assert torch.isfinite(reach.highest - reach.lowest).all()


@pytest.mark.parametrize("plan", ["smoke", "shipped"])
def test_stored_results_are_of_the_configuration_beside_them(plan: str) -> None:
    folder = ROOT / "results" / plan
    config = load_config(folder / CONFIG_FILE, RunConfig)
    assert read_metrics(folder)["config_sha"] == config_hash(config)


def test_they_were_trained_in_every_regime(shipped: Loaded, metrics: dict[str, Any]) -> None:
    assert shipped.provenance["regime"] == "all"
    assert metrics["regimes"] == [regime.value for regime in Regime]


def test_stored_results_are_of_these_weights(shipped: Loaded, metrics: dict[str, Any]) -> None:
    references = json.loads((ROOT / "results" / "references" / "dynare.json").read_text())
    data = b"".join(path.read_bytes() for path in shipped.files)
    assert hashlib.sha256(data).hexdigest() == shipped.sha256
    assert metrics["weights_sha256"] == shipped.sha256
    assert references["weights_sha256"] == shipped.sha256
    assert f"weights {shipped.sha256[:12]}\n" in CARD


def test_stored_results_say_where_they_come_from(shipped: Loaded, metrics: dict[str, Any]) -> None:
    """Configuration, training data and commit are those of the weights, in the card as well."""
    references = json.loads((ROOT / "results" / "references" / "dynare.json").read_text())
    for key, of_metrics, of_references in (
        ("commit", "training_commit", "trained_at"),
        ("config_sha", "config_sha", "config_sha"),
        ("data_sha", "training_data_sha", "data_sha"),
        ("training_rows", "training_rows", None),
    ):
        assert metrics[of_metrics] == shipped.provenance[key], key
        if of_references is not None:
            assert references[of_references] == shipped.provenance[key], key
            assert shipped.provenance[key] in CARD, key
    assert f"evaluated at commit {metrics['commit']} on data {metrics['data_sha']}" in CARD


def test_the_numbers_of_the_card_are_those_of_the_evaluation(metrics: dict[str, Any]) -> None:
    regimes = metrics["regimes"]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in CARD.splitlines()
            if line.startswith("| ")]  # fmt: skip
    head, _, *rows = rows
    assert head == ["world", *regimes]
    table = {label: dict(zip(regimes, cells, strict=True)) for label, *cells in rows}
    bands = {world: f"{world}, in bands" for world in TAUGHT}
    assert set(table) == {*bands, *bands.values()} == {*metrics["worlds"], *bands.values()}
    for world, band in bands.items():
        for regime, splits in metrics["worlds"][world].items():
            where = f"{world}, {regime}"
            shown = re.findall(r"\d+\.\d{3}", table[world][regime])
            first, *parts = (split for split in (PRIOR, *OF_PRIOR) if split in splits)
            stored = [splits[split]["nrmse"] for split in (first, *parts)]
            assert shown == [f"{error:.3f}" for error in stored], where
            inside = float(table[band][regime].removesuffix("%"))
            # rounded to whole percent
            assert inside == pytest.approx(100.0 * splits[first]["coverage_90"], abs=0.5), where
