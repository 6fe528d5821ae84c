"""Steady states do not depend on the units in which a model is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emulator.worlds import from_dynare
from emulator.worlds.dynare import DynareWorld
from tests.worlds.dynare.files import write

pytestmark = pytest.mark.fast

SMALL = """
var c y i; varexo e; parameters s;
s = 5.5;
model;
  c^(-s) = 0.99*c(+1)^(-s)*i;
  y^(-s) = (500*exp(e))^(-s);
  c = y;
end;
initval; c = 400; y = 400; i = 1; end;
shocks; var e; stderr 0.01; end;
"""

GROWTH = """
var k y c i a; varexo e; parameters alpha beta delta rho unit;
alpha = 0.33; beta = 0.99; delta = 0.025; rho = 0.9; unit = {unit};
model;
  1/c = beta/c(+1)*(1 + alpha*y(+1)/k - delta);
  y = unit*exp(a)*(k(-1)/unit)^alpha;
  k = (1 - delta)*k(-1) + y - c;
  a = rho*a(-1) + e;
  i = log(c(+1)/c) + 1/beta - 1;
end;
{rest}
shocks; var e; stderr 0.01; end;
"""
EXACT = """steady_state_model;
  a = 0; k = unit*(alpha/(1/beta - 1 + delta))^(1/(1 - alpha)); y = unit*(k/unit)^alpha;
  c = y - delta*k; i = 1/beta - 1;
end;"""


def world(folder: Path, content: str) -> DynareWorld:
    observables = {"output": "100*log(y)", "inflation": "400*i", "rate": "400*i"}
    return from_dynare(write(folder, content), observables=observables)


def test_small_terms_are_solved_to_all_digits(tmp_path: Path) -> None:
    made = world(tmp_path, SMALL)
    for values in ({}, {"s": 6.5}):
        found = made.steady_state(values)
        assert found == pytest.approx({"c": 500.0, "y": 500.0, "i": 1.0 / 0.99}, rel=1e-9)


@pytest.mark.parametrize("exact", [True, False])
def test_levels_may_be_counted_in_any_unit(tmp_path: Path, exact: bool) -> None:
    paths = []
    for unit in (1, 1_000_000):
        start = f"initval; k = {30 * unit}; y = {3 * unit}; c = {2.4 * unit}; i = 0.01; end;"
        made = world(tmp_path, GROWTH.format(unit=unit, rest=EXACT if exact else start))
        theta = made.sample_parameters(50, np.random.default_rng(0))
        assert not made.check(theta).any()
        paths.append(made.irf(theta, 8).values)
    np.testing.assert_allclose(paths[1], paths[0], rtol=0.0, atol=1e-8)
