"""A network of one's own: what its folder holds, that it can be stopped, what is refused."""

from __future__ import annotations

import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import emulator
from emulator.adapt import Order, adapt
from emulator.adapt.card import read_card
from emulator.adapt.draws import ResponseStore
from emulator.adapt.learner import Grid
from emulator.adapt.plan import HORIZON
from emulator.errors import ConfigError, InputError, UnknownNameError
from emulator.models.weights import load_weights
from emulator.training.losses import response_loss
from emulator.worlds import get_world
from tests.adapt.conftest import GRID, STEPS, TINY

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_networks")]


class Stop:
    """A progress callback that asks the process to end after some steps of training."""

    def __init__(self, after: int, number: int = signal.SIGTERM) -> None:
        self.after, self.number = after, number

    def __call__(self, done: int, total: int, note: str) -> None:
        if total == STEPS and done == self.after:
            os.kill(os.getpid(), self.number)


def test_the_card_holds_what_an_evaluation_finds(adapted: Path) -> None:
    """On test draws, which are others than those trained on and chosen by."""
    card, loaded = read_card(adapted), load_weights(adapted)
    world = get_world("nk")
    store = ResponseStore(world, TINY.seed, HORIZON, None)
    parts = {part: store.some(part, 50) for part in ("train", "validation", "test")}
    test = parts["test"].rows(slice(card["test"]["draws"]))
    inputs, truth = test.ask(world)
    with torch.no_grad():
        error = response_loss(loaded.model(inputs), truth, loaded.model.scales("nk").sd).item()
    assert card["test"]["nrmse"] == pytest.approx(error, rel=1e-5)
    seen = [{tuple(row) for row in draws.theta.tolist()} for draws in parts.values()]
    assert len(set.union(*seen)) == sum(map(len, seen))
    rest = next(row for row in card["points"] if row["name"] == "default")
    model = emulator.load(adapted)
    exact = world.irf(world.pack()).values[0]
    sd = model.model.scales("nk").sd.numpy()
    there = sd > 0
    off = np.sqrt(np.square(model.irf("nk").to_numpy() - exact).mean(axis=1))
    assert rest["nrmse"] == pytest.approx((off[there] / sd[there]).mean(), rel=1e-4)
    ends = [row for row in card["points"] if row["parameter"]]
    assert len(ends) == 2 * len(world.parameters)


def test_the_card_tells_how_it_was_learned(adapted: Path) -> None:
    card, words = read_card(adapted), (adapted / "README.md").read_text()
    assert card["steps"] == sum(stage["steps"] for stage in card["stages"]) == STEPS
    assert card["draws"]["draws"] == card["draws"]["training_drawn"] == 120
    assert card["more"]["extrapolated"]
    assert "guess" in words
    assert f"NRMSE {card['more']['twice_the_steps']:.4f} after twice the steps" in words
    assert f"{card['test']['nrmse']:.4f}" in words
    ended = [stage for stage in card["stages"] if stage["error"] is not None]
    best = min(ended, key=lambda stage: stage["error"])
    assert card["chosen"] == best["settings"] | {"steps": best["steps"]}
    seen = load_weights(adapted).samples_seen
    assert seen == {"A": {"nk": 16 * best["steps"]}}


@pytest.mark.parametrize("after", [3, STEPS - 5])
def test_what_was_stopped_goes_on_bit_for_bit(
    adapted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """In a trial, and in the last schedule."""
    part = tmp_path / "part"
    assert not adapt(TINY, part, progress=Stop(after))
    with pytest.raises(ConfigError, match="add --resume"):
        adapt(TINY, part)
    with pytest.raises(ConfigError, match=r"another seed \(3, now 4\)"):
        adapt(replace(TINY, seed=4), part, resume=True)
    with monkeypatch.context() as patch:
        patch.setattr("emulator.adapt.carry_out.identity", lambda world: "another")
        with pytest.raises(ConfigError, match="'nk' has changed"):
            adapt(TINY, part, resume=True)
    assert adapt(TINY, part, resume=True)
    assert load_weights(part).sha256 == load_weights(adapted).sha256
    assert adapt(TINY, part, resume=True)  # there already


def test_ctrl_c_keeps_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        adapt(TINY, tmp_path / "run", progress=Stop(2, signal.SIGINT))
    assert (tmp_path / "run" / "checkpoint.pt").exists()


def test_new_draws_are_the_same_when_it_goes_on(tmp_path: Path) -> None:
    order = Order("rbc", steps=STEPS, seed=1)
    assert adapt(order, tmp_path / "whole")
    plan = read_card(tmp_path / "whole")["draws"]
    assert plan["draws"] is None
    assert plan["times"] >= 1
    part = tmp_path / "part"
    assert not adapt(order, part, progress=Stop(30))
    shutil.copy(tmp_path / "whole" / "order.json", part)  # costs, and so the plan, may differ
    assert adapt(order, part, resume=True)
    assert read_card(part)["test"] == read_card(tmp_path / "whole")["test"]


def test_draws_that_are_dear_are_kept_and_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.adapt.plan.KEPT", 0.0)
    run = tmp_path / "run"
    assert not adapt(TINY, run, progress=Stop(2))
    files = sorted((run / "draws").iterdir())
    assert [file.name for file in files] == ["train-0.npz", "validation-0.npz"]
    before = [file.read_bytes() for file in files]
    files[0].write_bytes(before[0][:100])  # a damaged one is made again
    assert adapt(TINY, run, resume=True)
    assert [file.read_bytes() for file in files] == before


def test_it_stops_at_the_error_asked_for(tmp_path: Path) -> None:
    assert adapt(replace(TINY, error=5.0), tmp_path / "run")
    card = read_card(tmp_path / "run")
    assert len(card["stages"]) == 1
    assert card["validation"]["nrmse"] <= 5.0


def test_it_stops_when_the_time_is_over(tmp_path: Path) -> None:
    order = Order("nk", minutes=0.1, draws=100)
    assert adapt(order, tmp_path / "run")
    card = read_card(tmp_path / "run")
    assert card["stages"][-1]["last"]
    assert card["stages"][-1]["seconds"] < 6.0


def test_a_part_of_the_shipped_weights_is_taken_over_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, adapted: Path
) -> None:
    monkeypatch.setattr("emulator.adapt.from_parameters.find_weights", lambda: adapted)
    width = read_card(adapted)["chosen"]["width"]  # of what is taken over nothing can be wider
    monkeypatch.setattr("emulator.adapt.matter.Matter.grid", GRID._replace(width=width))
    assert adapt(replace(TINY, start="shipped"), tmp_path / "run")
    card = read_card(tmp_path / "run")
    assert {stage["settings"]["start"] for stage in card["stages"]} == {"shipped"}
    assert card["stages"][0]["error"] < read_card(adapted)["stages"][0]["error"]
    assert load_weights(tmp_path / "run").provenance["started_from"] == load_weights(adapted).sha256
    with pytest.raises(InputError, match="no part of the names"):
        adapt(Order("lss", steps=STEPS, draws=100, start="shipped"), tmp_path / "other")


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'nk'"):
        adapt(Order("nkk"), tmp_path / "run")
    for bad in ({"minutes": 0.0}, {"minutes": float("nan")}, {"error": 0.0}, {"draws": 3},
                {"steps": 1}, {"start": "there"}, {"seed": -1}):  # fmt: skip
        (name,) = bad
        with pytest.raises(InputError, match=name):
            Order("nk", **bad)
    assert not (tmp_path / "run").exists()
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="holds something else"):
        adapt(TINY, tmp_path)


def test_too_little_time_for_a_dear_world_says_how_much_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.adapt.plan.seconds_a_draw", lambda *_: 30.0)
    with pytest.raises(InputError, match=r"give \d+ or more, or say how many"):
        adapt(Order("nk", minutes=10.0), tmp_path / "run")
    assert not (tmp_path / "run" / "order.json").exists()


def test_cards_are_json(adapted: Path) -> None:
    assert json.loads((adapted / "card.json").read_text(), parse_constant=pytest.fail)


def test_a_network_that_runs_off_is_given_up_and_learned_at_a_lower_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No number is infinite at these rates, but errors are many times those of the answer zero."""
    monkeypatch.setattr("emulator.adapt.matter.Matter.grid", Grid((4.0, 2.0, 8.0), 8))
    assert adapt(TINY, tmp_path / "run")
    card = json.loads((tmp_path / "run" / "card.json").read_text(), parse_constant=pytest.fail)
    last = [stage for stage in card["stages"] if stage["last"]]
    assert len(last) > 1
    off = [stage["curve"][-1][2] for stage in card["stages"] if stage["error"] is None]
    assert any(error is not None and error > 1.0 for error in off)
    assert "diverged" in (tmp_path / "run" / "README.md").read_text()
    assert last[-1]["settings"]["rate"] < last[0]["settings"]["rate"]
    assert card["validation"]["nrmse"] < 1.0
