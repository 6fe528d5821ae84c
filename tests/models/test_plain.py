"""What the program around the package does to torch does not reach its answers."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import emulator
from emulator.inference import Emulator
from tests.inference.histories import random_walk

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def weights(every_world: Path) -> Path:
    return every_world


@pytest.fixture(scope="module")
def model(weights: Path) -> Emulator:
    loaded = emulator.load(weights)
    return Emulator(loaded.model, {**loaded.provenance, "regime": "all"})


@pytest.fixture(params=[torch.float64, torch.bfloat16, "meta"], ids=str)
def defaults(request: pytest.FixtureRequest) -> Iterator[None]:
    """Other defaults than torch's, and back."""
    if isinstance(request.param, torch.dtype):
        torch.set_default_dtype(request.param)
        yield
        torch.set_default_dtype(torch.float32)
    else:
        with torch.device(request.param):
            yield


def _answers(model: Emulator) -> list[np.ndarray]:
    return [
        model.irf("nk", {"phi_pi": 2.0}, bands=True).to_numpy(),
        model.irf("nk", history=random_walk(), horizon=60).to_numpy(),
        model.irf("zlb", history=random_walk(), state_dependent=True, bands=True).to_numpy(),
    ]


@pytest.fixture(scope="module")
def expected(model: Emulator) -> list[np.ndarray]:
    return _answers(model)


@pytest.mark.usefixtures("defaults")
def test_defaults_of_the_program_do_not_reach_answers(
    expected: list[np.ndarray], model: Emulator, weights: Path
) -> None:
    before = torch.get_default_dtype(), torch.empty(1).device
    again = Emulator(emulator.load(weights).model, model.provenance)
    for of_model in (model, again):
        for found, wanted in zip(_answers(of_model), expected, strict=True):
            # torch takes another path through attention where a default device is set.
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    assert (torch.get_default_dtype(), torch.empty(1).device) == before


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_process_forked_after_threads_ran_answers(model: Emulator) -> None:
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    theta = emulator.get_world("nk").sample_parameters(600, np.random.default_rng(0))

    def ask() -> None:
        answers.put(model.irf("nk", theta, horizon=2).to_numpy()[::60])

    try:
        expected = model.irf("nk", theta, horizon=2).to_numpy()
        child = context.Process(target=ask)
        child.start()
        child.join(30)
        hangs = child.is_alive()
        child.kill()
    finally:
        torch.set_num_threads(before)
    assert not hangs
    np.testing.assert_allclose(answers.get(), expected[::60], rtol=1e-4, atol=1e-5)
