"""Documentation: the README's table is the stored one, its example runs, its files exist."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import emulator
from emulator.inference.onnx import export_onnx
from tests.conftest import ROOT

ORDERED = re.compile(r"[\[(](0\.99[ ,][^\])]*)[\])]")  # values of nk's parameters
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fill_tables", ROOT / "docs" / "fill_tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.fast
def test_the_leaderboard_in_the_readme_is_the_stored_one(script: ModuleType) -> None:
    assert script.filled(README) == README
    for regime in ("A", "B1", "B2", "C", "D"):  # one checkpoint answers in all
        table = README.partition(f"Regime {regime}:")[2].partition("Regime ")[0]
        assert table.count("| universal |") == 1


@pytest.mark.fast
def test_the_table_of_floors_is_that_of_the_stored_summaries(script: ModuleType) -> None:
    page = (ROOT / "docs" / "floors.md").read_text(encoding="utf-8")
    assert script.filled(page) == page


@pytest.mark.fast
def test_a_table_of_floors_has_a_row_a_case_and_its_origin(
    script: ModuleType, tmp_path: Path
) -> None:
    assert "emulator floors WORLD" in script.floors(tmp_path)
    case = {
        "regime": "B1", "task": "steady_state", "rmse": 0.1833, "ci95": [0.1529, 0.2139],
        "monte_carlo_rmse": 0.0061, "training_mean_rmse": 0.9278, "coverage_90": 0.893,
    }  # fmt: skip
    summary = {
        "world": "switching", "length": 120, "particles": 500, "histories": 50, "commit": "c0ffee",
        "data_sha": "da7a", "not_forgotten": 2, "ranks_p_value": 0.4, "seconds_a_history": 1.76,
        "cases": [case, {**case, "regime": "C", "task": "state_dependent"}],
    }  # fmt: skip
    (tmp_path / "switching-120.json").write_text(json.dumps(summary))
    lines = script.floors(tmp_path).splitlines()
    assert lines[2] == (
        "| switching | 120 | B1 | 0.183 | 0.153 to 0.214 | 0.006 | 0.928 | 89.3% | 0.40 | 50 | 2 | "
        "1.8 |"
    )
    assert lines[3].startswith("| switching* | 120 | C | 0.183 |")
    assert lines[-1] == "Commit c0ffee, data da7a, 500 particles."


@pytest.mark.fast
def test_stored_results_carry_their_hashes() -> None:
    for path in (ROOT / "results").rglob("metrics.json"):
        metrics = json.loads(path.read_text())
        for key in ("commit", "config_sha", "data_sha", "training_commit"):
            assert re.fullmatch(r"[0-9a-f]{12,16}", metrics[key]), f"{path}: {key} {metrics[key]}"


@pytest.mark.fast
def test_links_and_files_named_in_the_readme_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
    for config in re.findall(r"configs/\S+\.yaml", README):
        assert (ROOT / config).exists(), config


@pytest.mark.integration
def test_the_example_in_the_readme_runs(
    run_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    (tmp_path / "runs" / "smoke" / "universal").mkdir(parents=True)
    (tmp_path / "runs" / "smoke" / "universal" / "A").symlink_to(run_path)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(block, names)
    assert names["response"].dims == ("horizon", "observable")
    assert names["exact"].values.shape == (1, 3, 41, 3)


@pytest.mark.integration
def test_the_python_lines_on_exported_files_run(
    run_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    model = emulator.load(run_path)
    export_onnx(model, "nk", "nk.onnx", horizon=12)
    names: dict = {}
    exec(block, names)
    expected = model.irf("nk", {"phi_pi": 2.0}, shock="monetary", horizon=12)
    np.testing.assert_allclose(
        names["inflation"], expected.sel(observable="inflation"), rtol=1e-4, atol=1e-5
    )
    # The other languages' lines name the parameters' values: the defaults, in order.
    theta = ORDERED.findall(page)
    assert len(theta) == 3
    for values in theta:
        found = [float(value) for value in re.split(r"[ ,]+", values)]
        assert found == emulator.get_world("nk").pack().tolist()
