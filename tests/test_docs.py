"""Documentation: the README's table is the stored one, its example runs, its files exist."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def _fill_readme():
    spec = importlib.util.spec_from_file_location("fill_readme", ROOT / "docs" / "fill_readme.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.fast
def test_the_leaderboard_in_the_readme_is_the_stored_one() -> None:
    assert _fill_readme().filled(README) == README
    assert README.count("| universal |") == 1


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
