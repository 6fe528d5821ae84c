"""Documentation pages: their code runs, their commands exist, their outputs are of their code."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
import typer

from emulator.cli.app import program
from emulator.config import load_config
from emulator.data import DataConfig
from emulator.data.generate import generate
from emulator.estimation import posterior
from emulator.inference.onnx import export
from emulator.models import weights as shipped_weights
from emulator.models.weights import DESCRIPTION_FILE
from studies.pages import execute
from tests.conftest import ROOT
from tests.scripts import script
from tests.shared import once

PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").glob("*.md")),
    )
}
# Its package must be installed first: tests/worlds/test_catalogue.py does.
ELSEWHERE = {"docs/adding-a-world.md"}
# Blocks that no test can run, each with its reason in the page.
NOT_RUN = {"docs/adding-a-metric.md": 1, "docs/cluster.md": 2, "docs/gpu.md": 2}


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


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set of two worlds, one of them not linear."""
    smoke = load_config(ROOT / "configs" / "data" / "smoke.yaml", DataConfig)
    changes = {"worlds": ("nk", "zlb"), "samples": 300, "quarters": 80, "horizon": 4}
    config = DataConfig.model_validate({**smoke.model_dump(), **changes})
    return once(tmp_path_factory, "dev", lambda path: generate(config, path))


@pytest.fixture
def workspace(
    every_world: Path, data: Path, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The working directory that pages assume, with weights where they look for them. Whatever is
    exported, one file stands for: translating takes long, and tests/test_export.py holds it."""
    execute.workspace(tmp_path)
    (tmp_path / "docs" / "figures").mkdir()
    for run in ("smoke/universal/A", "dev/universal/all"):
        (tmp_path / "runs" / run).parent.mkdir(parents=True)
        (tmp_path / "runs" / run).symlink_to(every_world)
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "dev").symlink_to(data)
    example = script(ROOT / "examples" / "us_data.py")
    example.us_history().to_csv(tmp_path / "us.csv", index=False)
    shipped = tmp_path / "pretrained"
    shipped.mkdir()
    for file in every_world.iterdir():
        (shipped / file.name).symlink_to(file)
    for world in shipped_weights.single_worlds():
        (shipped / world).symlink_to(shipped_weights.PRETRAINED / world)
    monkeypatch.setattr(shipped_weights, "PRETRAINED", shipped)
    monkeypatch.setattr(export, "_traced", lambda traceable: None)
    monkeypatch.setattr(export, "_translated", lambda program: onnx.load(exported / "nk.onnx"))
    monkeypatch.setattr(export, "difference", lambda data, traceable: 0.0)
    # Draws need not be of the posterior: tests/estimation holds how many moves that takes.
    monkeypatch.setattr(posterior, "MOST_MOVES", 2)
    monkeypatch.setattr(posterior, "MOST_MOVES_AT_LAST", 2)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.chdir(tmp_path)


def _found_something_better(names: dict[str, Any]) -> bool:
    return min(names["losses"]) < names["losses"][0] and names["slopes"].shape == (1, 12)


CHECKS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "docs/any-data.md": lambda names: names["proxy"].sizes["series"] == 4,
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
    tool, *arguments = command
    shown = shlex.join(command)
    if tool == "emulator":
        subcommands = program().commands
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
    elif tool == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert re.search(rf"^{arguments[0]}:", makefile, flags=re.MULTILINE), shown
    elif tool in ("python", "torchrun"):
        if "-m" in arguments:
            module = arguments[arguments.index("-m") + 1]
            assert importlib.util.find_spec(module) is not None, shown
        else:
            assert (ROOT / arguments[0]).is_file(), shown
    elif tool == "cp":
        for pattern in arguments[:-1]:
            assert list(ROOT.glob(pattern)), f"{shown}: no {pattern}"
    else:
        known = ("pip", "dask", "pytest", "mkdir", "git")
        assert tool in known, f"{shown}: unknown to this test"
    for argument in arguments:
        place = argument.startswith(("configs/", "examples/", "results/", "tests/"))
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
    shipped = shipped_weights.PRETRAINED / DESCRIPTION_FILE
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
def test_outputs_replace_those_of_an_earlier_run(every_world: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(shipped_weights, "PRETRAINED", every_world)
    page = "# A\n\n```python\nx = 1\nprint(x)\n```\n\nText.\n\n<!-- executed -->\n<!-- end -->\n"
    first = execute.filled(page, "a.md")
    assert "print(x)\n```\n\n<!-- output -->\n\n```text\n1\n```\n\n<!-- end -->\n\nText." in first
    assert f"Code {execute.code_hash(page)}, weights " in first
    assert execute.filled(first, "a.md") == first
    assert execute.code_hash(first) == execute.code_hash(page)
