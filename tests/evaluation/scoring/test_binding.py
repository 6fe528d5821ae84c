"""Where a constraint binds."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.config import load_config
from emulator.data import DataConfig, Dataset
from emulator.data.generate import generate
from emulator.evaluation.scoring.binding import binds, linear_responses
from emulator.worlds import get_world
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def zlb(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """300 samples of `zlb`."""
    smoke = load_config(ROOT / "configs" / "data" / "smoke.yaml", DataConfig)
    changes = {"worlds": ("zlb",), "samples": 300, "quarters": 120, "horizon": 20}
    path = tmp_path_factory.mktemp("data") / "zlb"
    generate(DataConfig.model_validate({**smoke.model_dump(), **changes}), path)
    return Dataset.open(path)


@pytest.mark.slow
def test_the_linear_responses_of_zlb_are_those_of_nk(zlb: Dataset) -> None:
    rows = np.arange(40)
    theta = zlb.read("zlb", rows, ["theta"])["theta"]
    expected = get_world("nk").irf(theta[:, :12], horizon=20).values
    # Subtracting two paths a thousandth of a s.d. apart leaves 13 digits.
    np.testing.assert_allclose(linear_responses(zlb, "zlb", rows), expected, atol=1e-11)


@pytest.mark.slow
def test_a_quarter_of_the_responses_of_zlb_bind_and_the_others_are_linear(zlb: Dataset) -> None:
    rows = np.arange(300)
    truth = zlb.read("zlb", rows, ["irfs", "irfs_state"])
    linear = linear_responses(zlb, "zlb", rows)
    for field in ("irfs", "irfs_state"):
        bound = binds(truth[field], linear)
        # A quarter of 900; four standard errors, with the dependence within a sample, are .08.
        assert 0.25 - 0.1 < bound.mean() < 0.25 + 0.1
        # Stored with seven digits.
        scale = np.abs(linear[~bound]).max(axis=(1, 2))
        assert (np.abs(truth[field] - linear)[~bound].max(axis=(1, 2)) < 1e-6 * scale).all()


@pytest.mark.slow
def test_a_small_shock_never_binds_from_rest(zlb: Dataset) -> None:
    """At the smallest steady-state rate half a point is left: a hundredth of a s.d. is less."""
    rows = np.arange(100)
    theta = zlb.read("zlb", rows, ["theta"])["theta"]
    small = get_world("zlb").irf(theta, horizon=20, size=0.01).values / 0.01
    assert not binds(small, linear_responses(zlb, "zlb", rows)).any()
