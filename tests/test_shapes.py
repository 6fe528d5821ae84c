"""Shape annotations: wrong shapes are refused while tests run, and nothing is paid elsewhere."""

from __future__ import annotations

import sys
from importlib import import_module

import numpy as np
import pytest
import torch
from jaxtyping import Float64, TypeCheckError

from emulator.regimes import Inputs, Task
from emulator.worlds import get_world
from emulator.worlds.base import Responses
from emulator.worlds.linear import StateSpace, responses
from tests import shapes

pytestmark = pytest.mark.fast


def _matrices(rows: int = 2) -> list[np.ndarray]:
    """A (B, n, n), B (B, n, S), C (B, 3, n) and D (B, 3, S) of n = 4 states and S = 2 shocks."""
    return [np.zeros((rows, *shape)) for shape in ((4, 4), (4, 2), (3, 4), (3, 2))]


def test_every_module_named_is_checked() -> None:
    for name in shapes.CHECKED:
        assert isinstance(import_module(name).__loader__, shapes._Loader), name


def test_a_function_refuses_an_argument_of_another_shape() -> None:
    assert responses(*_matrices(), np.ones((2, 2)), 5).shape == (2, 2, 6, 3)
    for size in (np.ones((2, 3)), np.ones((3, 2)), np.ones(2), np.ones((2, 2), dtype=np.float32)):
        with pytest.raises(TypeCheckError, match="size"):
            responses(*_matrices(), size, 5)


def test_an_answer_of_another_shape_than_before_is_refused() -> None:
    lengths = iter([2, 2, 3])

    @shapes.checked
    def same(x: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        return np.zeros(next(lengths))

    for _ in range(2):
        assert same(np.ones(2)).shape == (2,)
    with pytest.raises(TypeCheckError, match="return"):
        same(np.ones(2))


def test_a_world_whose_responses_end_early_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules["emulator.worlds.linear"]
    whole = responses
    monkeypatch.setattr(module, "responses", lambda *given: whole(*given[:-1], given[-1] - 1))
    world = get_world("nk")
    with pytest.raises(TypeCheckError, match="return"):
        world.irf(world.pack(), 5)


def test_a_named_tuple_refuses_fields_that_do_not_belong_together() -> None:
    status = np.zeros(2, dtype=np.int8)
    StateSpace(*_matrices(), status)
    with pytest.raises(TypeError, match=r"StateSpace\.status: \(3,\)"):
        StateSpace(*_matrices(), np.zeros(3, dtype=np.int8))
    with pytest.raises(TypeError, match=r"Responses\.values"):
        Responses(np.zeros((2, 1, 3, 6)), status)  # observables before horizons


def test_a_dataclass_refuses_fields_that_do_not_belong_together() -> None:
    given = {"world": "nk", "shocks": ("a",), "task": Task.steady_state, "size": torch.ones(2, 1)}
    Inputs(**given, theta=torch.ones(2, 5))
    with pytest.raises(TypeError, match=r"Inputs\.theta: \(3, 5\)"):
        Inputs(**given, theta=torch.ones(3, 5))
