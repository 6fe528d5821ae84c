"""Optimal policy under commitment against its first-order conditions, written out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emulator.worlds.dynare import Refusal, from_dynare
from emulator.worlds.dynare.reader import read, read_text
from tests.worlds.dynare.files import GAP, text, write

pytestmark = pytest.mark.fast

# Inflation and a gap that the planner chooses; i is the change of the gap.
PHILLIPS = "pi = 0.99*pi(+1) + 0.1*x + u;\ni = x - x(-1);\nu = rho*u(-1) + e;"
DECLARED = "var x pi i u; varexo e; parameters rho phi beta;"
VALUES = "rho = 0.8;\nphi = 1.5;\nbeta = 0.99;"
# pi_t = -(phi / kappa) (x_t - x_{t-1}): Clarida, Gali and Gertler (1999, JEL 37), 4.2
CONDITION = f"{PHILLIPS}\npi = -phi/0.1*(x - x(-1));"


@pytest.mark.parametrize(
    "end",
    [
        "planner_objective pi^2 + phi*x^2;\n"
        "ramsey_model(planner_discount = 0.99, instruments = (x));\nstoch_simul;",
        "planner_objective -(pi^2 + phi*x^2)/2;\nramsey_policy(irf=0, planner_discount=beta) x;",
    ],
)
def test_the_planners_conditions_are_those_written_out(tmp_path: Path, end: str) -> None:
    parts = {"declarations": DECLARED, "values": VALUES}
    free = {"rho": (0.1, 0.9), "phi": (0.1, 5.0)}
    planned = from_dynare(
        write(tmp_path, text(**parts, model=PHILLIPS, end=end), "planned.mod"),
        observables=GAP,
        bounds=free,
    )
    written = from_dynare(
        write(tmp_path, text(**parts, model=CONDITION), "written.mod"),
        observables=GAP,
        bounds=free,
    )
    theta = written.sample_parameters(20, np.random.default_rng(0))
    same = [planned.pack(dict(zip(written.parameter_names, row, strict=True))) for row in theta]
    found, expected = planned.irf(np.stack(same), 20), written.irf(theta, 20)
    assert (found.status == 0).all()
    np.testing.assert_allclose(found.values, expected.values, rtol=0.0, atol=1e-11)


def test_a_steady_state_is_the_planners(tmp_path: Path) -> None:
    """Growth: the planner's capital has alpha k^(alpha - 1) = 1/beta - 1 + delta."""
    path = write(
        tmp_path,
        text(
            declarations="var c k z; varexo e; parameters a b d;",
            values="a = 0.3; b = 0.96; d = 0.1;",
            model="c + k = exp(z)*k(-1)^a + (1 - d)*k(-1);\nz = 0.9*z(-1) + e;",
            after="initval; c = 1; k = 3; end;",
            end="planner_objective log(c);\nramsey_model(planner_discount = b);\nstoch_simul;",
        ),
    )
    world = from_dynare(path, observables={"output": "c", "inflation": "k", "rate": "z"})
    k = (0.3 / (1 / 0.96 - 1 + 0.1)) ** (1 / 0.7)
    assert world.steady_state()["k"] == pytest.approx(k, rel=1e-12)
    printed = read_text(read(path).print(), "printed.mod")
    assert printed.print() == read(path).print()
    assert "MULT_2" in printed.endogenous


@pytest.mark.parametrize(
    ("end", "line", "reason"),
    [
        ("ramsey_model;", 14, "there is no planner_objective"),
        ("planner_objective x^2 + q;\nramsey_model;", 14, "q is not declared"),
        ("planner_objective x^2;\nramsey_model;", 15, "leave the planner no instrument"),
        ("discretionary_policy(instruments=(i));", 14, "without commitment is not read"),
    ],
)
def test_policy_that_cannot_be_found_is_refused(
    tmp_path: Path, end: str, line: int, reason: str
) -> None:
    model = CONDITION if "instrument" in reason else PHILLIPS
    pad = "" if "instrument" in reason else "\n"
    content = text(declarations=DECLARED, values=VALUES, model=model + pad, end=end)
    with pytest.raises(Refusal, match=rf"^small\.mod:{line}: .*{reason}"):
        read(write(tmp_path, content))
