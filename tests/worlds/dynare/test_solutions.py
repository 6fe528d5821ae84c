"""Imported models have Dynare's responses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from emulator.worlds import Status
from emulator.worlds.dynare import DynareWorld, from_dynare
from tests.dynare import load
from tests.worlds.dynare.files import GAP, MODELS, REFERENCES

pytestmark = pytest.mark.fast

# Relative to each series' largest response; the frozen numbers carry 15 digits.
TOLERANCE = 1e-10


def world_of(file: str, observables: dict[str, str], draws: list[dict[str, Any]]) -> DynareWorld:
    """The file's world with every number free that differs between draws or from the file."""
    names = [n for n in draws[0]["params"] if not n.startswith("sigma_") and n != "r_ss"]
    wide = dict.fromkeys(names, (-1e3, 1e3))
    return from_dynare(REFERENCES / file, observables=observables, bounds=wide)


def theta_of(world: DynareWorld, draw: dict[str, Any]) -> np.ndarray:
    values = {k: v for k, v in draw["params"].items() if k in world.parameter_names}
    sizes = {f"sd_{shock}": size for shock, size in draw["shock_sizes"].items()}
    return world.pack({**values, **sizes})


def largest_gap(
    world: DynareWorld, draws: list[dict[str, Any]], series: list[str], key: str = "irf"
) -> float:
    theta = np.stack([theta_of(world, draw) for draw in draws])
    responses = world.irf(theta, 40)
    assert set(responses.status) <= {Status.OK, Status.OUT_OF_BOUNDS}
    gaps = []
    for b, draw in enumerate(draws):
        for s, shock in enumerate(world.shock_names):
            for v, name in enumerate(series):
                expected = np.array(draw[key][shock][name])
                scale = max(np.abs(expected).max(), 1e-6)
                gaps.append(np.abs(responses.values[b, s, :, v] - expected).max() / scale)
    return float(max(gaps))


def test_the_new_keynesian_file_has_dynares_responses() -> None:
    draws = load("nk_dynare.json")["draws"]
    assert largest_gap(world_of("nk.mod", GAP, draws), draws, ["x", "pi", "i"]) < TOLERANCE


def test_the_real_business_cycle_file_has_dynares_responses() -> None:
    draws = load("rbcm_dynare.json")["draws"]
    names = {"output": "100*y", "inflation": "400*pi", "rate": "400*ii"}
    world = from_dynare(REFERENCES / "rbcm.mod", observables=names, bounds={"nu": (0.1, 10.0)})
    assert largest_gap(world, draws, ["y", "pi", "ii"]) < TOLERANCE


def test_smets_and_wouters_have_dynares_responses() -> None:
    names = {"output": "y", "inflation": "4*pi", "rate": "4*r"}
    world = from_dynare(REFERENCES / "sw.mod", observables=names)
    for file in ("sw07_dynare.json", "sw07_draws_dynare.json"):
        assert largest_gap(world, load(file)["draws"], ["y", "pi", "r"]) < TOLERANCE


def test_a_constrained_file_has_its_reference_regimes_responses() -> None:
    document = load("zlb_dynare.json")
    world = world_of("zlb.mod", GAP, [{"params": {"sigma": 1.0}}])
    assert world.found.observables == GAP
    for draw in document["draws"]:
        linear = draw["linear_plus_1sd"]
        sizes = {k: draw["params"][f"sigma_{k[2:]}"] for k in world.shock_names}
        assert (
            largest_gap(world, [{**draw, "shock_sizes": sizes, "irf": linear}], ["x", "pi", "i"])
            < TOLERANCE
        )


@pytest.mark.parametrize(
    ("file", "observables", "variables"),
    [
        ("growth", {"output": "y", "inflation": "pi", "rate": "R"}, ("y", "pi", "R")),
        ("growth", {"output": "w", "inflation": "log_i", "rate": "n"}, ("w", "log_i", "n")),
        ("rotemberg", {"output": "y", "inflation": "pi4", "rate": "R"}, ("y", "pi4", "R")),
        ("rotemberg", {"output": "lam", "inflation": "P", "rate": "g"}, ("lam", "P", "g")),
    ],
)
def test_files_of_every_feature_have_dynares_responses(
    file: str, observables: dict[str, str], variables: tuple[str, str, str]
) -> None:
    reference = load(f"{file}_dynare.json")
    world = from_dynare(MODELS / f"{file}.mod", observables=observables)
    values = world.irf(world.pack(), 40).values[0]
    for s, shock in enumerate(world.shock_names):
        for v, name in enumerate(variables):
            expected = np.array(reference["irf"][shock][name])
            # what does not respond is zero but for rounding
            atol = 1e-10 * np.abs(expected).max() + 1e-15
            np.testing.assert_allclose(values[s, :, v], expected, rtol=0.0, atol=atol)


def test_steady_states_are_dynares() -> None:
    for file in ("growth", "rotemberg"):
        world = from_dynare(MODELS / f"{file}.mod")
        expected = load(f"{file}_dynare.json")["steady_state"]
        found = world.steady_state()
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=1e-10, abs=1e-10), name


def test_determinacy_is_dynares() -> None:
    document = load("nk_indeterminate_dynare.json")
    world = world_of("nk.mod", GAP, document["cases"])
    for case in document["cases"]:
        values = {k: v for k, v in case["params"].items() if k in world.parameter_names}
        status = world.check(world.pack(values))[0]
        expected = {0: Status.OK, 3: Status.NO_STABLE_SOLUTION, 4: Status.INDETERMINATE}
        assert status == expected[case["dynare_info"]], case["id"]
