"""A posterior from a history: its folder, its card, that it can be stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from emulator.adapt import Order, adapt, posterior_measured
from emulator.adapt.card import read_card
from emulator.adapt.histories import DEAR_EACH, HistoryStore, drawn
from emulator.cli.app import run
from emulator.errors import InputError, WeightsError
from emulator.estimation.priors import prior_of
from emulator.models.posteriors import is_posterior, load_posterior
from emulator.models.summaries import LONGEST
from emulator.models.weights import load_weights
from emulator.worlds import Status, get_world
from emulator.worlds.nk import NewKeynesian
from tests.adapt.conftest import STEPS
from tests.adapt.test_adapt import Stop
from tests.estimation.test_priors import _world

ORDER = Order("nk", steps=STEPS, draws=120, seed=3, from_data=True)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch, small_networks: None) -> None:
    for name, value in (("RANKED", 20), ("DRAWS", 20), ("ANSWERED", 5), ("FEW", 5)):
        monkeypatch.setattr(posterior_measured, name, value)


@pytest.mark.slow
@pytest.mark.usefixtures("few")
def test_what_was_stopped_goes_on_bit_for_bit_and_the_card_says_how_good_it_is(
    tmp_path: Path,
) -> None:
    whole, part = tmp_path / "whole", tmp_path / "part"
    assert adapt(ORDER, whole)
    assert not adapt(ORDER, part, progress=Stop(STEPS - 5))
    assert not is_posterior(part)
    assert adapt(ORDER, part, resume=True)
    assert load_posterior(part).sha256 == load_posterior(whole).sha256
    assert adapt(ORDER, part, resume=True)  # there already
    card, words = read_card(whole), (whole / "README.md").read_text()
    found, test = load_posterior(whole), card["test"]
    assert found.names == get_world("nk").parameter_names
    rows = HistoryStore(get_world("nk"), ORDER.seed, None).some("test", test["draws"])
    with torch.no_grad():
        mean = -found.density.log_density(rows.z, rows.summary).mean().item()
    assert test["minus_log_density"] == pytest.approx(mean, rel=1e-5)
    assert test["minus_log_density"] < test["prior_minus_log_density"]
    assert 0.5 < test["coverage_90"] <= 1.0
    assert test["responses"]["prior_mean_nrmse"] > 0.0
    assert "--from-data" in words
    assert f"| minus log density | {mean:.2f} |" in words
    with pytest.raises(WeightsError, match="emulator estimate"):
        load_weights(whole)


@pytest.mark.slow
@pytest.mark.usefixtures("few")
def test_the_command_says_what_comes_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["adapt", "nk", "--from-data", "--steps", str(STEPS), "--draws", "100"]
    assert run([*arguments, "--output", str(tmp_path / "nk")]) == 0
    out, _ = capsys.readouterr()
    assert "minus log density" in out
    assert "--instant" in out


@pytest.mark.fast
def test_draws_are_a_function_of_their_block() -> None:
    store = HistoryStore(get_world("switching"), 1, None)
    first, again = store.draw("train", 0, 40), store.draw("train", 0, 40)
    assert torch.equal(first.summary, again.summary)
    assert len({round(float(v), 4) for v in first.summary[:, -1]}) == 2  # two lengths
    assert not torch.equal(first.z, store.draw("test", 0, 40).z)


@pytest.mark.fast
def test_a_dear_solution_makes_several_histories() -> None:
    class Dear(NewKeynesian):
        dear = ("kappa",)

    z, paths = drawn(prior_of(Dear()), 2 * DEAR_EACH, np.random.default_rng(0))
    assert paths.shape == (2 * DEAR_EACH, LONGEST, 3)
    assert len(np.unique(z, axis=0)) == 2
    assert len(np.unique(paths[:, 0, 0])) == 2 * DEAR_EACH


@pytest.mark.fast
def test_a_posterior_has_no_error_to_stop_at() -> None:
    for more in ({"error": 0.1}, {"start": "shipped"}):
        with pytest.raises(InputError, match="from-data"):
            replace(ORDER, **more)


@pytest.mark.slow
def test_an_imported_model_is_learned_under_the_prior_of_its_file(tmp_path: Path) -> None:
    world = _world(tmp_path)
    store = HistoryStore(world, 1, None)
    rows = store.draw("train", 0, 60)
    assert rows.z.shape == (60, len(prior_of(world).names)) == (60, 5)
    theta = store.prior.theta(rows.z.double().numpy())
    assert (world.check(theta) <= Status.OUT_OF_BOUNDS).all()  # the cut is left out
    assert rows.summary.isfinite().all()
