"""Documentation: its code runs, its commands and files exist, what it quotes is what is stored."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from emulator.cli import commands  # noqa: F401  (registers the subcommands)
from emulator.cli.app import app
from emulator.config import load_config
from emulator.data import DataConfig
from emulator.data.generate import generate
from emulator.evaluation import criteria
from emulator.inference import emulator as inference
from emulator.models.weights import DESCRIPTION_FILE
from tests.conftest import ROOT
from tests.weights import of_every_world


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


execute = _module(ROOT / "docs" / "execute.py")
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").glob("*.md")),
    )
}
README = PAGES["README.md"]
# Its package must be installed first: tests/worlds/test_catalogue.py does.
ELSEWHERE = {"docs/adding-a-world.md"}
# Blocks that no test can run, each with its reason in the page.
NOT_RUN = {"docs/cluster.md": 2, "docs/gpu.md": 2}


def _runs(page: str) -> bool:
    """Whether a page has anything to run here."""
    found = [block for block in execute.blocks(page) if block.reason is None]
    return any(
        block.language == "python"
        or (block.language in execute.SHELL and any(map(execute.is_cheap, block.commands)))
        for block in found
    )


RUN = [name for name, page in PAGES.items() if _runs(page) and name not in ELSEWHERE]
EXECUTED = [name for name, page in PAGES.items() if "\n<!-- executed -->\n" in page]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return of_every_world(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set of two worlds, one of them not linear."""
    smoke = load_config(ROOT / "configs" / "data" / "smoke.yaml", DataConfig)
    changes = {"worlds": ("nk", "zlb"), "samples": 300, "quarters": 80, "horizon": 4}
    path = tmp_path_factory.mktemp("data") / "dev"
    generate(DataConfig.model_validate({**smoke.model_dump(), **changes}), path)
    return path


@pytest.fixture
def workspace(weights: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory that pages assume, with weights where they look for them."""
    execute.workspace(tmp_path)
    (tmp_path / "docs" / "figures").mkdir()
    for run in ("smoke/universal/A", "dev/universal/all"):
        (tmp_path / "runs" / run).parent.mkdir(parents=True)
        (tmp_path / "runs" / run).symlink_to(weights)
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "dev").symlink_to(data)
    example = _module(ROOT / "examples" / "us_data.py")
    example.us_history().to_csv(tmp_path / "us.csv", index=False)
    monkeypatch.setattr(inference, "PRETRAINED", weights)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.chdir(tmp_path)


def _found_something_better(names: dict[str, Any]) -> bool:
    return min(names["losses"]) < names["losses"][0] and names["slopes"].shape == (1, 12)


CHECKS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "docs/estimation.md": _found_something_better,
    "docs/own-data.md": lambda names: names["answer"].sizes["quantile"] == 5,
    "docs/real-data.md": lambda names: names["bands"].attrs["regime"] == "B1",
}


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize("name", RUN)
def test_the_code_of_a_page_runs_in_order(name: str, workspace: None) -> None:
    names, _ = execute.run(PAGES[name], name)
    assert CHECKS.get(name, bool)(names)
    for figure in re.findall(r"\((figures/\w+\.png)\)", PAGES[name]):
        if name in EXECUTED:
            assert Path("docs", figure).read_bytes()[:4] == b"\x89PNG", figure


@pytest.mark.fast
def test_blocks_that_do_not_run_are_counted() -> None:
    left_out = {
        name: sum(block.reason is not None for block in execute.blocks(page))
        for name, page in PAGES.items()
    }
    assert {name: count for name, count in left_out.items() if count} == NOT_RUN


@pytest.mark.fast
@pytest.mark.parametrize("name", PAGES)
def test_commands_of_a_page_exist_with_their_options_and_files(name: str) -> None:
    for block in execute.blocks(PAGES[name]):
        for command in block.commands if block.language in execute.SHELL else ():
            _check(command)
    for text in re.findall(r"`((?:emulator|make) [a-z][^`]*)`", PAGES[name]):
        _check(shlex.split(text), in_prose=True)


def _check(command: list[str], *, in_prose: bool = False) -> None:
    program, *arguments = command
    shown = shlex.join(command)
    if program == "emulator":
        subcommands = typer.main.get_command(app).commands
        assert arguments[0] in subcommands, shown
        try:
            subcommands[arguments[0]].make_context(arguments[0], arguments[1:])
        except typer.TyperException as error:
            # Prose may leave arguments out, but names no option that is not there.
            message = error.format_message()
            if not (in_prose and "Missing" in message):
                pytest.fail(f"{shown}: {message}")
        except typer.Exit:
            pass  # --help
    elif program == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert re.search(rf"^{arguments[0]}:", makefile, flags=re.MULTILINE), shown
    elif program in ("python", "torchrun"):
        if "-m" in arguments:
            module = arguments[arguments.index("-m") + 1]
            assert importlib.util.find_spec(module) is not None, shown
        else:
            assert (ROOT / arguments[0]).is_file(), shown
    else:
        assert program in ("pip", "dask", "pytest"), f"{shown}: unknown to this test"
    for argument in arguments:
        place = argument.startswith(("configs/", "examples/", "benchmarks/", "tests/"))
        if place and "NAME" not in argument:
            assert (ROOT / argument).exists(), shown


@pytest.mark.fast
@pytest.mark.parametrize("name", EXECUTED)
def test_outputs_of_a_page_are_of_its_code_and_of_the_shipped_weights(name: str) -> None:
    page = PAGES[name]
    origin = re.search(r"Code (\w{12}), weights (\w{12}), trained at commit", page)
    assert origin is not None, "run `make notebooks`"
    assert origin[1] == execute.code_hash(page), "the code has changed: run `make notebooks`"
    for figure in re.findall(r"\((figures/\w+\.png)\)", page):
        assert (ROOT / "docs" / figure).is_file(), figure
    shipped = inference.PRETRAINED / DESCRIPTION_FILE
    if shipped.is_file():
        sha = json.loads(shipped.read_text(encoding="utf-8"))["sha256"]
        assert origin[2] == sha[:12], "other weights are shipped: run `make notebooks`"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^NOTEBOOKS :=.*\b{Path(name).stem}\b", makefile, flags=re.MULTILINE)


@pytest.mark.fast
def test_a_failing_block_names_its_line_and_a_marked_one_is_left_alone() -> None:
    page = "Text.\n\n<!-- not run: needs a GPU -->\n```python\n1 / 0\n```\n"
    assert execute.run(page, "a.md")[1] == []
    with pytest.raises(ZeroDivisionError) as failure:
        execute.run(page.replace("<!-- not run: needs a GPU -->\n", ""), "a.md")
    assert (str(failure.traceback[-1].path), failure.traceback[-1].lineno + 1) == ("a.md", 4)
    with pytest.raises(RuntimeError, match="emulator worlds nkk failed"):
        execute.run("```sh\nemulator worlds nkk\n```\n", "a.md")


@pytest.mark.fast
def test_outputs_replace_those_of_an_earlier_run(weights: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(inference, "PRETRAINED", weights)
    page = "# A\n\n```python\nx = 1\nprint(x)\n```\n\nText.\n\n<!-- executed -->\n<!-- end -->\n"
    first = execute.filled(page, "a.md")
    assert "print(x)\n```\n\n<!-- output -->\n\n```text\n1\n```\n\n<!-- end -->\n\nText." in first
    assert f"Code {execute.code_hash(page)}, weights " in first
    assert execute.filled(first, "a.md") == first
    assert execute.code_hash(first) == execute.code_hash(page)


@pytest.mark.fast
def test_docstrings_are_turned_into_markup_that_says_the_same() -> None:
    as_rst = _module(ROOT / "docs" / "conf.py").as_rst
    assert as_rst(["`x` times *y*, a_b.", "", "    y = a * x", "", "End."]) == [
        r"``x`` times \*y\*, a\_b.", "", "::", "", "   y = a * x", "", "End.", "",
    ]  # fmt: skip


@pytest.mark.fast
def test_the_criteria_in_the_docs_are_those_of_the_code() -> None:
    page = PAGES["docs/leaderboard.md"]
    c = criteria
    for row in (
        f"| {c.MEAN_GAP:.0%} / {c.MAX_GAP:.0%} | 0 % / {c.MAX_GAP_GOAL:.0%} |",
        f"| | {c.NRMSE_GOAL} |", f"| {c.EDGE} | {c.EDGE_GOAL} |", f"| {c.HF} | {c.HF_GOAL} |",
        f"| | {c.FLOOR_GOAL:.2f} |", f"| | within {c.ONE_CHECKPOINT:.0%} |",
        f"| | {100 * c.COVERAGE_GOAL[0]:.0f} to {c.COVERAGE_GOAL[1]:.0%} |",
    ):  # fmt: skip
        assert row.replace("%", " %").replace("  %", " %") in page, row


@pytest.mark.fast
def test_the_leaderboard_in_the_readme_is_the_stored_one() -> None:
    assert _module(ROOT / "docs" / "fill_readme.py").filled(README) == README
    for regime in ("A", "B1", "B2", "C", "D"):  # one checkpoint answers in all
        table = README.partition(f"Regime {regime}:")[2].partition("Regime ")[0]
        assert table.count("| universal |") == 1


@pytest.mark.fast
def test_the_table_of_floors_is_that_of_the_stored_summaries() -> None:
    page = PAGES["docs/floors.md"]
    assert _module(ROOT / "docs" / "fill_floors.py").filled(page) == page


@pytest.mark.fast
def test_a_table_of_floors_has_a_row_a_case_and_its_origin(tmp_path: Path) -> None:
    assert "emulator floors WORLD" in _module(ROOT / "docs" / "fill_floors.py").table(tmp_path)
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
    lines = _module(ROOT / "docs" / "fill_floors.py").table(tmp_path).splitlines()
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
