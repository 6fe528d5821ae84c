"""A model printed back and read again is the same model."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.worlds import from_dynare
from emulator.worlds.dynare.model import Model
from emulator.worlds.dynare.program import Program
from emulator.worlds.dynare.reader import read, read_text
from tests.worlds.dynare.files import GAP, MODELS, text, write

pytestmark = pytest.mark.fast

atoms = st.one_of(
    st.sampled_from(["x", "pi", "i", "x(-1)", "pi(+1)", "i(-2)", "e", "rho", "phi", "local"]),
    st.floats(0.0, 1e6).map(repr),
    st.sampled_from(["1", "2.", ".5", "1e-3", "1D2"]),
)
SIGNS = ["+", "-", "*", "/", "^", " - -", "*-"]
expressions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(SIGNS), inner).map("".join),
        st.tuples(st.sampled_from(["(", "-(", "exp(", "steady_state(", "log(1+"]), inner).map(
            lambda pair: f"{''.join(pair)})"
        ),
        st.tuples(inner, inner).map(lambda pair: f"max({pair[0]}, {pair[1]})"),
    ),
    max_leaves=10,
)  # fmt: skip


def values(model: Model) -> list[float]:
    """The equations at numbers that are the same wherever a symbol is."""
    nodes = [equation.node for equation in model.equations]
    program = Program(model.graph, nodes)
    at = {
        symbol: np.float64(
            0.3 + (7 * sum(map(ord, symbol.kind + symbol.name)) + 5 * symbol.shift) % 97 / 97
        )
        for symbol in program.symbols
    }
    with np.errstate(all="ignore"):
        return [float(value) for value in program(at)]


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(right=st.tuples(expressions, expressions, expressions), local=expressions)
def test_a_file_printed_back_and_read_again_is_the_same(
    right: tuple[str, str, str], local: str
) -> None:
    local = local.replace("local", "phi")
    equations = [f"# local = {local};", f"x = {right[0]};", f"[name = 'two', mcp = 'i > 0'] pi = "
                 f"{right[1]};", f"i = {right[2]} + 0*e;"]  # fmt: skip
    content = text(
        before="@#define COUNT = 3",
        declarations="var x $\\hat{x}$ (long_name = 'the gap'), pi i;\nvarexo e;\n"
        "parameters rho phi;",
        values="rho = 0.8 + @{COUNT}/10;\nphi = 2*rho;",
        model="\n".join(equations),
        after="initval; x = 1; pi = rho; end;",
        end="estimated_params; rho, 0.8, beta_pdf, 0.7, 0.1; end;",
    )
    with TemporaryDirectory() as folder:
        model = read(write(Path(folder), content))
    printed = model.print()
    again = read_text(printed, model.file)
    assert again.print() == printed
    np.testing.assert_array_equal(values(again), values(model))
    for name in (
        "endogenous",
        "exogenous",
        "parameters",
        "labels",
        "defaults",
        "values",
        "initial",
    ):
        one, two = getattr(model, name), getattr(again, name)
        assert list(one) == list(two), name
    assert [p._replace(place=q.place) for p, q in zip(model.priors, again.priors, strict=True)] == (
        again.priors
    )
    assert [e.tags for e in again.equations] == [e.tags for e in model.equations]


def test_equations_are_shown_as_the_file_has_them(tmp_path: Path) -> None:
    loop = "@#for v in ['x']\n@{v} = rho * @{v}( -1 ) + e;\n@#endfor\n"
    model = f"{loop}pi = 0.1*x^2 + exp( x );\ni = phi*pi;"
    world = from_dynare(write(tmp_path, text(model=model)), observables=GAP)
    assert world.found.equations == [
        "x = rho * x(-1) + e;", "pi = 0.1 * x^2 + exp(x);", "i = phi * pi;",
    ]  # fmt: skip


def test_shocks_sds_are_those_of_the_file() -> None:
    sds = from_dynare(MODELS / "rotemberg.mod").shock_sds()
    assert list(sds) == ["e_a", "e_g", "e_r"]
    world = from_dynare(MODELS / "rotemberg.mod")
    assert sds["e_g"] == world.pack()[world.parameter_names.index("sd_e_g")]
