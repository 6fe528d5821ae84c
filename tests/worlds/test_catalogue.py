"""The documentation of the bank says what the code says."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from emulator import get_world, list_worlds
from emulator.cli.app import run
from emulator.data.samples import draw_samples
from emulator.data.schema import Design
from emulator.data.thresholds import thresholds
from emulator.models.weights import load_weights
from emulator.worlds import Status, catalogue, registry
from emulator.worlds.registry import BUILT_IN

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.mark.fast
@pytest.mark.parametrize("name", BUILT_IN)
def test_catalogue_states_what_the_code_states(name: str) -> None:
    # What the prior implies is left out: its last digits belong to the machine that drew it.
    message = "run python -m emulator.worlds.catalogue docs/"
    assert catalogue.describe(get_world(name)) in (DOCS / "worlds.md").read_text(), message
    assert (DOCS / "figures" / f"world_{name}.png").is_file(), message


@pytest.mark.fast
def test_catalogue_lists_the_worlds_in_order_and_no_others() -> None:
    text = (DOCS / "worlds.md").read_text()
    assert tuple(re.findall(r"^## `(\w+)`", text, flags=re.MULTILINE)) == BUILT_IN


@pytest.mark.fast
def test_prior_predictive_counts_every_draw_and_measures_the_valid_ones() -> None:
    world = get_world("lss")
    result = catalogue.predictive(world, draws=200, seed=1)
    assert sum(result.verdicts.values()) == 200
    assert len(result.responses) == result.verdicts[Status.OK] < 200
    assert result.deviations.shape == (len(result.responses), 3)
    assert not result.others
    # A white-noise economy has no persistence, a near-unit-root one has nearly one.
    assert np.all((result.persistence > -1.0) & (result.persistence < 1.0))
    share = f"{result.verdicts[Status.INADMISSIBLE] / 200:.1%}"
    said = f"{share} as a joint restriction of the prior is violated (`INADMISSIBLE`)"
    assert said in catalogue.summarise(world, result)


@pytest.mark.slow
def test_the_command_writes_a_page_and_a_figure(tmp_path: Path) -> None:
    catalogue.write(tmp_path, ["var"], draws=100)
    page = (tmp_path / "worlds.md").read_text()
    assert catalogue.describe(get_world("var")) in page
    figure = (tmp_path / "figures" / "world_var.png").read_bytes()
    assert figure.startswith(b"\x89PNG")
    catalogue.write(tmp_path / "again", ["var"], draws=100)
    assert (tmp_path / "again" / "worlds.md").read_text() == page
    assert (tmp_path / "again" / "figures" / "world_var.png").read_bytes() == figure


@pytest.mark.fast
def test_figures_end_where_the_bands_do() -> None:
    decay = 0.5 ** np.arange(41.0)  # below a tenth from the fourth quarter on
    fast = np.broadcast_to(decay[:, None], (10, 2, 41, 3)).copy()
    assert catalogue.shown(fast) == catalogue.LEAST_SHOWN
    fast[:, 1, :, 2] = 0.9 ** np.arange(41)  # .9^21 is .109, .9^22 is .098
    assert catalogue.shown(fast) == 21


@pytest.fixture
def installed_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The usage that docs/adding-a-world.md shows, its package installed as the page says."""
    page = (DOCS / "adding-a-world.md").read_text()
    module, usage = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    (project,) = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    source, site = tmp_path / "source", tmp_path / "site"
    source.mkdir()
    (source / "ar1_world.py").write_text(module)
    (source / "pyproject.toml").write_text(project)
    # Into a folder of the test's own, with the build tools at hand: no network, no trace.
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [*pip, "--no-index", "--disable-pip-version-check", "--target", str(site), str(source)],
        check=True,
    )
    monkeypatch.syspath_prepend(site)
    registry._entry_points.cache_clear()
    yield usage
    registry._entry_points.cache_clear()
    registry._world.cache_clear()
    sys.modules.pop("ar1_world", None)


@pytest.mark.slow
@pytest.mark.integration
def test_a_world_added_as_the_page_says_appears_everywhere(
    installed_page: str,
    every_world: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exec(compile(installed_page, "adding-a-world.md", "exec"), {})
    assert list_worlds() == (*BUILT_IN, "ar1")

    world = get_world("ar1")
    theta = world.sample_parameters(3, np.random.default_rng(0))
    theta[1, 0] = np.nan
    expected = [Status.OK, Status.NOT_FINITE, Status.OK]
    assert world.irf(theta).status.tolist() == expected
    assert world.check([1.0, 0.1, 1.5, 0.01]).tolist() == [Status.NO_STABLE_SOLUTION]

    assert run(["worlds"]) == 0
    assert "AR(1) output gap" in capsys.readouterr().out
    assert run(["worlds", "ar1"]) == 0
    assert "raises output, inflation and the rate" in capsys.readouterr().out

    samples = draw_samples(world, 1, range(4), Design(quarters=50, run_in=10, horizon=6))
    assert samples.arrays["trajectories"].shape == (4, 50, 3)
    assert np.isfinite(samples.arrays["irfs"]).all()

    # Section 4, on fewer draws, from weights that have learned nothing.
    page = (DOCS / "adding-a-world.md").read_text()
    config, few = (yaml.safe_load(b) for b in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL))
    corner = config["rules"]["ar1"]["corner"]
    assert corner == pytest.approx(thresholds(world, 0.2), abs=0.005)
    config |= {"samples": 200, "quarters": 90}
    pretrained = tmp_path / "pretrained"  # found by this name
    pretrained.symlink_to(every_world)
    monkeypatch.setattr("emulator.models.weights.PRETRAINED", pretrained)
    few["model"] = load_weights(every_world).model.config.model_dump()
    few["training"]["epochs"] = 1
    few["data"]["dataset_path"] = str(tmp_path / "data")
    few["losses"] = {"trajectory": 0}  # needs longer samples
    (tmp_path / "ar1.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "ar1-few.yaml").write_text(yaml.safe_dump(few))
    assert run(["generate", str(tmp_path / "ar1.yaml"), "--output", str(tmp_path / "data")]) == 0
    trained = str(tmp_path / "run")
    assert run(["train", str(tmp_path / "ar1-few.yaml"), "--output", trained]) == 0
    capsys.readouterr()
    ask = ["irf", "ar1", "--shock", "demand", "--weights", trained, "--exact"]
    assert run(ask) == 0
    assert "output" in capsys.readouterr().out

    catalogue.write(tmp_path / "ar1-docs", ["ar1"], draws=50)
    assert "## `ar1`" in (tmp_path / "ar1-docs" / "worlds.md").read_text()
