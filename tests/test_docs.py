"""Documentation: the tables it quotes are the stored ones, the files it names exist."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

import emulator
from emulator.evaluation.calibrations.declared import CUSTOMARY
from emulator.evaluation.comparison import criteria
from emulator.models.weights import single_worlds
from studies.pages import fill_tables
from tests.conftest import ROOT
from tests.scripts import script
from tests.weights import TAUGHT

DOCS = ROOT / "docs"
ORDERED = re.compile(r"[\[(](0\.99[ ,][^\])]*)[\])]")  # values of nk's parameters
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.fast
def test_docstrings_are_turned_into_markup_that_says_the_same() -> None:
    as_rst = script(DOCS / "conf.py").as_rst
    assert as_rst(["`x` times *y*, a_b.", "", "    y = a * x", "", "End."]) == [
        r"``x`` times \*y\*, a\_b.", "", "::", "", "   y = a * x", "", "End.", "",
    ]  # fmt: skip


@pytest.mark.fast
def test_the_criteria_in_the_docs_are_those_of_the_code() -> None:
    page = (DOCS / "leaderboard.md").read_text(encoding="utf-8")
    c = criteria
    for row in (
        f"| {c.MEAN_GAP:.0%} / {c.MAX_GAP:.0%} | 0 % / {c.MAX_GAP_GOAL:.0%} |",
        f"| | {c.NRMSE_GOAL} |", f"| {c.EDGE} | {c.EDGE_GOAL} |", f"| {c.HF} | {c.HF_GOAL} |",
        f"| | {c.FLOOR_GOAL:.2f} |", f"| | within {c.ONE_CHECKPOINT:.0%} |",
        f"| | {100 * c.COVERAGE_GOAL[0]:.0f} to {c.COVERAGE_GOAL[1]:.0%} |",
    ):  # fmt: skip
        assert row.replace("%", " %").replace("  %", " %") in page, row


@pytest.mark.fast
def test_the_summary_in_the_readme_and_the_leaderboard_are_the_stored_ones() -> None:
    assert fill_tables.filled(README) == README
    assert all(README.count(f"| `{world}`: ") == 1 for world in TAUGHT)
    page = (DOCS / "leaderboard.md").read_text(encoding="utf-8")
    assert fill_tables.filled(page) == page
    for regime in ("A", "B1", "C"):
        table = page.partition(f"Regime {regime}:")[2].partition("Regime ")[0]
        assert table.count("| universal | universal_states/all |") == 1


@pytest.mark.fast
def test_a_summary_sets_the_model_of_all_worlds_beside_its_best_rival(tmp_path: Path) -> None:
    errors = {
        "universal,best/all": 0.0026, "baseline_mlp,mlp/A": 0.0079,
        "universal,copies/nk": 0.24449, "baseline_gru,gru/nk": 0.12,
    }  # fmt: skip
    lines = ["regime,split,world,task,model,run,nrmse"]
    for world in emulator.list_worlds():
        for regime in ("A", "B1"):
            scale = 10 if regime == "B1" else 1
            for name, error in errors.items():
                lines.append(f"{regime},prior,{world},steady_state,{name},{scale * error}")
                lines += [
                    f"{regime},test,{world},steady_state,{name},0.0",
                    f"{regime},prior,{world},state_dependent,{name},0.0",
                ]
    (tmp_path / "leaderboard.csv").write_text("\n".join(lines))
    rows = fill_tables.summary(tmp_path, "prior", "best/all").splitlines()[2:]
    assert len(rows) == len(emulator.list_worlds())
    assert (
        "| `nk`: Three-equation New Keynesian | 0.26 % | 0.79 % (MLP) | 2.6 % | 7.9 % (MLP) |"
        in rows
    )


@pytest.mark.fast
def test_the_table_of_floors_is_that_of_the_stored_summaries() -> None:
    page = (DOCS / "floors.md").read_text(encoding="utf-8")
    assert fill_tables.filled(page) == page


@pytest.mark.fast
def test_the_table_of_ablations_is_that_of_the_stored_metrics() -> None:
    page = (DOCS / "regimes.md").read_text(encoding="utf-8")
    assert fill_tables.filled(page) == page
    rows = [row for row in page.splitlines() if row.startswith("| B1 | from rest | history |")]
    assert len(rows) == 1
    assert all(float(cell.replace(",", "")) > 1 for cell in rows[0].split("|")[4:-1])


@pytest.mark.fast
def test_the_tables_of_calibrations_are_those_of_the_stored_errors() -> None:
    page = (DOCS / "calibrations.md").read_text(encoding="utf-8")
    assert fill_tables.filled(page) == page
    pretrained = ROOT / "emulator" / "pretrained"
    folders = (pretrained, *(pretrained / world for world in single_worlds()))
    shipped = [
        json.loads((folder / "model.json").read_text())["provenance"]["config_sha"]
        for folder in folders
    ]
    stored = json.loads((ROOT / "results" / "calibrations" / "shipped.json").read_text())
    assert stored["config_sha"].split(", ") == shipped, "emulator calibrations --format json"
    for calibration in CUSTOMARY:
        assert f"| `{calibration.world}` | {calibration.name} |" in page
        assert f"| {calibration.world} | {calibration.name} | 0." in page


@pytest.mark.fast
def test_a_table_of_floors_has_a_row_a_case_and_its_origin(tmp_path: Path) -> None:
    assert "emulator floors WORLD" in fill_tables.floors(tmp_path)
    case = {
        "task": "steady_state", "rmse": 0.1833, "ci95": [0.1529, 0.2139],
        "monte_carlo_rmse": 0.0061, "training_mean_rmse": 0.9278, "coverage_90": 0.893,
        "hf_ratio": 1.2, "hf_ratio_ci95": [1.085, 1.33],
    }  # fmt: skip
    summary = {
        "world": "switching", "length": 120, "particles": 500, "histories": 50, "commit": "c0ffee",
        "split": "prior", "draws_sha": "da7a", "not_forgotten": 2, "ranks_p_value": 0.4,
        "seconds_a_history": 1.76,
        "cases": [case, {**case, "task": "state_dependent"}],
    }  # fmt: skip
    (tmp_path / "switching-120.json").write_text(json.dumps(summary))
    lines = fill_tables.floors(tmp_path).splitlines()
    assert lines[2] == (
        "| switching | 120 | prior | 0.183 | 0.153 to 0.214 | 0.006 | 0.928 | 89.3% | "
        "1.20 (1.08 to 1.33) | 0.40 | 50 | 2 | 1.8 |"
    )
    assert lines[3].startswith("| switching* | 120 | prior | 0.183 |")
    assert lines[-1] == "Commit c0ffee, draws da7a, 500 particles."


@pytest.mark.fast
def test_stored_results_carry_their_hashes() -> None:
    for path in (ROOT / "results").rglob("metrics.json"):
        metrics = json.loads(path.read_text())
        for key in ("commit", "config_sha", "data_sha", "training_commit"):
            # A run that was stopped and went on at a later commit names both.
            found = metrics[key].split(" ") if key == "training_commit" else [metrics[key]]
            for part in found:
                assert re.fullmatch(r"[0-9a-f]{12,16}", part), f"{path}: {key} {metrics[key]}"


@pytest.mark.fast
def test_links_and_files_named_in_the_readme_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
    for config in re.findall(r"configs/\S+\.yaml", README):
        assert (ROOT / config).exists(), config


@pytest.mark.fast
def test_results_that_pages_cite_are_there() -> None:
    """But for the log of experiments, which names what was there on its day."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.glob("*.md"),
             *(ROOT / "results").rglob("README.md")]  # fmt: skip
    for page in pages:
        if page.name == "experiments.md":
            continue
        # `COMMIT:results/...` is of an earlier commit, PLAN stands for a name.
        text = page.read_text(encoding="utf-8")
        for place in re.findall(r"(?<![\w:])results/[\w/.*-]*", text):
            if "PLAN" not in place:
                assert list(ROOT.glob(place.rstrip("./"))), f"{page.name}: {place}"


@pytest.mark.fast
def test_rooms_are_described_in_the_order_of_imports_and_files_named_exist() -> None:
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    rooms = re.findall(r"^\| (`emulator/.*?`) \|", page.split("## What a change")[0], re.MULTILINE)
    found = [re.findall(r"`(emulator/\w+)(?:\.py)?`", room) for room in rooms]
    assert [sorted(room) for room in found] == [
        sorted(layer.replace(".", "/").split(" | ")) for layer in layers
    ]
    for path in re.findall(r"`((?:emulator|configs|results|studies|tests)/[\w./*]*)`", page):
        named = path.replace("NAME.py", "*.py").rstrip("/")
        assert list(ROOT.glob(named)), path


@pytest.mark.integration
def test_the_python_lines_on_exported_files_run(
    every_world: Path, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (DOCS / "export.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    monkeypatch.chdir(exported)
    names: dict = {}
    exec(block, names)
    expected = emulator.load(every_world).irf("nk", {"phi_pi": 2.0}, shock="monetary")
    np.testing.assert_allclose(
        names["inflation"], expected.sel(observable="inflation"), rtol=1e-4, atol=1e-5
    )
    # The other languages' lines name the parameters' values: the defaults, in order.
    theta = ORDERED.findall(page)
    assert len(theta) == 3
    for values in theta:
        found = [float(value) for value in re.split(r"[ ,]+", values)]
        assert found == emulator.get_world("nk").pack().tolist()
