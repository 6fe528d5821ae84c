"""The map that particles are moved through: invertible, of constant volume, bent as they are."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.estimation.transport import PARTICLES_A_TERM, fit

pytestmark = pytest.mark.fast


def _bent(count: int, seed: int = 0) -> np.ndarray:
    """A thin sheet in five dimensions: the last is a square of the first plus little."""
    z = np.random.default_rng(seed).standard_normal((count, 5)) * [1.0, 0.9, 0.7, 0.3, 1e-4]
    z[:, 4] += 0.2 * z[:, 0] ** 2
    return z


def _even(count: int) -> np.ndarray:
    return np.full(count, 1.0 / count)


def test_the_map_is_undone_by_its_inverse() -> None:
    z = _bent(300)
    found = fit(z, _even(300))
    assert found.widest == 4
    np.testing.assert_allclose(found.colour(found.whiten(z)), z, atol=1e-12)
    x = np.random.default_rng(1).standard_normal((50, 5))
    np.testing.assert_allclose(found.whiten(found.colour(x)), x, atol=1e-7)  # 1e-4 is thin


def test_its_jacobian_is_the_same_everywhere() -> None:
    found = fit(_bent(300), _even(300))
    step = 1e-6
    volumes = []
    for x in np.random.default_rng(2).standard_normal((5, 5)):
        ahead, behind = found.colour(x + step * np.eye(5)), found.colour(x - step * np.eye(5))
        volumes.append(np.linalg.det((ahead - behind) / (2.0 * step)))
    np.testing.assert_allclose(volumes, volumes[0], rtol=1e-5)


def test_a_bent_sheet_is_flattened_and_a_normal_left_alone() -> None:
    z = _bent(2000)
    found = fit(z, _even(2000))
    fresh = found.whiten(_bent(2000, seed=3))
    assert np.abs(np.corrcoef(fresh.T) - np.eye(5)).max() < 0.1
    assert (
        np.diag(found.root).min() < 0.01
    )  # a covariance alone would leave the sheet as thick as its bend
    normal = np.random.default_rng(4).standard_normal((2000, 5))
    assert np.diag(fit(normal, _even(2000)).root).min() > 0.95


def test_weights_count_as_repeats() -> None:
    z = _bent(400)
    once = fit(z, np.repeat([0.25, 0.75], 200) / 200)
    again = fit(np.concatenate([z[:200], *[z[200:]] * 3]), _even(800))
    np.testing.assert_allclose(once.mean, again.mean, atol=1e-12)
    np.testing.assert_allclose(np.abs(once.axes), np.abs(again.axes), atol=1e-9)


def test_few_particles_get_few_terms() -> None:
    assert fit(_bent(2 * PARTICLES_A_TERM), _even(2 * PARTICLES_A_TERM)).widest == 1
    assert fit(_bent(3 * PARTICLES_A_TERM), _even(3 * PARTICLES_A_TERM)).widest == 2
