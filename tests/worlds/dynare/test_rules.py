"""Policy rules in place of the file's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emulator.errors import InputError, UnknownNameError
from emulator.worlds import from_dynare
from emulator.worlds.dynare import DynareWorld, Refusal, read_world, write_world
from emulator.worlds.dynare.rules import RULES
from tests.worlds.dynare.files import GAP, MODELS, text, write

pytestmark = pytest.mark.fast
BASE = MODELS / "mmb.mod"
INSIDE = {"output": "outputgap", "inflation": "inflationq", "rate": "interest"}


def paths(world: DynareWorld, shock: str) -> np.ndarray:
    """outputgap, inflationq and interest (H+1, 3) after one s.d., at the defaults."""
    return world.irf(world.pack(), 12).values[0, world.shock_names.index(shock)]


def lagged(x: np.ndarray, quarters: int) -> np.ndarray:
    return np.concatenate([np.zeros(quarters), x[: len(x) - quarters]])


def test_the_data_bases_convention_is_recognised() -> None:
    world = from_dynare(BASE)
    assert world.found.observables == {
        "output": "output", "inflation": "inflationq", "rate": "interest",
    }  # fmt: skip
    assert world.found.rule is None


@pytest.mark.parametrize("name", RULES)
def test_responses_follow_the_rule_that_is_put_in(name: str) -> None:
    world = from_dynare(BASE, rule=name, observables=INSIDE)
    assert world.found.rule is not None
    assert world.found.rule.startswith(f"{name}: interest = ")
    assert RULES[name].source in world.found.rule
    c = {"rule_lag": 0.0, "rule_gap_lag": 0.0, **RULES[name].coefficients}
    assert RULES[name].coefficients.keys() <= set(world.parameter_names)
    for shock, impact in (("interest_", 0.25), ("e_a", 0.0)):
        gap, inflation, rate = paths(world, shock).T
        if name == "christiano-eichenbaum-evans":
            reacted = np.append(inflation[1:], np.nan)
        elif name == "smets-wouters":
            reacted = inflation
        else:
            reacted = sum(lagged(inflation, q) for q in range(4)) / 4.0
        ruled = (
            c["rule_lag"] * lagged(rate, 1) + c["rule_inflation"] * reacted
            + c["rule_gap"] * gap + c["rule_gap_lag"] * lagged(gap, 1)
        )  # fmt: skip
        ruled[0] += impact  # the file's own shock, with its s.d.
        np.testing.assert_allclose(rate[:-1], ruled[:-1], atol=1e-12)


def test_the_same_rule_written_out_changes_nothing() -> None:
    own = "interest = cofintintb1*interest(-1) + cofintinf0*inflationq + cofintout*outputgap"
    theta = from_dynare(BASE).pack()
    for rule in (own, f"{own} + std_r_*interest_;"):
        world = from_dynare(BASE, rule=rule)
        np.testing.assert_array_equal(world.irf(theta).values, from_dynare(BASE).irf(theta).values)
        assert world.found.rule == rule.rstrip(";")


def test_coefficients_of_a_rule_are_parameters_of_one_name(tmp_path: Path) -> None:
    world = from_dynare(BASE, rule="taylor", bounds={"rule_gap": 0.5, "rule_inflation": (1.2, 3)})
    assert "rule_inflation" in world.parameter_names
    assert world.found.fixed["rule_gap"] == "fixed at 0.5 by the bounds given"
    write_world(world, tmp_path / "w.yaml")
    read = read_world(tmp_path / "w.yaml")
    assert (read.spec, read.found.rule) == (world.spec, world.found.rule)
    theta = world.sample_parameters(3, np.random.default_rng(0))
    np.testing.assert_array_equal(read.irf(theta).values, world.irf(theta).values)


def test_a_tagged_rule_in_the_files_own_variables_is_swapped(tmp_path: Path) -> None:
    model = "x = rho*x(-1) + e;\npi = 0.1*x;\n[name = 'Taylor rule'] i - 2*u = phi*pi;"
    declared = "var x pi i; varexo e u; parameters rho phi;"
    shocks = "shocks; var e; stderr 0.01; var u; stderr 0.02; end;"
    path = write(tmp_path, text(model=model, declarations=declared, shocks=shocks))
    world = from_dynare(path, observables=GAP, rule="i = 3*phi*pi + 0.5*i(-1)")
    rate = paths(world, "u")[:3, 2]
    np.testing.assert_allclose(rate, 400 * 0.04 * 0.5 ** np.arange(3))
    _, inflation, rate = paths(world, "e").T
    np.testing.assert_allclose(rate, 4.5 * inflation + 0.5 * lagged(rate, 1), atol=1e-12)


@pytest.mark.parametrize(
    ("old", "new", "impact"),
    [
        ("2*i = 3*pi + e", "i = 1.5*pi", 0.5),
        ("3*pi + e = 2*i", "i = 1.5*pi", 0.5),
        ("-i/4 = pi + e", "i = 1.5*pi", -4.0),
        ("i = pi + e", "2*i = 3*pi", 1.0),
        ("2*i = 3*pi + e", "2*i = 3*pi", 0.5),
        ("i - rho*i = e", "i = 1.5*pi", 5.0),
        ("log(1 + i) = 3*pi + e", "log(1 + i) = 2*pi", 1.0),
        ("2*i = 3*pi + e", "i = 1.5*pi + e", 1.0),
    ],
)
def test_the_shock_of_a_rule_keeps_its_size(
    tmp_path: Path, old: str, new: str, impact: float
) -> None:
    model = f"x = rho*x(-1);\npi = 0.1*x;\n[name = 'policy rule'] {old};"
    world = from_dynare(write(tmp_path, text(model=model)), observables=GAP, rule=new)
    np.testing.assert_allclose(world.irf(world.pack(), 0).values[0, 0, 0, 2], 4.0 * impact)


@pytest.mark.parametrize(
    ("model", "rule", "message"),
    [
        ("i = phi*pi;", "i = pi", r"small.mod:\d+: no equation is marked as the policy rule; tag"),
        (
            "[name = 'policy rule'] i = phi*pi;",
            "taylor",
            "interest, inflationq, outputgap not decl",
        ),
        ("[name = 'policy rule'] i = phi*pi*exp(e);", "i = pi", "the rule's shock enters in"),
        ("[name = 'policy rule'] log(1 + i) = pi + e;", "i = pi", "beside 'i' cannot be told"),
        (
            "[name = 'policy rule'] i + 2*(i - pi) = e;",
            "i = pi",
            "an equation that holds the shock",
        ),
        ("[name = 'policy rule'] i = phi*pi;", "i = q", "small.mod:8: q is not declared"),
        ("[name = 'policy rule'] i = phi*pi;", "tailor", "unknown policy rule .*taylor"),
    ],
)
def test_rules_that_cannot_be_swapped_are_refused(
    tmp_path: Path, model: str, rule: str, message: str
) -> None:
    path = write(tmp_path, text(model=f"x = rho*x(-1) + e;\npi = 0.1*x;\n{model}"))
    with pytest.raises((Refusal, UnknownNameError), match=message):
        from_dynare(path, observables=GAP, rule=rule)


def test_shocks_and_parameters_are_renamed_to_what_others_call_them(tmp_path: Path) -> None:
    path = write(tmp_path, text())
    names = {"e": "demand", "phi": "phi_pi", "sd_e": "sigma_a"}
    plain = from_dynare(path, observables=GAP)
    world = from_dynare(path, observables=GAP, names=names, bounds={"phi_pi": (1.2, 2.5)})
    assert world.shock_names == ("demand",)
    assert world.shocks[0].sigma == "sigma_a"
    assert world.parameter_names == ("rho", "phi_pi", "sigma_a")
    assert world.parameters[1].upper == 2.5
    theta = np.array([0.8, 1.5, 0.01])
    np.testing.assert_array_equal(world.irf(theta).values, plain.irf(theta).values)
    write_world(world, tmp_path / "w.yaml")
    assert read_world(tmp_path / "w.yaml").spec == world.spec
    for wrong, message in (
        ({"q": "z"}, "unknown shock or parameter to rename 'q'"),
        ({"phi": "rho"}, "two parameters would be called 'rho'"),
    ):
        with pytest.raises((InputError, UnknownNameError), match=message):
            from_dynare(path, observables=GAP, names=wrong)
