"""The roads to a decision rule agree: draws side by side, batched BLAS, and the Schur form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emulator.worlds import Status, base, linear
from emulator.worlds.dynare import decide, from_dynare, large
from tests.worlds.dynare.files import GAP, MODELS, REFERENCES, text, write

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
    uncertain = np.full(rows, large.UNCERTAIN, dtype=np.int8)
    return np.zeros((rows, n, n)), np.zeros(model.load.shape), uncertain


@pytest.mark.parametrize("limit", [0, 50])
def test_verdicts_do_not_depend_on_the_road(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "LARGE", limit)
    world = from_dynare(REFERENCES / "nk.mod", bounds={"phi_pi": (0.1, 3.0), "rho_a": (0.1, 1.5)})
    theta = np.stack([world.pack(), world.pack({"phi_pi": 0.2}), world.pack({"rho_a": 1.2})])
    expected = [Status.OK, Status.INDETERMINATE, Status.NO_STABLE_SOLUTION]
    assert world.check(theta).tolist() == expected


@pytest.mark.parametrize("limit", [0, 50])
def test_roots_beside_a_unit_root_are_counted(
    limit: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Those between a unit root and the threshold of doubling too."""
    monkeypatch.setattr(decide, "LARGE", limit)
    content = text(
        declarations="var x pi i p; varexo e; parameters rho phi far;",
        values="rho = 0.8;\nphi = 1.5;\nfar = 1.3;",
        model="x = rho*x(-1) + e + 0*p;\npi = pi(+1)/far + 0.1*x;\n"
        "p = p(-1) + pi;\ni = phi*pi + p - p(-2);",
    )
    bounds = {"far": (0.5, 2.0), "rho": (0.5, 1.5)}
    world = from_dynare(write(tmp_path, content), observables=GAP, bounds=bounds)
    assert world.found.unit_roots
    draws = [{}, {"far": 1.02}, {"far": 0.9}, {"rho": 1.01}, {"far": 1.00005}]
    theta = np.stack([world.pack(draw) for draw in draws])
    out = Status.NO_STABLE_SOLUTION
    expected = [Status.OK, Status.OK, Status.INDETERMINATE, out, Status.OK]
    assert world.check(theta).tolist() == expected
    values = world.irf(theta, 20).values[:, 0, :, 1]
    for row in (0, 1, 4):
        far = theta[row, world.parameter_names.index("far")]
        path = 40.0 * 0.01 * 0.8 ** np.arange(21) / (1.0 - 0.8 / far)
        np.testing.assert_allclose(values[row], path, rtol=1e-10)


def test_draws_are_solved_in_parts_that_fit_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    world = from_dynare(REFERENCES / "nk.mod")
    theta = world.from_uniforms(np.random.default_rng(0).random((7, len(world.parameters))))
    whole = world.irf(theta)
    monkeypatch.setattr(base, "_SOLUTION_ENTRIES", 3 * len(world.state_names) ** 2)
    parts = world.irf(theta)
    np.testing.assert_array_equal(parts.values, whole.values)
    np.testing.assert_array_equal(parts.status, whole.status)
    np.testing.assert_array_equal(world.check(theta), whole.status)


@pytest.mark.parametrize("horizon", [0, 1, 12])
def test_responses_of_large_models_are_the_same(
    horizon: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = from_dynare(MODELS / "rotemberg.mod")
    theta = world.sample_parameters(5, np.random.default_rng(2))
    size = np.random.default_rng(3).standard_normal((5, len(world.shocks)))
    lanes = world.irf(theta, horizon, size).values
    monkeypatch.setattr(linear, "LARGE", 1)
    blas = world.irf(theta, horizon, size).values
    np.testing.assert_allclose(blas, lanes, rtol=1e-12, atol=1e-13 * np.abs(lanes).max())
    np.testing.assert_array_equal(world.irf(theta[3], horizon, size[3:4]).values[0], blas[3])
