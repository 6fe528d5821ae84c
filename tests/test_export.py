"""An exported file gives the answers of the weights it was made from, and says what they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import emulator
from emulator.cli.app import run
from emulator.errors import EmulatorError, InputError, UnknownNameError
from emulator.inference.onnx import export_onnx
from emulator.inference.onnx.cholesky import cholesky_ex, cholesky_solve, solve_triangular
from emulator.inference.onnx.comparison import CHECKED, TOLERANCE
from emulator.inference.onnx.traceable import Traceable
from emulator.inference.request import Request
from emulator.models.baselines.gru import GRUConfig
from emulator.models.baselines.linear import LinearConfig
from emulator.models.baselines.mlp import MLPConfig
from emulator.models.from_parameters import SmallShock
from emulator.models.universal import Universal, UniversalConfig
from emulator.models.weights import load_weights, save_weights
from emulator.regimes import Regime
from emulator.worlds.dependence import described
from tests.conftest import ROOT, TINY_MODEL
from tests.shared import once

pytestmark = pytest.mark.slow

# One of each kind: a trunk for all shocks, which are rotated; layers for each shock, sizes and a
# floor; answers from data; what states add. Others are like these but for their sizes.
WORLDS = ("lss", "zlb", "nk", "switching")
HORIZON = 9  # of the weights
PROVENANCE = {
    "regime": "all", "commit": "c0ffee123456", "config_sha": "c0", "data_sha": "da7a",
    "weights_sha256": "5ha",
}  # fmt: skip

Written = Callable[[str], Path]


def _made_up(config: Any) -> emulator.Emulator:
    """Weights that were never trained, none of them zero: what is exported holds for any."""
    specs = [described(emulator.get_world(name)) for name in WORLDS]
    model = config.build(specs, HORIZON)
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for part in model.parameters():
            part.add_(0.05 * torch.randn(part.shape, generator=rng))
        for spec in specs:
            scales = model.scales(spec.name)
            scales.sd.copy_(0.1 + torch.rand(scales.sd.shape, generator=rng))
            scales.path.copy_(0.5 + torch.rand(scales.path.shape, generator=rng))
        if isinstance(model, Universal):  # other lengths, other widths
            model.widths.factors.uniform_(0.5, 2.0, generator=rng)
            for part in model.modules():
                # A rotation divides by how far impacts are from collinear: not far in some of these
                # draws, where no order of float32 sums gives the same. In trained weights it is.
                if isinstance(part, SmallShock) and part.recursive:
                    *_, impact = part.system.linear.constants.split(part.system.sizes, dim=1)
                    impact.add_(4.0 * torch.eye(3, part.system.shocks).flatten())
    return emulator.Emulator(model, PROVENANCE)


@pytest.fixture(scope="module")
def model() -> emulator.Emulator:
    # One block of each chain: to trace and translate another like it takes seconds.
    return _made_up(UniversalConfig.model_validate({**TINY_MODEL, "data_blocks": 1}))


@pytest.fixture(scope="module")
def made_up(model: emulator.Emulator, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Files in regime A with bands, written when first asked for."""

    def written(name: str) -> Path:
        def export(folder: Path) -> None:
            done = export_onnx(model, name, folder / f"{name}.onnx", bands=True)
            assert done.difference is not None
            assert done.difference < TOLERANCE

        return once(tmp_path_factory, f"made_up_{name}", export) / f"{name}.onnx"

    return written


@pytest.fixture
def translated(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare a test the seconds of tracing and translating nk once more."""
    monkeypatch.setattr("emulator.inference.onnx.export._traced", lambda traceable: None)
    monkeypatch.setattr(
        "emulator.inference.onnx.export._translated",
        lambda program: onnx.load(exported / "nk.onnx"),
    )


def _asked(file: Path, **given: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return session.run(None, {name: a.astype(np.float32) for name, a in given.items()})


def _close(found: np.ndarray, expected: np.ndarray, what: object) -> None:
    """Root mean squares over quarters, within the tolerance of each draw's, shock's and
    observable's own peak, or of the scale of responses in these weights, about 1."""
    peak = np.abs(expected).max(axis=2)
    apart = np.sqrt(np.square(found - expected).mean(axis=2)) / np.maximum(peak, 1.0)
    assert apart.max() < TOLERANCE, what


def _draws(world: emulator.worlds.base.World, number: int) -> np.ndarray:
    """The defaults and both ends of the bounds, then draws from the prior."""
    lower, upper = np.array([(p.lower, p.upper) for p in world.parameters]).T
    prior = world.sample_parameters(number, np.random.default_rng(1))
    return np.concatenate([[world.pack(), lower, upper], prior])[:number]


@pytest.mark.parametrize("name", ["lss", "zlb"])
def test_every_world_answers_as_the_emulator_does(
    model: emulator.Emulator, made_up: Written, name: str
) -> None:
    world, file = emulator.get_world(name), made_up(name)
    for number, parts in ((1, 1), (7, 1), (1024, 8)):
        theta = _draws(world, number)
        for size in (1.0,) if world.linear else (1.0, -2.5):
            given = {} if world.linear else {"size": np.full((number, len(world.shocks)), size)}
            response, quantiles = _asked(file, theta=theta, **given)
            asked = {"size": size}
            # A few draws at a time: many are answered by compiled code, whose own roundings are
            # tested in tests/inference/test_direct.py.
            few = [model.respond(name, some, **asked).values for some in np.split(theta, parts)]
            _close(response, np.concatenate(few), (number, size))
            bands = model.respond(name, theta, **asked, bands=True).values
            for q in range(5):
                _close(quantiles[..., q], bands[..., q], (number, size, q))


def test_shocks_of_a_nonlinear_world_have_sizes_of_their_own(
    model: emulator.Emulator, made_up: Written
) -> None:
    theta = _draws(emulator.get_world("zlb"), 2)
    sizes = (1.0, -2.0, 3.0)
    response, _ = _asked(made_up("zlb"), theta=theta, size=np.array([sizes] * 2))
    for shock, size in enumerate(sizes):
        alone = model.respond("zlb", theta, size=size).values
        _close(response[:, [shock]], alone[:, [shock]], shock)


@pytest.fixture
def few_quarters_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recurrence that reads ten quarters one after the other instead of 40, which torch goes
    through several times to trace it. Histories may be shorter too, so that some still have fewer
    quarters than are read."""
    monkeypatch.setattr("emulator.models.past.RECENT", 10)
    for module in ("regimes", "inference.histories", "inference.onnx.export"):
        monkeypatch.setattr(f"emulator.{module}.MIN_HISTORY", 8)


@pytest.mark.parametrize(
    ("name", "regime", "state_dependent", "shortest", "patched"),
    [("nk", "B1", False, 40, ()), ("switching", "C", True, 8, ("few_quarters_read",))],
)
def test_a_history_of_any_length_is_answered(
    model: emulator.Emulator, name: str, regime: str, state_dependent: bool, shortest: int,
    patched: tuple[str, ...], tmp_path: Path, request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    for name_of_patch in patched:
        request.getfixturevalue(name_of_patch)
    world, file, rng = emulator.get_world(name), tmp_path / "data.onnx", np.random.default_rng(2)
    # A long horizon only takes long to translate.
    export_onnx(
        model, name, file, regime=regime, state_dependent=state_dependent, bands=True, horizon=3
    )
    for number, quarters in ((1, shortest), (7, 79), (3, 80), (2, 200)):
        theta = world.sample_parameters(number, rng)
        eps = rng.normal(size=(number, quarters, len(world.shocks)))
        history = world.simulate(theta, eps).observables
        given = {"history": history}
        if regime == "C":
            given |= {"theta": theta, "size": np.full((number, 3), 1.5)}
        found = _asked(file, **given)
        asked: dict[str, Any] = {
            "theta": theta if regime == "C" else None, "size": 1.5 if regime == "C" else 1.0,
            "horizon": 3, "history": history, "state_dependent": state_dependent,
        }  # fmt: skip
        _close(found[0], model.respond(name, **asked).values, (number, quarters))
        bands = model.respond(name, **asked, bands=True).values
        for level in range(bands.shape[-1]):
            _close(found[1][..., level], bands[..., level], (number, quarters, level))


@pytest.mark.parametrize("config", [MLPConfig(hidden_dim=16), GRUConfig(hidden_dim=16)])
def test_networks_among_the_baselines_are_exported_with_parameters(
    config: Any, tmp_path: Path
) -> None:
    model = _made_up(config)
    export_onnx(model, "zlb", tmp_path / "zlb.onnx")
    theta = _draws(emulator.get_world("zlb"), 7)
    (response,) = _asked(tmp_path / "zlb.onnx", theta=theta, size=np.full((7, 3), 2.0))
    _close(response, model.respond("zlb", theta, size=2.0).values, config)
    with pytest.raises(InputError, match="with a history only universal"):
        export_onnx(model, "zlb", tmp_path / "b1.onnx", regime="B1")
    with pytest.raises(InputError, match="up to 9 quarters, got 10"):
        export_onnx(model, "zlb", tmp_path / "far.onnx", horizon=10)


def test_the_file_says_what_its_numbers_are(every_world: Path, exported: Path) -> None:
    file, weights = exported / "nk.onnx", emulator.load(every_world)
    read = onnx.load(file)
    onnx.checker.check_model(read, full_check=True)
    assert [(o.domain, o.version) for o in read.opset_import] == [("", 18)]
    said = {entry.key: entry.value for entry in read.metadata_props}
    spec = weights.spec("nk")
    assert [p["name"] for p in json.loads(said["parameters"])] == list(spec.parameter_names)
    assert json.loads(said["parameters"])[3] == {
        "name": "phi_pi", "description": spec.parameters[3].description, "unit": "1",
        "lower": 1.05, "upper": 3.5, "default": 1.5,
    }  # fmt: skip
    assert [s["name"] for s in json.loads(said["shocks"])] == ["monetary", "demand", "cost_push"]
    assert json.loads(said["observables"])[0]["unit"] == "percent"
    assert json.loads(said["quantiles"]) == [0.05, 0.25, 0.5, 0.75, 0.95]
    expected = {
        "world": "nk", "regime": "A", "horizon": "40", "trained_horizon": "40", "caveats": "",
        "response_from": "steady state",
    }  # fmt: skip
    assert {key: said[key] for key in expected} == expected
    for key in PROVENANCE.keys() - {"regime"}:
        assert said[key] == weights.provenance[key]
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    assert [(i.name, i.shape) for i in session.get_inputs()] == [("theta", ["draws", 12])]
    assert [(o.name, o.shape) for o in session.get_outputs()] == [
        ("response", ["draws", 3, 41, 3]), ("quantiles", ["draws", 3, 41, 3, 5])
    ]  # fmt: skip
    # The exporter notes where each line of code was; that is nobody's business.
    assert str(ROOT).encode() not in file.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "options", "error", "expected"),
    [
        (("nkk", "x.onnx"), {}, UnknownNameError, "did you mean 'nk'"),
        (("nk", "x.pt"), {}, InputError, r"ending in \.onnx"),
        (("nk", 3), {}, InputError, "name of a file"),
        (("nk", "x.onnx"), {"regime": "B2"}, UnknownNameError, "valid: A, B1, C"),
        (("nk", "x.onnx"), {"horizon": 81}, InputError, "0 to 80"),
        (("nk", "x.onnx"), {"horizon": 10, "bands": True}, InputError, "none after quarter 9"),
        (("nk", "x.onnx"), {"state_dependent": True}, InputError, "needs the history"),
        (("nk", "x.onnx"), {"regime": "C"}, InputError, "do not read the history"),
        (("zlb", "x.onnx"), {"regime": "C"}, InputError, "or the state-dependent response"),
    ],
)
def test_what_cannot_be_exported_is_refused(
    model: emulator.Emulator, arguments: tuple, options: dict, error: type[EmulatorError],
    expected: str,
) -> None:  # fmt: skip
    with pytest.raises(error, match=expected):
        export_onnx(model, *arguments, **options)


def test_weights_export_what_they_were_trained_for(model: emulator.Emulator) -> None:
    trained_in_a = emulator.Emulator(model.model, {**PROVENANCE, "regime": "A"})
    with pytest.raises(InputError, match="trained in regime A"):
        export_onnx(trained_in_a, "nk", "x.onnx", regime="B1")
    with pytest.raises(InputError, match="closed form"):
        export_onnx(_made_up(LinearConfig()), "nk", "x.onnx")
    with pytest.raises(InputError, match="gives none"):
        export_onnx(_made_up(MLPConfig(hidden_dim=8)), "nk", "x.onnx", bands=True)


def test_the_check_covers_one_draw_many_and_the_ends_of_the_bounds(
    model: emulator.Emulator,
) -> None:
    spec = model.spec("nk")
    traceable = Traceable(model.model, Request(spec, spec.shock_names, Regime.A, horizon=4))
    assert {draws for draws, _ in CHECKED} >= {1}
    theta = traceable.examples(max(draws for draws, _ in CHECKED), 40)["theta"]
    for row, ends in enumerate(("default", "lower", "upper")):
        expected = torch.tensor([getattr(p, ends) for p in spec.parameters])
        torch.testing.assert_close(theta[row], expected)


def test_cholesky_in_onnx_operations_is_torchs() -> None:
    x = torch.randn(20, 40, 4, generator=torch.Generator().manual_seed(0)).double()
    matrix, right = x.mT @ x, x[:, :4, :3]
    matrix[3] = -matrix[3]  # has no factor
    factor, failed = torch.linalg.cholesky_ex(matrix)
    ours, none = cholesky_ex(matrix.numpy())
    assert (none.value > 0).tolist() == (failed > 0).tolist() == [row == 3 for row in range(20)]
    good = failed == 0
    np.testing.assert_allclose(ours.value[good], factor[good], rtol=1e-12, atol=1e-12)
    factor, right = factor[good], right[good]
    solved = cholesky_solve(right.numpy(), factor.numpy()).value
    expected = torch.cholesky_solve(right, factor)
    np.testing.assert_allclose(solved, expected, rtol=1e-11, atol=1e-13)
    for some in (right, right[0]):
        solved = solve_triangular(factor.numpy(), some.numpy(), upper=False).value
        expected = torch.linalg.solve_triangular(factor, some, upper=False)
        np.testing.assert_allclose(solved, expected, rtol=1e-11, atol=1e-13)


# --------------------------------------------------------------------- the command


def test_the_command_writes_and_says_what(
    run_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "new" / "nk.onnx"
    # One quarter more than the weights were trained on.
    ask = ["export", "nk", "--onnx", str(file), "--weights", str(run_path), "--horizon", "13"]
    assert run(ask) == 2
    assert "Add --extrapolate" in capsys.readouterr().err
    assert run([*ask, "--extrapolate", "--format", "json"]) == 0
    captured = capsys.readouterr()
    said = json.loads(captured.out)
    (caveat,) = said["caveats"]
    assert caveat["caveat"] == "horizon"
    assert captured.err == f"emulator: {caveat['sentence']}\n"
    (noted,) = (p.value for p in onnx.load(file).metadata_props if p.key == "caveats")
    assert noted == f"horizon: {caveat['sentence']}"
    assert said["path"] == str(file)
    assert said["bytes"] == file.stat().st_size
    assert said["inputs"] == {"theta": ["draws", 12]}
    assert said["outputs"] == {"response": ["draws", 3, 14, 3]}
    assert said["difference"] < TOLERANCE
    assert [path.name for path in file.parent.iterdir()] == ["nk.onnx"]
    (response,) = _asked(file, theta=emulator.get_world("nk").pack()[None])
    _close(response, emulator.load(run_path).respond("nk", horizon=13).values, "trained")


@pytest.mark.usefixtures("translated")
def test_a_network_that_disagrees_is_exit_code_1_and_does_not_take_the_files_name(
    every_world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = load_weights(every_world)
    scales = loaded.model.scales("nk")
    scales.sd.mul_(1.001)  # what is translated are other weights
    save_weights(tmp_path / "other", loaded.model, loaded.provenance, "card")
    file = tmp_path / "nk.onnx"
    file.write_bytes(b"an earlier one")
    ask = ["export", "nk", "--onnx", str(file), "--bands"]
    assert run([*ask, "--weights", str(tmp_path / "other")]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "nk.rejected.onnx: onnxruntime's answers differ from torch's by" in said
    assert file.read_bytes() == b"an earlier one"
    onnx.checker.check_model(onnx.load(tmp_path / "nk.rejected.onnx"))


@pytest.mark.usefixtures("translated")
def test_without_onnxruntime_the_file_is_written_and_not_compared(
    every_world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    _hide(monkeypatch, "onnxruntime")
    file = tmp_path / "nk.onnx"
    assert run(["export", "nk", "--onnx", str(file), "--bands", "--weights", str(every_world)]) == 0
    said = capsys.readouterr()
    assert "not compared with torch" in said.err
    assert "draws x 3 x 41 x 3" in said.out
    assert file.exists()


def test_without_the_extra_the_command_names_it(
    run_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    _hide(monkeypatch, "onnx")
    ask = ["export", "nk", "--onnx", str(tmp_path / "nk.onnx"), "--weights", str(run_path)]
    assert run(ask) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "pip install 'universal-macro-emulator[onnx]'" in said


def _hide(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setattr(
        "emulator.inference.onnx.export.find_spec",
        lambda name: None if name == package else object(),
    )


def test_the_command_has_help_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", "--help"]) == 0
    assert "Example: emulator export nk --onnx nk.onnx" in capsys.readouterr().out
