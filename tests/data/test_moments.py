"""Moments of the training split: equal to NumPy's on the whole, however the data are cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.data import Dataset
from emulator.data.moments import Running
from tests.data.configs import WORLDS

pytestmark = pytest.mark.slow


@settings(max_examples=50, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 40), max_size=4),
    offset=st.floats(-1e6, 1e6),
)
def test_merged_moments_equal_those_of_the_whole(cuts: list[int], offset: float) -> None:
    values = np.random.default_rng(0).standard_normal((40, 2, 3)) + offset
    pieces = np.split(values, sorted(cuts))
    merged = Running.of(pieces[0])
    for piece in pieces[1:]:
        merged = merged.merge(Running.of(piece))
    assert merged.count == 40
    # Sums of 40 numbers of modulus up to 1e6 with s.d. 1: rounding 1e-16 x 1e6 x a few.
    np.testing.assert_allclose(merged.mean, values.mean(axis=0), atol=1e-8)
    np.testing.assert_allclose(merged.sd(), values.std(axis=0), rtol=1e-7)
    np.testing.assert_allclose(merged.sd((0,)), values.std(axis=(0, 1)), rtol=1e-7)


@pytest.mark.parametrize("world", WORLDS)
def test_moments_are_those_of_the_training_split(dataset: Dataset, world: str) -> None:
    rows = dataset.rows(world, "train")
    values = dataset.read(world, rows, ["irfs", "irfs_state", "trajectories"])
    irfs, state = (values[k].astype(np.float64) for k in ("irfs", "irfs_state"))
    paths = values["trajectories"][:, dataset.manifest.config.run_in :].astype(np.float64)
    moments = dataset.moments(world)
    assert moments.count == len(rows)
    # float64 sums of a few thousand numbers.
    close = {"rtol": 1e-10, "atol": 1e-12}
    np.testing.assert_allclose(moments.irf_mean, irfs.mean(axis=0), **close)
    np.testing.assert_allclose(moments.irf_sd, irfs.std(axis=(0, 2)), **close)
    np.testing.assert_allclose(moments.irf_sd_pooled, irfs.std(axis=(0, 1, 2)), **close)
    np.testing.assert_allclose(moments.irf_state_mean, state.mean(axis=0), **close)
    np.testing.assert_allclose(moments.irf_state_sd, state.std(axis=(0, 2)), **close)
    np.testing.assert_allclose(moments.irf_state_sd_pooled, state.std(axis=(0, 1, 2)), **close)
    np.testing.assert_allclose(moments.traj_mean, paths.mean(axis=(0, 1)), **close)
    np.testing.assert_allclose(moments.traj_sd, paths.std(axis=(0, 1)), **close)
