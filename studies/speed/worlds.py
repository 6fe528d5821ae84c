"""Microseconds a draw, every world, one thread, beside outside tools in the same run.

`python -m studies.speed.worlds` prints the table and writes results/speed/worlds.json. The
work is to solve a draw and take its 41-quarter responses to every shock, in batches of 10,000 prior
draws, of 100 in dear worlds; for zlb also responses to -3 s.d., which reach the bound, and paths.
The outside tools are a loop over draws with scipy's ordered QZ, and dsgelab on the frozen .mod
files; both are given what they would otherwise have to compute (matrices, the steady state), and
must return our responses.

dsgelab is no dependency of this project: `pip install dsgelab` adds it, and without it its rows are
skipped. It takes one draw at a time, so it is given the first few draws of our batch.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.linalg import ordqz

from emulator import get_world, list_worlds
from emulator.worlds.equations import RationalExpectationsWorld

REFERENCES = Path(__file__).parents[2] / "tests" / "references"
HORIZON = 40
RESPONSES = "solve and all responses"
EXPECTATIONS = [n for n in list_worlds() if isinstance(get_world(n), RationalExpectationsWorld)]


BATCH = 10_000  # draws: enough that calls cost nothing, few enough that a round takes seconds
DEAR_BATCH = 100  # of worlds that take a tenth of a second a draw


@pytest.mark.parametrize("name", list_worlds())
def test_solve_and_all_responses(name: str, timed: Any) -> None:
    world = get_world(name)
    draws = DEAR_BATCH if world.dear else BATCH
    theta = world.sample_parameters(draws, np.random.default_rng(0))
    responses = timed(
        lambda: world.irf(theta, HORIZON),
        world=name, work=RESPONSES, tool="emulator", draws=len(theta),
    )  # fmt: skip
    assert np.isfinite(responses.values).all()


@pytest.mark.parametrize("name", EXPECTATIONS)
def test_scipy_ordered_qz_loop(name: str, timed: Any) -> None:
    world: Any = get_world(name)
    theta = world.sample_parameters(100, np.random.default_rng(0))
    model = world.model(theta)
    observed = [model.variables[v] for v in world.observed]

    def loop() -> np.ndarray:
        draws = zip(*model.matrices, strict=True)
        return np.stack([scipy_responses(*draw, observed) * world.units for draw in draws])

    values = timed(loop, world=name, work=RESPONSES, tool="scipy ordqz", draws=len(theta))
    expected = world.irf(theta, HORIZON).values
    np.testing.assert_allclose(values, expected, rtol=0.0, atol=1e-8 * np.abs(expected).max())


def scipy_responses(
    lead: np.ndarray,
    now: np.ndarray,
    lag: np.ndarray,
    load: np.ndarray,
    persistence: np.ndarray,
    impact: np.ndarray,
    observed: list[int],
) -> np.ndarray:
    """(S, H+1, 3) in model units by Klein's method, one draw, as one would write it with scipy."""
    n, k = load.shape
    eye, zero = np.eye(n), np.zeros((n, n))
    left = np.block([[zero, lead], [eye, zero]])
    right = np.block([[-lag, -now], [zero, eye]])
    _, _, alpha, beta, _, z = ordqz(
        right, left, sort=lambda a, b: np.abs(a) < np.abs(b), output="complex"
    )
    assert (np.abs(alpha) < np.abs(beta)).sum() == n
    transition = np.real(np.linalg.solve(z[:n, :n].T, z[n:, :n].T).T)
    system = np.kron(np.eye(k), lead @ transition + now) + np.kron(persistence.T, lead)
    response = np.linalg.solve(system, -load.T.reshape(-1)).reshape(k, n).T
    exogenous, y = impact, response @ impact
    out = [y[observed].T]
    for _ in range(HORIZON):
        exogenous = persistence @ exogenous
        y = transition @ y + response @ exogenous
        out.append(y[observed].T)
    return np.stack(out, axis=1)


@pytest.mark.parametrize(
    ("name", "file", "shocks"),
    [
        ("nk", "nk.mod", {"monetary": "e_m", "demand": "e_a", "cost_push": "e_u"}),
        ("rbc", "rbcm.mod", {"technology": "e_a", "preference": "e_b", "monetary": "e_m"}),
        ("sw07", "sw.mod", {s: f"e_{c}" for s, c in zip(
            ("technology", "risk_premium", "spending", "investment", "monetary", "price_markup",
             "wage_markup"), "abgirpw", strict=True)}),
    ],
)  # fmt: skip
def test_dsgelab_first_order(name: str, file: str, shocks: dict[str, str], timed: Any) -> None:
    if name not in list_worlds() or not (REFERENCES / file).exists():
        pytest.skip(f"{name} or {file} is not here")
    dsgelab = pytest.importorskip("dsgelab")
    mod = dsgelab.from_mod(REFERENCES / file)
    steady = mod.steady_state()

    def solve() -> dict[str, Any]:
        solution = dsgelab.solve(mod.model, mod.params, steady=steady)
        return {s: solution.irf(e, size=1.0, periods=HORIZON + 1) for s, e in shocks.items()}

    paths = timed(solve, world=name, work=RESPONSES, tool="dsgelab", draws=1, rounds=20)
    assert set(paths) == set(shocks)
    if name == "nk":  # the .mod's parameters are this world's defaults, but for unit innovations
        world = get_world(name)
        theta = world.pack()
        values = world.irf(theta, HORIZON).values[0]
        for s, shock in enumerate(world.shocks):
            # dsgelab reports percent as well
            scale = theta[world.parameter_names.index(shock.sigma or "")]
            np.testing.assert_allclose(paths[shock.name]["x"] * scale, values[s, :, 0], atol=1e-6)


PATH = "solve and a path of 120 quarters"
CASES = "solve and responses to -3 s.d."
QUARTERS = 120
INNOVATIONS = {"e_m": "sigma_m", "e_a": "sigma_a", "e_u": "sigma_u"}  # in the world's shock order
UNITS = np.array([100.0, 400.0, 400.0])


def constrained_draws() -> tuple[Any, np.ndarray]:
    """The world zlb and prior draws of it (BATCH, P)."""
    world = get_world("zlb")
    return world, world.sample_parameters(BATCH, np.random.default_rng(0))


def occbin(draws: np.ndarray) -> list[tuple[Any, dict[str, float]]]:
    """dsgelab's solution of the frozen zlb.mod at each of `draws`, as a function of the surprises
    {innovation: {quarter from 1: value}} and the number of quarters; and the innovations' s.d.s."""
    dsgelab = pytest.importorskip("dsgelab")
    names = get_world("zlb").parameter_names
    mod = dsgelab.from_mod(REFERENCES / "zlb.mod")
    model = mod.occbin_model()  # built once: it is the slow part of mod.occbin_simulate

    def economy(values: np.ndarray) -> tuple[Any, dict[str, float]]:
        theta = dict(zip(names, values.tolist(), strict=True))
        mod.params.update({name: theta[name] for name in mod.params if name in theta})
        mod.params["i_ss"] = theta["r_ss"] / 400.0
        params, steady = dict(mod.params), mod.steady_state()

        def simulate(surprises: dict[str, dict[int, float]], periods: int) -> np.ndarray:
            result = dsgelab.occbin_simulate(
                model, params, surprises, steady=steady, periods=periods, check_ahead=HORIZON
            )
            return np.stack([result.piecewise[v] for v in ("x", "pi", "i")], axis=1) * UNITS

        return simulate, {e: theta[sigma] for e, sigma in INNOVATIONS.items()}

    return [economy(values) for values in draws]


@pytest.mark.parametrize("tool", ["emulator", "dsgelab"])
def test_zlb_paths(tool: str, timed: Any) -> None:
    world, theta = constrained_draws()
    eps = np.random.default_rng(1).standard_normal((BATCH, QUARTERS, 3))
    if tool == "emulator":
        paths = timed(
            lambda: world.simulate(theta, eps),
            world="zlb", work=PATH, tool=tool, draws=BATCH,
        )  # fmt: skip
        assert 0.15 < paths.flags.mean() < 0.4  # the bound binds in about a third of quarters
        return
    few = 2
    economies = occbin(theta[:few])

    def loop() -> np.ndarray:
        return np.stack(
            [
                simulate(
                    {
                        e: {t + 1: float(sd * eps[row, t, j]) for t in range(QUARTERS)}
                        for j, (e, sd) in enumerate(sds.items())
                    },
                    QUARTERS,
                )
                for row, (simulate, sds) in enumerate(economies)
            ]
        )

    values = timed(loop, world="zlb", work=PATH, tool=tool, draws=few, rounds=3)
    expected = world.simulate(theta[:few], eps[:few]).observables
    np.testing.assert_allclose(values, expected, rtol=0.0, atol=1e-8)


@pytest.mark.parametrize("tool", ["emulator", "dsgelab"])
def test_zlb_large_shocks(tool: str, timed: Any) -> None:
    world, theta = constrained_draws()
    if tool == "emulator":
        responses = timed(
            lambda: world.irf(theta, HORIZON, -3.0),
            world="zlb", work=CASES, tool=tool, draws=BATCH,
        )  # fmt: skip
        binds = (responses.values[:, 1, :, 2] == -theta[:, -1:]).any(axis=1)
        assert 0.7 < binds.mean() < 0.95  # the references: 84 percent of draws after -3 s.d.
        return
    few = 10
    economies = occbin(theta[:few])

    def loop() -> np.ndarray:
        return np.stack(
            [
                [simulate({e: {1: -3.0 * sd}}, HORIZON + 1) for e, sd in sds.items()]
                for simulate, sds in economies
            ]
        )

    values = timed(loop, world="zlb", work=CASES, tool=tool, draws=few)
    expected = world.irf(theta[:few], HORIZON, -3.0).values
    np.testing.assert_allclose(values, expected, rtol=0.0, atol=1e-8)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q"]))
