"""What a network says after the last quarter it was trained on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from emulator.data import Dataset
from emulator.models.from_parameters import FromParameters, Widths
from emulator.models.tail import Tail
from emulator.training import later
from emulator.training.later import LATER, go_on
from emulator.training.trainer import train
from emulator.worlds import get_world
from tests.conftest import run_config
from tests.specs import LARGE, SMALL, sample

POINTS, MORE = 20, 60


def _economies(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Parameters (N, 2), of order one, and responses (N, 2, POINTS + MORE, 3) of linear systems
    whose roots, .8 to .97, depend on them."""
    rng = torch.Generator().manual_seed(seed)
    x = 2.0 * torch.rand(count, 2, generator=rng) - 1.0
    roots = 0.885 + 0.085 * torch.stack([x[:, 0], x[:, 0] * x[:, 1]], dim=1)
    load = torch.tensor([[[1.0, 0.5, -0.3], [0.2, -1.0, 0.6]], [[0.4, 0.1, 1.0], [-0.7, 0.3, 0.2]]])
    load = load * (1.0 + 0.3 * x[:, 1, None, None, None])  # (N, shocks, modes, 3)
    modes = roots[:, :, None] ** torch.arange(POINTS + MORE)
    return x, torch.einsum("nmt,nsmv->nstv", modes, load)


def _error(found: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """By shock."""
    return (found - truth).square().mean(dim=(0, 2, 3)).sqrt()


@pytest.mark.fast
def test_what_follows_is_read_off_what_came_before() -> None:
    """Of the first shock, whose systems go on to zero; those of the second are nearly right, which
    a regression would make worse."""
    tail = Tail()
    assert not tail.fitted

    def parts(count: int, seed: int) -> list[torch.Tensor]:
        x, responses = _economies(count, seed)
        known, truth = responses.split([POINTS, MORE], dim=2)
        own = truth * torch.tensor([0.0, 1.0])[:, None, None]
        own = own + 1e-4 * torch.randn(own.shape, generator=torch.Generator().manual_seed(seed))
        return [known, own, x, truth]

    tail.fit(*parts(2000, 0))
    assert tail.fitted
    assert tail.quarters == MORE
    known, own, x, truth = parts(500, 1)
    found = tail(known, own, x)
    size = _error(torch.zeros(()), truth)
    assert _error(found, truth)[0] < 0.02 * size[0]
    assert torch.equal(found[:, 1], own[:, 1])
    again = Tail()
    again.load_state_dict(tail.state_dict())
    assert torch.equal(again(known, own, x), found)
    for name in ("basis", "weight"):
        others = tail.state_dict()
        others[name] = others[name][:-1]
        with pytest.raises(RuntimeError, match="Unexpected key"):
            Tail().load_state_dict(others)
    again.load_state_dict({})
    assert not again.fitted
    right = parts(2000, 0)
    right[1] = right[3] + 1e-4 * torch.randn(right[3].shape)
    tail.fit(*right)
    assert not tail.fitted


@pytest.mark.fast
@pytest.mark.parametrize("spec", [SMALL, LARGE])
def test_what_follows_changes_nothing_before_and_ends_in_systems(spec) -> None:
    torch.manual_seed(0)
    network = FromParameters(spec, Widths(8, 12), POINTS).eval()
    theta = sample(spec)["theta"]
    count, shocks = len(theta), len(spec.shocks)
    sd, scale = torch.ones(shocks, 3), torch.ones(count, shocks, 3)
    size = torch.ones(count, shocks)

    def ask(points: int) -> torch.Tensor:
        return network(theta, size, None, sd, scale, points).response

    few, before = ask(POINTS - 3), ask(POINTS + MORE + 5)
    tail = network.tail
    for name, shape in (
        ("centre", (shocks, 3 * POINTS)), ("rotation", (shocks, 3 * POINTS, 4)),
        ("weight", (shocks, 1 + 4 + 10 + len(spec.parameters) + 6, 6)), ("basis", (2, MORE)),
    ):  # fmt: skip
        tail.register_buffer(name, torch.randn(shape))
    after = ask(POINTS + MORE + 5)
    assert torch.equal(after[:, :, :POINTS], before[:, :, :POINTS])
    changed = after[:, :, POINTS : POINTS + MORE] - before[:, :, POINTS : POINTS + MORE]
    assert (changed != 0.0).all()
    assert torch.equal(after[:, :, POINTS + MORE :], before[:, :, POINTS + MORE :])
    assert torch.equal(ask(POINTS + 7), after[:, :, : POINTS + 7])
    assert torch.equal(ask(POINTS - 3), few)


class _Seen:
    """A model that keeps what it is shown."""

    horizon = 8

    def __init__(self) -> None:
        self.shown: list[tuple] = []

    def parameters(self):
        return iter([torch.zeros(1)])

    def go_on(self, *shown) -> None:
        self.shown.append(shown)


@pytest.mark.fast
def test_exact_responses_are_shown_of_worlds_that_are_cheap_and_draws_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(later, "FEWEST", 10)
    rbc = get_world("rbc")
    theta = torch.tensor(rbc.pack(), dtype=torch.float32).repeat(12, 1)
    theta[3, rbc.parameter_names.index("phi_pi")] = 0.5  # indeterminate
    model = _Seen()
    go_on(model, rbc, theta)
    ((name, some, size, responses),) = model.shown
    assert name == "rbc"
    assert torch.equal(some, theta[[0, 1, 2, *range(4, 12)]])
    exact = rbc.irf(rbc.pack()[None], 8 + LATER).values[0]
    torch.testing.assert_close(
        responses, torch.tensor(exact, dtype=torch.float32).expand_as(responses),
        rtol=1e-4, atol=1e-7,
    )  # fmt: skip
    assert size.abs().min() >= 0.25
    for world, draws in ((rbc, theta[:9]), (get_world("hank"), torch.zeros(50, 25))):
        model = _Seen()
        go_on(model, world, draws)
        assert not model.shown


def test_a_run_is_shown_what_follows_its_training_rows(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[str, torch.Tensor]] = []
    monkeypatch.setattr(later, "FEWEST", 20)
    monkeypatch.setattr(
        later, "go_on", lambda model, world, theta: shown.append((world.name, theta))
    )
    rows = dataset.rows("nk", "train")
    later.go_on_from_data(_Seen(), dataset, "nk", rows)
    ((name, theta),) = shown
    assert name == "nk"
    assert torch.equal(theta, torch.as_tensor(dataset.read("nk", rows, ["theta"])["theta"]).float())
    later.go_on_from_data(_Seen(), dataset, "nk", rows[:19])
    monkeypatch.setattr(later, "fingerprint", lambda spec: id(spec))  # no two are the same
    later.go_on_from_data(_Seen(), dataset, "nk", rows)
    assert len(shown) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("regime", "asked"), [("A", ["nk", "var"]), ("B1", [])])
def test_a_run_with_parameters_ends_with_what_follows(
    dataset_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    regime: str,
    asked: list[str],
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(
        "emulator.training.trainer.go_on_from_data",
        lambda model, data, world, rows: shown.append(world),
    )
    settings = {"steps": 1, "batch_size": 4}
    config = run_config(dataset_path, training=settings, data={"regime": regime})
    assert train(config, tmp_path)
    assert sorted(shown) == asked
