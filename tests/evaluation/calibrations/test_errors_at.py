"""Errors at given parameters: known answers, the worst first, and what has no answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from emulator.evaluation.calibrations.declared import Calibration, default
from emulator.evaluation.calibrations.errors_at import COLUMNS, errors_at, measured, sizes_of
from emulator.limits import MAX_SIZE
from emulator.worlds import get_world
from tests.evaluation.toys import HUMP

pytestmark = pytest.mark.fast


class Exact:
    """An emulator whose responses are the exact ones times a factor, which grows with kappa."""

    def __init__(self, *worlds: str) -> None:
        self.worlds = worlds
        sd = torch.full((3, 3), 2.0)
        self.model = SimpleNamespace(horizon=12, scales=lambda world: SimpleNamespace(sd=sd))
        self.asked: list[float] = []

    def of(self, world: str) -> Exact:
        return self

    def check_trained(self, regime: str) -> None:
        assert regime == "A"

    def spec(self, world: str) -> Any:
        return get_world(world).spec

    def respond(self, world: str, theta: np.ndarray, *, size: float) -> Any:
        self.asked.append(size)
        factor = 1.0 + theta[0, self.spec(world).parameter_names.index("kappa")]
        values = factor * get_world(world).irf(theta, horizon=12, size=size).values
        return SimpleNamespace(
            values=values, attrs={"caveats": (SimpleNamespace(name="held_out"),)}
        )


def test_an_answer_that_is_off_by_a_share_is_off_by_it_relative_to_every_peak() -> None:
    flat, steep = (Calibration("nk", f"{k}", {"kappa": k}) for k in (0.02, 0.2))
    table = errors_at(Exact("nk"), [flat, steep])  # type: ignore[arg-type]
    assert list(table.columns) == list(COLUMNS)
    assert list(table["name"]) == ["0.2", "0.02"]  # the worst first
    for column in ("relative_median", "relative_worst"):
        assert table[column].to_numpy() == pytest.approx([0.2, 0.02])
    world = get_world("nk")
    truth = world.irf(world.pack({"kappa": 0.2}), horizon=12).values[0]
    expected = (np.sqrt(np.square(0.2 * truth).mean(axis=1)) / 2.0).mean()
    assert table["nrmse"][0] == pytest.approx(expected)
    assert (table["wrong_signs"] == 0).all()
    assert (table["responses"] + table["small"] == 9).all()
    assert list(table["caveats"]) == ["held_out"] * 2


def test_where_the_size_matters_both_signs_and_the_largest_are_asked_for() -> None:
    model = Exact("zlb")
    table = errors_at(model, [default(model.spec("zlb"))])  # type: ignore[arg-type]
    assert sorted(model.asked) == [-MAX_SIZE, -1.0, 1.0, MAX_SIZE]
    assert (table["responses"] + table["small"] == 36).all()
    kappa = get_world("zlb").pack()[get_world("zlb").parameter_names.index("kappa")]
    # Per unit of size, as the sigma that they are divided by.
    assert table[["relative_median", "relative_worst"]].to_numpy()[0] == pytest.approx([kappa] * 2)
    assert table["wrong_signs"][0] == 0
    world = get_world("zlb")
    units = [world.irf(world.pack(), 12, size).values / size for size in sizes_of(world.spec)]
    expected = np.sqrt(np.square(kappa * np.array(units)).mean(axis=3)).mean() / 2.0
    assert table["nrmse"][0] == pytest.approx(expected)
    assert sizes_of(get_world("switching").spec) == sizes_of(get_world("nk").spec) == (1.0,)


def test_a_point_that_the_prior_leaves_out_comes_last_and_says_so() -> None:
    persistent = Calibration("zlb", "persistent", {"rho_a": 0.95})
    points = [persistent, default(get_world("zlb").spec)]
    table = errors_at(Exact("zlb"), points)  # type: ignore[arg-type]
    assert list(table["name"]) == ["default", "persistent"]
    assert np.isnan(table["nrmse"][1])
    assert "restriction" in table["caveats"][1]


def test_the_worst_response_is_named_and_flat_ones_are_apart() -> None:
    spec = get_world("nk").spec
    sigma = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]])
    exact = np.zeros((1, 3, 9, 3))
    exact[:] = HUMP[:, None]
    exact[0, 2] *= 0.009  # a peak of .018 s.d.s
    predicted = 1.01 * exact
    predicted[0, 1, 5, 2] += 0.5  # a quarter of the peak, and what it was off before
    predicted[0, 0, :, 1] *= -1.0
    row = measured(predicted, exact, sigma, spec)
    assert (row["responses"], row["small"], row["wrong_signs"]) == (5, 3, 1)
    assert (row["shock"], row["observable"]) == (spec.shock_names[0], "inflation")
    assert row["relative_worst"] == pytest.approx(2.01)
    assert row["relative_median"] == pytest.approx(0.01)
