"""From a file to a world: boxes, shocks, observables, and the world's own file."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

import emulator
from emulator.errors import EmulatorError, InputError, UnknownNameError
from emulator.worlds import Status, from_dynare
from emulator.worlds.dynare import DynareWorld, Refusal, read_world, write_world
from emulator.worlds.dynare.files import default_name, to_data
from tests.worlds.contract.draws import IMPORTED
from tests.worlds.dynare.files import GAP, MODELS, REFERENCES, text, write

pytestmark = pytest.mark.fast


def small(folder: Path, **parts: str) -> DynareWorld:
    return from_dynare(write(folder, text(**parts)), observables=GAP)


# ---------------------------------------------------------------------- boxes


def test_numbers_get_boxes_around_the_calibration(tmp_path: Path) -> None:
    world = small(
        tmp_path,
        declarations="var x pi i; varexo e; parameters rho phi slope lag switch;",
        values="rho = 0.8; phi = 1.5; slope = -0.1; lag = 3; switch = 0;",
        model="x = rho*x(-1) + e; pi = slope*x; i = phi*pi + lag*x(-1) + switch*x;",
    )
    boxes = {p.name: (p.lower, p.upper, p.default, p.transform) for p in world.parameters}
    # shares on the odds scale: 4 times .75 and 1.25
    assert boxes["rho"] == (pytest.approx(3 / 4), pytest.approx(5 / 6), 0.8, "bounded")
    assert boxes["phi"] == (1.125, 1.875, 1.5, "scaled")
    assert boxes["slope"] == (pytest.approx(-0.125), pytest.approx(-0.075), -0.1, "scaled")
    assert boxes["sd_e"] == (0.0075, 0.0125, 0.01, "log")
    assert set(boxes) == {"rho", "phi", "slope", "sd_e"}
    assert "3 is a whole number" in world.found.fixed["lag"]
    assert "0 is a whole number" in world.found.fixed["switch"]


def test_numbers_that_move_nothing_stay(tmp_path: Path) -> None:
    world = small(
        tmp_path,
        declarations="var x pi i aside; varexo e; parameters rho phi idle;",
        values="rho = 0.8; phi = 1.5; idle = 0.7;",
        model="x = rho*x(-1) + e; pi = 0.1*x; i = phi*pi; aside = idle*x;",
    )
    assert "moves none of the three responses" in world.found.fixed["idle"]
    assert "idle" not in world.parameter_names


def test_numbers_that_act_late_are_drawn(tmp_path: Path) -> None:
    world = small(
        tmp_path,
        declarations="var x pi i; varexo e; parameters rho phi;",
        values="rho = 0.3; phi = 1.5;",
        model="x = rho*x(-16) + e; pi = 0.1*x; i = phi*pi;",
    )
    assert "rho" in world.parameter_names
    values = world.irf(world.pack({"rho": 0.33}), 16).values[0, 0, :, 0]
    assert values[16] == pytest.approx(0.33)
    late = small(tmp_path, model="x = rho*e(-20); pi = 0.1*x; i = phi*pi;")
    assert late.shocks[0].description.startswith("raises output, inflation and the rate")


def test_bounds_keep_their_own_numbers_only(tmp_path: Path) -> None:
    parts = {
        "declarations": "var x pi i aside; varexo e; parameters rho phi idle;",
        "values": "rho = 0.8; phi = 1.5; idle = 0.7;",
        "model": "x = rho*x(-1) + e; pi = 0.1*x; i = phi*pi; aside = idle*x;",
    }
    path = write(tmp_path, text(**parts))
    other = from_dynare(path, observables=GAP, bounds={"rho": (0.5, 0.9)})
    assert other.parameter_names == ("rho", "phi", "sd_e")
    own = from_dynare(path, observables=GAP, bounds={"idle": (0.5, 0.9)})
    assert own.parameter_names == ("rho", "phi", "idle", "sd_e")


@pytest.mark.parametrize(
    ("parts", "bounds"),
    [
        ({"shocks": ""}, {"rho": 0.8, "phi": 1.5, "sd_e": 0.01}),
        (
            {
                "declarations": "var x pi i; varexo e; parameters rho phi sd;",
                "values": "rho = 0; phi = 2; sd = 1;",
                "shocks": "shocks; var e; stderr sd; end;",
            },
            None,
        ),
    ],
)
def test_a_model_with_nothing_to_vary_is_refused(
    tmp_path: Path, parts: dict[str, str], bounds: dict[str, float] | None
) -> None:
    with pytest.raises(Refusal, match=r"small.mod:1: nothing is left to vary: .*--bounds"):
        from_dynare(write(tmp_path, text(**parts)), observables=GAP, bounds=bounds)


def test_numpys_numbers_are_numbers(tmp_path: Path) -> None:
    path = write(tmp_path, text(values="rho = 0.8; phi = @{slope};"))
    world = from_dynare(
        path,
        observables=GAP,
        values={"rho": np.float64(0.7), "x": np.float32(0.5)},
        bounds={"phi": np.int64(2)},  # type: ignore[dict-item]
        defines={"slope": np.float64(1.5)},
    )
    write_world(world, tmp_path / "w.yaml")
    read = read_world(tmp_path / "w.yaml")
    assert read.found.set_values == {"phi": 2.0}
    assert read.pack().tolist() == [0.7, 0.01]
    np.testing.assert_array_equal(read.irf(read.pack()).values, world.irf(world.pack()).values)
    with pytest.raises(InputError, match="value of rho: expected a number, got 'much'"):
        from_dynare(
            write(tmp_path, text()),
            observables=GAP,
            values={"rho": "much"},  # type: ignore[dict-item]
        )


def test_bounds_free_fix_and_move_boxes(tmp_path: Path) -> None:
    path = write(tmp_path, text(values="rho = 0.8; phi = 2;"))
    world = from_dynare(path, observables=GAP, bounds={"rho": (0.5, 0.9), "phi": 1.7})
    assert world.parameter_names == ("rho", "sd_e")
    assert (world.parameters[0].lower, world.parameters[0].upper) == (0.5, 0.9)
    values = world.irf(world.pack(), 0).values[0, 0, 0]
    np.testing.assert_allclose(values[2], 1.7 * values[1])
    assert from_dynare(path, observables=GAP, bounds={"phi": (1.5, 3.0)}).parameter_names == (
        "rho", "phi", "sd_e",
    )  # fmt: skip
    for bounds, message in (
        ({"phi": (3.0, 4.0)}, "leave out the file's 2"),
        ({"phi": (4.0, 1.0)}, "lower < upper"),
        ({"phi": "wide"}, r"expected \[lower, upper\]"),
        ({"phy": (1.0, 2.0)}, "did you mean 'phi'"),
    ):
        with pytest.raises((InputError, UnknownNameError), match=message):
            from_dynare(path, observables=GAP, bounds=bounds)  # type: ignore[arg-type]


def test_estimated_numbers_get_their_priors_box() -> None:
    world = from_dynare(MODELS / "estimated.mod")
    boxes = {p.name: p for p in world.parameters}
    normal = boxes["tau"]
    assert (normal.lower, normal.upper) == pytest.approx((2 - 0.8224268, 2 + 0.8224268))
    assert boxes["psi1"].lower == 1.01  # the file's own bound cuts the box
    assert boxes["rhoR"].lower == 0.2  # and that of estimated_params_bounds
    assert (boxes["rhoz"].lower, boxes["rhoz"].upper) == pytest.approx((0.5225, 0.9275))
    assert boxes["sd_eps_g"].default == 0.4  # its starting value, for want of a shocks block
    assert "inv_gamma(0.38, 0.2)" in boxes["sd_eps_g"].description
    assert {p.shape for p in world.priors} == {"gamma", "beta", "normal", "uniform", "inv_gamma"}
    assert [s.sigma for s in world.shocks] == ["sd_eps_R", "sd_eps_g", "sd_eps_z"]


def test_parameters_that_are_only_estimated_start_there(tmp_path: Path) -> None:
    block = "estimated_params; rho, 0.6, beta_pdf, 0.7, 0.1; end;"
    world = small(tmp_path, values="phi = 1.5;", end=block)
    assert world.pack()[world.parameter_names.index("rho")] == 0.6
    assert any("rho is only estimated" in str(note) for note in world.found.notes)


def test_shocks_say_what_they_do_and_which_parameter_scales_them() -> None:
    world = from_dynare(MODELS / "rotemberg.mod")
    assert {s.name: s.sigma for s in world.shocks} == {
        "e_a": "sd_a", "e_g": "sd_e_g", "e_r": "sd_e_r",
    }  # fmt: skip
    assert world.shocks[2].description == (
        "raises the rate, lowers output and inflation at the calibration"
    )


def test_what_the_file_calls_a_shock_stands_after_what_a_positive_one_does(tmp_path: Path) -> None:
    """Pages and tables begin the sentence: a positive one ..."""
    world = small(
        tmp_path,
        declarations="var x pi i; varexo e (long_name='demand'), u; parameters rho phi;",
        model="x = rho*x(-1) + e; pi = 0.1*x - u; i = phi*pi;",
        shocks="shocks; var e; stderr 0.01; var u; stderr 0.01; end;",
    )
    assert [shock.description for shock in world.shocks] == [
        "raises output, inflation and the rate at the calibration; the file calls it demand",
        "lowers inflation and the rate at the calibration",
    ]


def test_shocks_without_a_deviation_are_left_out_and_without_any_all_get_one(
    tmp_path: Path,
) -> None:
    silent = small(
        tmp_path,
        declarations="var x pi i; varexo e u; parameters rho phi;",
        model="x = rho*x(-1) + e + u; pi = 0.1*x; i = phi*pi;",
    )
    assert silent.shock_names == ("e",)
    assert silent.found.idle == ("u",)
    none = small(tmp_path, shocks="")
    assert none.pack({})[-1] == 0.01
    assert any("0.01 is taken" in str(n) for n in none.found.notes)


# ---------------------------------------------------------------------- observables


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("models/growth.mod", ("100*log(y)", "400*log(pi)", "400*log(R)")),
        ("models/rotemberg.mod", ("100*log(y)", "400*log(pi)", "400*log(R)")),
        ("models/estimated.mod", ("x", "4*dp", "4*r")),
        ("nk.mod", ("100*x", "400*pi", "400*i")),
        ("rbcm.mod", ("100*y", "400*pi", "400*ii")),
        ("sw.mod", ("y", "4*pi", "4*r")),
    ],
)
def test_observables_are_recognised_with_their_units(
    file: str, expected: tuple[str, str, str]
) -> None:
    folder = MODELS.parent if file.startswith("models") else REFERENCES
    assert tuple(from_dynare(folder / file).found.observables.values()) == expected


def test_observables_may_be_any_expression(tmp_path: Path) -> None:
    path = write(tmp_path, text())
    growth = {"output": "100*(x - x(-1))", "inflation": "400*(pi + pi(-3))/2", "rate": "400*i(+1)"}
    values = from_dynare(path, observables=growth).irf(np.array([0.8, 1.5, 0.01]), 6).values[0, 0]
    path_of_x = 0.01 * 0.8 ** np.arange(9)
    np.testing.assert_allclose(values[:, 0], 100 * np.diff(path_of_x[:7], prepend=0.0), atol=1e-14)
    lagged = np.concatenate([np.zeros(3), path_of_x[:4]])
    np.testing.assert_allclose(values[:, 1], 20 * (path_of_x[:7] + lagged), atol=1e-14)
    np.testing.assert_allclose(values[:, 2], 60 * path_of_x[1:8], atol=1e-14)


@pytest.mark.parametrize(
    ("observables", "message"),
    [
        ({"output": "100*q", "inflation": "pi", "rate": "i"}, "output: q is not declared"),
        ({"output": "100*", "inflation": "pi", "rate": "i"}, "output: unexpected end"),
        ({"output": "100", "inflation": "pi", "rate": "i"}, "holds no variable"),
        ({"gdp": "x"}, "unknown observable 'gdp'"),
    ],
)
def test_observables_that_cannot_be_are_refused(
    tmp_path: Path, observables: dict[str, str], message: str
) -> None:
    with pytest.raises((InputError, UnknownNameError), match=message):
        from_dynare(write(tmp_path, text()), observables=observables)


def test_unknown_observables_are_asked_for(tmp_path: Path) -> None:
    content = re.sub(r"\bi\b", "q", text())
    with pytest.raises(
        InputError, match=r"rate not recognised; give expressions.*variables: x, pi, q"
    ):
        from_dynare(write(tmp_path, content))


# ---------------------------------------------------------------------- solving


def test_draws_without_a_steady_state_or_a_solution_say_so(tmp_path: Path) -> None:
    world = small(
        tmp_path,
        values="rho = 0.8;\nphi = 0.5;",
        model="x = rho*x(-1) + e;\npi^2 = phi + 0.1*x;\ni = pi;",
        after="initval; pi = 0.7; i = 0.7; end;",
    )
    theta = world.pack()[None].repeat(3, 0)
    theta[1, world.parameter_names.index("phi")] = -0.5
    theta[2, 0] = 1.1
    assert world.check(theta).tolist() == [
        Status.OK, Status.NO_CONVERGENCE, Status.NO_STABLE_SOLUTION,
    ]  # fmt: skip


def test_unit_roots_count_as_stable_and_larger_ones_do_not(tmp_path: Path) -> None:
    walk = {"values": "rho = 1;\nphi = 1.5;", "end": ""}
    world = from_dynare(write(tmp_path, text(**walk)), observables=GAP, bounds={"rho": (0.9, 1.1)})
    assert world.found.unit_roots
    values = world.irf(np.array([[1.0, 1.5, 0.01], [0.95, 1.5, 0.01]]), 40).values[:, 0, :, 0]
    np.testing.assert_allclose(values, [np.ones(41), 0.95 ** np.arange(41)], rtol=1e-12)
    assert world.check([[1.00001, 1.5, 0.01]]).tolist() == [Status.NO_STABLE_SOLUTION]


def test_several_steady_states_are_told_apart_by_the_files_start(tmp_path: Path) -> None:
    for start in (-0.7, 0.7):
        world = small(
            tmp_path,
            values="rho = 0.8;\nphi = 0.5;",
            model="x = rho*x(-1) + e;\npi^2 = phi + 0.1*x;\ni = pi;",
            after=f"initval; pi = {start}; i = {start}; end;",
        )
        assert np.sign(world.steady_state({"phi": 0.52})["pi"]) == np.sign(start)


def test_an_initval_that_moves_with_the_parameters_decides_in_each_draw(tmp_path: Path) -> None:
    world = small(
        tmp_path,
        values="rho = 0.8;\nphi = 0.5;",
        model="x = rho*x(-1) + e;\n(pi - phi)*(pi - 1) = 0.1*x;\ni = pi;",
        after="initval; pi = phi; i = phi; end;",
    )
    # the two steady states cross at one
    for phi in (0.4, 0.9, 0.99, 1.01, 3.0):
        assert world.steady_state({"phi": phi})["pi"] == pytest.approx(phi, abs=1e-10)
    theta = np.array([world.pack({"phi": phi}) for phi in (0.4, 3.0)])
    np.testing.assert_allclose(
        world.irf(theta, 0).values[:, 0, 0, 1], [400 * 0.001 / -0.6, 400 * 0.001 / 2.0]
    )


# ---------------------------------------------------------------------- files


@pytest.mark.parametrize("file", ["growth", "rotemberg", "estimated"])
def test_a_world_written_and_read_again_is_the_same(file: str, tmp_path: Path) -> None:
    world = from_dynare(MODELS / f"{file}.mod", name="again")
    write_world(world, tmp_path / "w.yaml")
    read = emulator.get_world(str(tmp_path / "w.yaml"))
    assert read.spec == world.spec
    assert emulator.get_world(str(tmp_path / "w")).spec == world.spec
    assert isinstance(read, DynareWorld)
    assert to_data(read) == to_data(world)
    assert read.priors == tuple(
        p._replace(place=q.place) for p, q in zip(world.priors, read.priors, strict=True)
    )
    theta = world.sample_parameters(3, np.random.default_rng(0))
    np.testing.assert_array_equal(read.irf(theta).values, world.irf(theta).values)


def test_the_stored_world_is_that_of_its_file() -> None:
    stored = yaml.safe_load(IMPORTED.read_text())
    assert to_data(from_dynare(MODELS / "rotemberg.mod")) == stored


def test_fixed_numbers_and_values_survive_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, text(values="phi = 1.5;"))
    world = from_dynare(path, observables=GAP, bounds={"phi": 1.7}, values={"rho": 0.6})
    write_world(world, tmp_path / "w.yaml")
    read = read_world(tmp_path / "w.yaml")
    np.testing.assert_array_equal(read.irf(read.pack()).values, world.irf(world.pack()).values)
    assert read.spec == world.spec


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 9}, "is no world file of format 1"),
        ({"extra": 1}, "is no world file"),
        ({"parameters": {"rho": {"lower": 0}}}, "w.yaml: .*write it again"),
        ({"parameters": {"no": {"description": "a", "unit": "1", "lower": 0.1, "upper": 0.3,
                                "default": 0.2}}}, "parameter no: the model text has none"),
        ({"observables": {"output": "x"}}, "write it again"),
        ({"model": "var x;"}, "rotemberg.mod:1: has no model block"),
    ],
)  # fmt: skip
def test_files_that_are_no_worlds_are_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    data = {**yaml.safe_load(IMPORTED.read_text()), **change}
    (tmp_path / "w.yaml").write_text(yaml.safe_dump(data))
    with pytest.raises(InputError, match=message):
        emulator.get_world(str(tmp_path / "w.yaml"))


def test_other_files_are_refused_in_one_line(tmp_path: Path) -> None:
    for name, content, message in (
        ("a.yaml", "{a: [", "a.yaml, line 1: not valid YAML"),
        ("b.yaml", "!!python/object/apply:os.system ['true']", "not valid YAML"),
        ("c.mod", text(), "make a world of it with `emulator import"),
    ):
        with pytest.raises(EmulatorError, match=message) as caught:
            emulator.get_world(str(write(tmp_path, content, name)))
        assert "\n" not in str(caught.value)
    with pytest.raises(Refusal, match=r"nothing.mod:1: no such file"):
        from_dynare(tmp_path / "nothing.mod")


@pytest.mark.parametrize("name", ["nk", "hank_zlb"])
def test_names_of_other_worlds_are_refused(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, text())
    with pytest.raises(InputError, match=f"name: '{name}' is a world .* another --name"):
        from_dynare(path, observables=GAP, name=name)
    data = {**yaml.safe_load(IMPORTED.read_text()), "name": name}
    (tmp_path / "w.yaml").write_text(yaml.safe_dump(data))
    with pytest.raises(InputError, match=f"w.yaml: calls its world '{name}'.* another --name"):
        read_world(tmp_path / "w.yaml")


def test_names_do_not_hide_worlds_of_the_bank() -> None:
    assert default_name("nk") == "nk_mod"
    assert default_name("Smets-Wouters (2007)") == "smets_wouters_2007"
