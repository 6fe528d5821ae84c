"""What pages cite of a plan is copied, all of it or nothing, and no more."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from emulator.cli.app import run
from emulator.errors import ConfigError
from emulator.plans.publish import publish
from tests.plans.plans import LINEAR, UNIVERSAL, Finished, Folder

TABLES = {"plan.json", "leaderboard.csv", "leaderboard.md"}
OF_THE_RUN = {"metrics.json", "config.yaml", "report.html"}


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """results/tiny of the working folder, with an author's page and an earlier run's figure."""
    monkeypatch.chdir(tmp_path)
    target = tmp_path / "results" / "tiny"
    (target / "figures").mkdir(parents=True)
    (target / "README.md").write_text("What was run.")
    (target / "figures" / "old.png").write_bytes(b"")
    return target


def _names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_tables_and_the_run_that_the_plan_names_are_published(
    finished: Finished, folder: Folder, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(finished.folder.out, folder.out)
    path = folder.plan(UNIVERSAL, LINEAR, publish="universal/A")
    universal = folder.out / "universal" / "A"
    assert run(["publish", str(path)]) == 0
    assert "published: results/tiny" in capsys.readouterr().out
    figures = {f"figures/{figure.name}" for figure in (universal / "figures").glob("*.png")}
    assert len(figures) > 1
    assert _names(results) == {"README.md", *TABLES, *OF_THE_RUN, *figures}
    for name in TABLES:
        assert (results / name).read_bytes() == (folder.out / name).read_bytes()
    for name in OF_THE_RUN | figures:
        assert (results / name).read_bytes() == (universal / name).read_bytes()
    assert (results / "README.md").read_text() == "What was run."


@pytest.mark.slow
def test_a_plan_that_names_no_run_publishes_its_tables(
    finished: Finished, folder: Folder, results: Path
) -> None:
    shutil.copytree(finished.folder.out, folder.out)
    assert publish(folder.plan(UNIVERSAL, LINEAR)).resolve() == results
    assert _names(results) == {"README.md", *TABLES}


@pytest.mark.slow
def test_nothing_is_published_of_a_plan_that_was_not_carried_out(
    finished: Finished, folder: Folder, results: Path
) -> None:
    path = folder.plan(UNIVERSAL, LINEAR, publish="universal/A")
    before = _names(results)
    with pytest.raises(ConfigError, match=r"plan\.json: not there yet; first emulator reproduce"):
        publish(path)
    shutil.copytree(finished.folder.out, folder.out)
    (folder.out / "universal" / "A" / "report.html").unlink()
    with pytest.raises(ConfigError, match=r"report\.html: not there yet"):
        publish(path)
    assert _names(results) == before


@pytest.mark.fast
@pytest.mark.parametrize("named", ["universal/B1", "others/A", "universal"])
def test_a_plan_publishes_a_run_of_its_own(folder: Folder, named: str) -> None:
    path = folder.plan({**UNIVERSAL, "regimes": ["A"]}, publish=named)
    with pytest.raises(ConfigError, match="no run of the plan"):
        publish(path)
