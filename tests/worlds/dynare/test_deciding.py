"""The roads to a decision rule agree: draws side by side, batched BLAS, and the Schur form."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.worlds import Status
from emulator.worlds.dynare import decide, from_dynare
from tests.worlds.dynare.files import MODELS, REFERENCES

pytestmark = pytest.mark.fast


@pytest.mark.parametrize("path", [*MODELS.glob("*.mod"), *REFERENCES.glob("*.mod")], ids=str)
def test_three_roads_lead_to_one_rule(path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    world = from_dynare(path)  # type: ignore[arg-type]
    theta = world.sample_parameters(6, np.random.default_rng(3))
    lanes = world.irf(theta).values
    monkeypatch.setattr(decide, "LARGE", 0)
    blas = world.irf(theta).values
    alone = world.irf(theta[2]).values
    np.testing.assert_array_equal(alone[0], blas[2])  # a row does not see its neighbours
    monkeypatch.setattr(decide, "_double", _never)
    schur = world.irf(theta)
    assert (schur.status == Status.OK).all()
    scale = np.abs(lanes).max()
    np.testing.assert_allclose(blas, lanes, rtol=0.0, atol=1e-10 * scale)
    np.testing.assert_allclose(schur.values, lanes, rtol=0.0, atol=1e-10 * scale)


def _never(model: decide.Matrices, how: decide.Plan) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows, n, _ = model.load.shape
    return np.zeros((rows, n, n)), np.zeros(model.load.shape), np.zeros(rows, dtype=np.bool_)


@pytest.mark.parametrize("large", [0, 50])
def test_verdicts_do_not_depend_on_the_road(large: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "LARGE", large)
    world = from_dynare(REFERENCES / "nk.mod", bounds={"phi_pi": (0.1, 3.0), "rho_a": (0.1, 1.5)})
    theta = np.stack([world.pack(), world.pack({"phi_pi": 0.2}), world.pack({"rho_a": 1.2})])
    expected = [Status.OK, Status.INDETERMINATE, Status.NO_STABLE_SOLUTION]
    assert world.check(theta).tolist() == expected
