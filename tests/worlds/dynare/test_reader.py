"""What a file says is what is read, and what is not read is refused with its line and a remedy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emulator.errors import UnknownNameError
from emulator.worlds.dynare import Refusal, from_dynare
from emulator.worlds.dynare.reader import read, read_text
from tests.worlds.dynare.files import GAP, MODELS, REFERENCES, text, write

pytestmark = pytest.mark.fast


def responses(path: Path, **options: object) -> np.ndarray:
    world = from_dynare(path, observables=GAP, **options)  # type: ignore[arg-type]
    return np.asarray(world.irf(world.pack(), 12).values[0])


def same(folder: Path, one: str | bytes, two: str | bytes) -> bool:
    """Whether two files have the same responses."""
    first = responses(write(folder, one, "one.mod"))
    return bool(np.array_equal(first, responses(write(folder, two, "two.mod"))))


@pytest.mark.parametrize("path", [*MODELS.glob("*.mod"), *REFERENCES.glob("*.mod")], ids=str)
def test_a_file_printed_back_is_the_same_model(path: Path) -> None:
    model = read(path)
    printed = model.print()
    again = read_text(printed, path.name)
    assert again.print() == printed
    assert [e.node for e in again.equations] == [e.node for e in model.equations]
    assert again.values == model.values
    assert again.defaults == model.defaults
    assert again.graph.operation == model.graph.operation
    assert [p[:-1] for p in again.priors] == [p[:-1] for p in model.priors]


def test_comments_tex_and_long_names_do_not_count(tmp_path: Path) -> None:
    decorated = text(
        before="% a line\n// another\n/* and\n a block; var q; */",
        declarations="var x ${x_{t}%}$ (long_name='gap; of % output'), pi, i;\n"
        "varexo e $\\varepsilon$;\nparameters rho, phi;",
        model="[name='x; y'] x /* in */ = rho*x(-1) + e; // at the end\npi = 0.1*x;\ni = phi*pi;",
    )
    assert same(tmp_path, text(), decorated)
    assert from_dynare(tmp_path / "two.mod", observables=GAP)._model.model.labels == {
        "x": "gap; of % output"
    }


def test_latin_1_and_other_line_ends_are_read(tmp_path: Path) -> None:
    latin = text(before="// d\u00e9j\u00e0 vu").encode("latin-1")
    assert same(tmp_path, text(), latin.replace(b"\n", b"\r\n"))
    assert same(tmp_path, text(), b"\xef\xbb\xbf" + text().encode())


@pytest.mark.parametrize(
    ("parts", "equal"),
    [
        ({"model": "#k = 0.1;\nx = rho*x(-1) + e;\npi = k*x;\ni = phi*pi;"}, True),
        ({"model": "x - rho*x(-1) - e;\npi = x/10;\n0 = -i + phi*pi;"}, True),
        ({"model": "x(+1) - x(+1) + x = rho*x(-1) + e;\npi = 0.1*x;\ni = phi*pi;"}, True),
        ({"model": "x = rho*x(-1) + e;\npi = log(exp(.1*x));\ni = phi*pi + max(-1, 0)*0;"}, True),
        ({"model": "x = rho*x(-1) + e;\npi = 0.1*x;\ni = phi*pi + 0*steady_state(x);"}, True),
        ({"shocks": "shocks; var e = 0.01^2; end;"}, True),
        ({"shocks": "shocks; var e; stderr .02; end; shocks; var e; stderr 1e-2; end;"}, True),
        ({"end": "steady;\nstoch_simul(order=2) x;\nrho = 0.1;"}, True),
        ({"values": "half = 0.4;\nrho = 2*half; phi = 1.5;\nclose all\nclc"}, True),
        ({"values": "set_param_value('rho', 0.8);\nphi=3/2;"}, True),
        ({"before": "if 1\n disp('x')\nend\nfor j=1:2, z{j} = 'a'; end"}, True),
        ({"values": "rho = 0.5;\nphi = 1.5;"}, False),
    ],
)
def test_ways_of_writing_one_model(tmp_path: Path, parts: dict[str, str], equal: bool) -> None:
    one = responses(write(tmp_path, text(), "one.mod"))
    two = responses(write(tmp_path, text(**parts), "two.mod"))
    assert np.allclose(one, two, rtol=1e-12, atol=1e-15) == equal


def test_computed_parameters_follow_what_they_are_computed_from(tmp_path: Path) -> None:
    parts = {
        "declarations": "var x pi i; varexo e; parameters rho phi twice;",
        "values": "rho = 0.4;\nphi = 1.5;\ntwice = 2*rho;",
        "model": "x = twice*x(-1) + e;\npi = 0.1*x;\ni = phi*pi;",
    }
    world = from_dynare(write(tmp_path, text(**parts)), observables=GAP)
    assert "twice" not in world.parameter_names
    values = world.irf(world.pack({"rho": 0.3}), 2).values[0, 0, :, 0]
    np.testing.assert_allclose(values, [1.0, 0.6, 0.36])


def test_predetermined_variables_leads_and_lags_of_shocks_and_expectations(tmp_path: Path) -> None:
    plain = text(
        declarations="var x pi i; varexo e; parameters rho phi;",
        model="x = rho*x(-1) + e(-2);\npi = 0.1*x(-1);\ni = x(+2);",
    )
    other = text(
        declarations="var x pi i v; varexo e; parameters rho phi; predetermined_variables v;",
        model="v(+1) = rho*v + e(-2);\nx = v(+1);\npi = 0.1*v;\ni = EXPECTATION(0)(v(+3)) + e(+1);",
    )
    assert same(tmp_path, plain, other)
    delayed = text(model="x = rho*x(-1) + e;\npi = EXPECTATION(-2)(x);\ni = phi*pi;")
    values = responses(write(tmp_path, delayed))[0]
    np.testing.assert_allclose(values[:, 1], [0.0, 0.0, *4.0 * 0.8 ** np.arange(2, 13)], atol=1e-14)


@pytest.mark.parametrize("first", ["initval", "steady_state_model", "model"])
def test_shocks_at_rest_are_what_initval_says_wherever_it_stands(
    tmp_path: Path, first: str
) -> None:
    start = "initval; e = 0; g = 2; end;"
    rest = "steady_state_model; x = g; slope = 1 + g; pi = slope*x; i = 2*x; end;"
    parts = {
        "declarations": "var x pi i; varexo e g; parameters rho phi slope;"
        + (start if first == "initval" else ""),
        "model": "x = rho*x(-1) + (1 - rho)*g + e;\npi = slope*x;\ni = steady_state(g)*x;",
        "after": rest + start if first == "steady_state_model" else rest,
        "shocks": (start if first == "model" else "") + text().splitlines()[-1],
    }
    values = responses(write(tmp_path, text(**parts)))[0, 0]
    np.testing.assert_allclose(values, [1.0, 12.0, 8.0])


def test_correlated_shocks_are_cholesky_columns(tmp_path: Path) -> None:
    parts = {
        "declarations": "var x pi i; varexo e u; parameters rho phi;",
        "model": "x = rho*x(-1) + e;\npi = 0.1*u;\ni = phi*pi;",
    }
    shocks = "shocks; var e; stderr 0.02; var u; stderr 0.01; corr u, e = 0.6; end;"
    values = responses(write(tmp_path, text(**parts, shocks=shocks)))
    np.testing.assert_allclose(values[:, 0, 0], [2.0, 0.0], atol=1e-15)
    np.testing.assert_allclose(values[:, 0, 1], 40.0 * np.array([0.006, 0.008]))
    covariance = "shocks; var e = 0.0004; var u = 0.0001; var e, u = 0.00012; end;"
    again = responses(write(tmp_path, text(**parts, shocks=covariance)))
    np.testing.assert_allclose(again, values)


def test_values_beside_the_file_replace_what_it_takes_from_elsewhere(tmp_path: Path) -> None:
    parts = {"values": "load parameters.mat;\nset_param_value('rho', loaded);\nphi = 1.5;"}
    path = write(tmp_path, text(**parts), "elsewhere.mod")
    with pytest.raises(Refusal, match=r"elsewhere.mod:2: parameter rho has no value .*--values"):
        from_dynare(path, observables=GAP)
    values = responses(path, values={"rho": 0.8})
    np.testing.assert_array_equal(values, responses(write(tmp_path, text())))
    with pytest.raises(UnknownNameError, match="did you mean 'rho'"):
        from_dynare(path, observables=GAP, values={"rhoo": 0.8})


@pytest.mark.parametrize(
    ("parts", "line", "reason"),
    [
        ({"model": "x = rho*x(-1) + e;\npi = 0.1*y;\ni = phi*pi;"}, 7, "y is not declared"),
        ({"model": "x = rho*x(-1) + e\npi = 0.1*x;\ni = phi*pi;"}, 7, "unexpected 'pi'"),
        ({"model": "x = rho*(x(-1) + e;\npi = 0.1*x;\ni = phi*pi;"}, 6, "'\\)' is missing"),
        ({"model": "x = rho*x(-1) + e;\npi = 0.1*x;"}, 5, "2 equations for 3 endogenous"),
        ({"model": "x = rho*x(-1) + e;\npi = gamm(x);\ni = phi*pi;"}, 7, "gamm.* is not read"),
        ({"model": "x = rho*x(y) + e;\npi = x;\ni = phi*pi;"}, 6, "lead or lag"),
        ({"model": "x == rho*x(-1) + e;\npi = 0.1*x;\ni = phi*pi;"}, 6, "'==' only .*write `=`"),
        ({"model": "x = rho*x(-1) + e;\npi = 0.1*x;\ni >= phi*pi;"}, 8, "'>=' only compares"),
        ({"values": "rho = 0.8;"}, 2, "parameter phi has no value"),
        ({"values": "rho = 0.8\nphi = 1.5;"}, 3, "parameter rho .*unexpected 'phi'.*want of a `;`"),
        ({"values": "rho = 0.8;\nphi = 1.5"}, 1, "no model block .*:4: unexpected 'model'"),
        (
            {"declarations": "var x pi i\nvarexo e; parameters rho phi;"},
            3,
            "var: `varexo` stands among the names declared; end .* with `;`",
        ),
        ({"declarations": "var x pi i; varexo e;\nparameters rho phi"}, 4, "`rho = ...` stands"),
        (
            {"model": "x = rho*x(-1) + e;\npi = 0.1*x;\n10*pi = x;"},
            8,
            "the equations of lines 7 and 8 are linearly dependent.*replace it",
        ),
        ({"values": "rho = foo(2);\nphi = 2;"}, 3, "parameter rho has no value"),
        (
            {"values": "if f(1)\nrho = 0.8;\nend\nphi = 1.5;"},
            4,
            "native code that begins in line 3",
        ),
        ({"end": "discretionary_policy(instruments=(i));"}, 12, "optimal policy.*first-order"),
        ({"before": "external_function(name=f);"}, 1, "functions written elsewhere"),
        ({"declarations": "var(deflator=A) x pi i;varexo e; parameters rho phi;"}, 2, "trends"),
        ({"declarations": "var x pi i; varexo x; parameters rho phi;"}, 2, "x is declared twice"),
        ({"shocks": "shocks; var q; stderr 1; end;"}, 11, "q is not declared"),
        ({"shocks": "shocks; var e; stderr rho2; end;"}, 11, "rho2 is not declared; did you mean"),
        ({"shocks": "shocks; var e; stderr 0.01; "}, 11, "its `end;` is missing"),
        ({"values": "rho = 1.2;\nphi = 1.5;"}, 6, "no stable solution"),
        (
            {"model": "x = rho*x(-1) + e;\npi = log(-1 - x^2);\ni = phi*pi;"},
            7,
            "no steady state was found; at the start this equation is no number",
        ),
        ({"before": '@#include "/etc/passwd"'}, 1, "outside the folder of the model"),
        ({"before": '@#include "../up.mod"'}, 1, "outside the folder of the model"),
        ({"before": "@#if 1"}, 1, "@#if is not closed"),
        ({"before": "@#endif"}, 1, "@#endif is not a macro directive"),
        ({"before": "@#define a = b"}, 1, "b is not defined"),
        ({"before": '@#error "not" + "now"'}, 1, "stops here itself"),
    ],
)
def test_refusals_name_the_line_and_the_reason(
    tmp_path: Path, parts: dict[str, str], line: int, reason: str
) -> None:
    path = write(tmp_path, text(**parts))
    with pytest.raises(Refusal, match=rf"^small\.mod:\d+: .*{reason}") as caught:
        from_dynare(path, observables=GAP)
    assert caught.value.place.line == line, str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_left_out_is_listed(tmp_path: Path) -> None:
    parts = {
        "end": "my_plot(1);\nendval; x = 0; end;\nstoch_simul;",
        "shocks": "shocks; var e; stderr 0.01; var x; stderr 0.1; end;",
    }
    notes = [str(n) for n in read(write(tmp_path, text(**parts))).notes]
    assert any("small.mod:12: native line skipped: my_plot" in n for n in notes), notes
    assert any("endval block left out" in n for n in notes)
    assert any("measurement error of x" in n for n in notes)


def test_occasionally_binding_tags_keep_the_reference_regime(tmp_path: Path) -> None:
    tagged = text(
        model="x = rho*x(-1) + e;\n[name='p', relax='z'] pi = 0.1*x;\n"
        "[name='p', bind='z'] pi = 0;\n"
        "[mcp = 'i > -1'] i = phi*pi;"
    )
    assert same(tmp_path, text(), tagged)


def test_nothing_beside_the_file_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "part.inc").write_text("phi = 1.5;\n")
    path = write(tmp_path, text(values='rho = 0.8;\n@#include "inner/part.inc"'))
    opened: list[Path] = []
    real = Path.read_bytes

    def spy(self: Path) -> bytes:
        opened.append(self)
        return real(self)

    monkeypatch.setattr(Path, "read_bytes", spy)
    assert read(path).values.keys() == {"rho", "phi"}
    assert [p.name for p in opened] == ["small.mod", "part.inc"]


def test_a_tag_declares_the_variable_of_its_equation(tmp_path: Path) -> None:
    parts = {
        "declarations": "var x i; varexo e; parameters rho phi;",
        "model": "x = rho*x(-1) + e;\n[endogenous='pi', name='prices']\npi = 0.1*x;\ni = phi*pi;",
    }
    world = from_dynare(write(tmp_path, text(**parts)), observables=GAP)
    assert world.found.solved[1] == 6
    assert read_text(read(tmp_path / "small.mod").print(), "a.mod").endogenous.keys() == {
        *("x", "i", "pi")
    }
