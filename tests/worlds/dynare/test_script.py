"""Native code that is followed as Dynare runs it, and what is refused because it is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from emulator.worlds.dynare import Refusal, from_dynare
from emulator.worlds.dynare.graph import Symbol
from emulator.worlds.dynare.model import Model
from emulator.worlds.dynare.program import Program
from emulator.worlds.dynare.reader import read, read_text
from tests.worlds.dynare.files import GAP, text, write

pytestmark = pytest.mark.fast


def values(model: Model) -> dict[str, float]:
    """The parameters at the calibration, and shocks' s.d.s."""
    names = list(model.values)
    found = Program(model.graph, [model.values[n] for n in names])(model.defaults)
    out = {n: float(v) for n, v in zip(names, found, strict=True)}
    moments = {f"sd_{a}": m.node for (a, b), m in model.covariance.items() if a == b}
    sds = Program(model.graph, list(moments.values()))(model.defaults)
    return out | {n: float(v) for n, v in zip(moments, sds, strict=True)}


def check(folder: Path, expected: dict[str, float], **parts: str) -> None:
    """The file has these values, and its print, read again without anything beside it, too."""
    model = read(write(folder, text(**parts)))
    printed = read_text(model.print(), "printed.mod")
    assert printed.print() == model.print()
    for found in (values(model), values(printed)):
        assert {n: found[n] for n in expected} == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("setting", "rho"),
    [(1, 0.8), (2, 0.7), (3, 0.6)],
)
def test_a_branch_with_a_known_condition_is_followed(
    tmp_path: Path, setting: int, rho: float
) -> None:
    lines = (
        f"setting = {setting};\nphi = 1.5;\nrho = 0.6;\n"
        "if setting == 1; % the first\n rho = 0.8; if phi > 9\n rho = 0.1;\n end\n"
        "elseif setting == 2\n rho = 0.7;\nelse\n if f(1)\n  x1 = 3;\n end\nend;"
    )
    check(tmp_path, {"rho": rho, "phi": 1.5}, values=lines)


def test_a_command_in_a_branch_that_does_not_run_answers_nothing(tmp_path: Path) -> None:
    lines = "rho = 0.8;\nphi = 1;\nflag = 0;\nif flag\nstoch_simul;\nphi = 2;\nend\nphi = 1.5;"
    check(tmp_path, {"phi": 1.5}, values=lines)


def test_the_first_round_of_a_loop_with_a_command_counts(tmp_path: Path) -> None:
    check(
        tmp_path,
        {"rho": 0.5, "phi": 1.2},
        values="rhos = [ 0.5 0.6, 0.7 ];\nk = 1;\nrho = 0.8;\nphi = 1.5;",
        end="for i = 1:length(rhos)\nrho = rhos(i);\n"
        "for j = 1.2:0.1:2\nphi = j;\nstoch_simul;\nend\nend",
    )


@pytest.mark.parametrize(
    ("lines", "line", "name"),
    [
        ("phi = 1.5;\nfor i = 1:3\nrho = 0.2*i;\nend", 5, "rho"),
        ("phi = 1.5;\nfor i = f(1)\nrho = 0.2*i;\nend", 5, "rho"),
        ("phi = 1.5; rho = 0.8;\nif exist('a')\nset_param_value('rho', 0.2);\nend", 5, "rho"),
        ("phi = 1.5; rho = 0.8;\nif f(1), set_param_value('rho', 0.2); end", 4, "a parameter"),
        ("phi = 1.5;\nwhile f(1)\nrho = 0.2;\nend", 5, "rho"),
    ],
)
def test_values_set_where_nobody_knows_are_refused(
    tmp_path: Path, lines: str, line: int, name: str
) -> None:
    with pytest.raises(Refusal, match=rf"^small\.mod:{line}: {name} is set within native code"):
        read(write(tmp_path, text(values=lines)))


def test_data_beside_the_model_are_loaded(tmp_path: Path) -> None:
    """Whole numbers, which MATLAB stores in small types, matrices by row and column, and text."""
    numbers = {"coeffs": np.array([[0.8, -0.25], [3.0, 4.0]]), "b": 3.0, "x": 9.0, "e": 9.0}
    savemat(tmp_path / "numbers.mat", numbers)
    (tmp_path / "sds.txt").write_text("0.5\n0.02\n")
    check(
        tmp_path,
        {"rho": 0.55, "phi": 3.0, "sd_e": 0.02},
        values="load numbers;\nload('sds.txt');\nmine = coeffs;\nrho = mine(1) + mine(1, 2);\n"
        "set_param_value('phi', coeffs(2)*b - 6.0);",
        shocks="shocks; var e; stderr sds(2); end;",
    )


def test_a_copy_in_the_workspace_is_not_the_parameter(tmp_path: Path) -> None:
    savemat(tmp_path / "numbers.mat", {"rho": 0.5})
    lines = "rho = 0.8;\nload numbers\nphi = 2*rho;"
    check(tmp_path, {"rho": 0.8, "phi": 1.6}, values=lines)
    lines = "phi = 1.5;\nload numbers\nset_param_value('rho', rho);"
    check(tmp_path, {"rho": 0.5, "phi": 1.5}, values=lines)


@pytest.mark.parametrize("name", ["../up.mat", "/etc/passwd", "none.mat", "broken.mat", "'a b'"])
def test_only_data_below_the_models_folder_are_opened(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    savemat(tmp_path / "up.mat", {"c": 0.5})
    (folder / "broken.mat").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(range(200)))
    path = write(folder, text(values=f"phi = 1.5;\nload {name};\nrho = c;"))
    with pytest.raises(Refusal, match=r"^small\.mod:5: parameter rho has no value"):
        from_dynare(path, observables=GAP)


def test_saved_parameters_and_steady_states_are_read(tmp_path: Path) -> None:
    (tmp_path / "saved.txt").write_text("rho 0.75\nphi -1.25\nx 0.5\nother 3\n")
    lines = "rho = 0.8;\nload_params_and_steady_state('saved.txt');"
    check(tmp_path, {"rho": 0.75, "phi": -1.25}, values=lines)
    model = read(write(tmp_path, text(values=lines)))
    assert model.graph.value[model.initial["x"]] == 0.5


@pytest.mark.parametrize("start", ["1", "0.3 + b - a/1.153846153846154"])
def test_of_several_steady_states_the_near_one_is_found(tmp_path: Path, start: str) -> None:
    """Growth in logarithms also rests where nobody lives, at exp(-92), where Newton's steps go."""
    path = write(
        tmp_path,
        text(
            declarations="var y c k l pi; varexo e; parameters a b d;",
            values="a = 0.3; b = 0.96; d = 0.025;",
            model="1.5*exp(c)/(1 - exp(l)) = (1 - a)*exp(y - l);\n"
            "1 = b*exp(c - c(+1))*(a*exp(y(+1) - k) + 1 - d);\n"
            "exp(y) = exp(a*k(-1) + (1 - a)*l + e);\n"
            "exp(k) = (1 - d)*exp(k(-1)) + exp(y) - exp(c);\npi = 0.1*y;",
            after=f"initval; y = 0.5; c = 0.4; k = {start}; l = 0.4; end;",
        ),
    )
    names = {"output": "100*y", "inflation": "400*pi", "rate": "400*c"}
    rest = from_dynare(path, observables=names).steady_state()
    # returns to capital are 1/b - 1 + d, so that output over capital is that over a
    assert rest["y"] - rest["k"] == pytest.approx(np.log((1 / 0.96 - 0.975) / 0.3), abs=1e-12)
    assert rest["k"] == pytest.approx(1.083, abs=1e-3)


def test_a_steady_state_that_matlab_code_computes_is_not_guessed(tmp_path: Path) -> None:
    path = write(tmp_path, text(model="log(x) = rho*log(x(-1)) + e;\npi = log(x);\ni = phi*pi;"))
    assert from_dynare(path, observables=GAP).steady_state()["x"] == pytest.approx(1.0)
    (tmp_path / "small_steadystate.m").write_text("function [ys, check] = small_steadystate(ys)\n")
    with pytest.raises(Refusal, match=r"computed in small_steadystate\.m, which is not run"):
        from_dynare(path, observables=GAP)
    started = text(
        model="log(x) = rho*log(x(-1)) + e;\npi = log(x);\ni = phi*pi;",
        after="initval; x = 1.1; end;",
    )
    assert from_dynare(write(tmp_path, started), observables=GAP)


def test_negative_data_keep_their_sign_within_powers(tmp_path: Path) -> None:
    savemat(tmp_path / "numbers.mat", {"c": -2.0})
    model = read(write(tmp_path, text(values="load numbers\nrho = 0.8;\nphi = c^2;")))
    assert values(model)["phi"] == 4.0
    assert Symbol("free", "phi") in model.defaults


def test_a_steady_state_that_is_not_to_be_checked_is_taken_as_it_stands(tmp_path: Path) -> None:
    """A level that grows has no steady state; its growth rate has."""
    parts = {
        "declarations": "var x pi i level; varexo e; parameters rho phi;",
        "model": "log(x) = rho*log(x(-1)) + e;\npi = 0.1*log(x);\ni = phi*pi;\n"
        "level/level(-1) = 1.01*x;",
        "after": "steady_state_model; x = 1; pi = 0; i = 0; level = 1; end;\nsteady{};",
    }
    names = {"output": "100*log(level)", "inflation": "400*pi", "rate": "400*i"}
    path = write(tmp_path, text(**parts).replace("{}", "(nocheck)"))
    world = from_dynare(path, observables=names)
    assert world.steady_state()["level"] == 1.0
    values = world.irf(world.pack(), 40).values[0, 0, :, 0]
    # the derivative of level/level(-1) in its lag is minus one, not minus 1.01
    np.testing.assert_allclose(values, 1.01 * np.cumsum(0.8 ** np.arange(41)), rtol=1e-12)
    with pytest.raises(Refusal, match="no steady state was found"):
        from_dynare(write(tmp_path, text(**parts).replace("{}", "")), observables=names)


def test_what_is_expected_to_be_expected_later_is_expected_now(tmp_path: Path) -> None:
    """E_t of E_{t+1} of a quarter to come."""
    lines = "x = rho*x(-1) + e;\npi = {};\ni = phi*pi;"
    one = text(model=lines.format("EXPECTATION(1)(x(+1)*exp(x(+1)))"))
    two = text(model=lines.format("x(+1)*exp(x(+1))"))
    worlds = [
        from_dynare(write(tmp_path, each, name), observables=GAP)
        for each, name in ((one, "one.mod"), (two, "two.mod"))
    ]
    found, expected = (world.irf(world.pack(), 20).values for world in worlds)
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-13)
