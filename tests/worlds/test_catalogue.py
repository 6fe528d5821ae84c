"""The documentation of the bank says what the code says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from emulator import get_world, list_worlds
from emulator.worlds import Status, catalogue, registry

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.fast
@pytest.mark.parametrize("name", list_worlds())
def test_catalogue_states_what_the_code_states(name: str) -> None:
    # What the prior implies is left out: its last digits belong to the machine that drew it.
    message = "run python -m emulator.worlds.catalogue docs/"
    assert catalogue.describe(get_world(name)) in (DOCS / "worlds.md").read_text(), message
    assert (DOCS / "figures" / f"world_{name}.png").is_file(), message


@pytest.mark.fast
def test_catalogue_lists_the_worlds_in_order_and_no_others() -> None:
    text = (DOCS / "worlds.md").read_text()
    assert tuple(re.findall(r"^## `(\w+)`", text, flags=re.MULTILINE)) == list_worlds()


@pytest.mark.fast
def test_prior_predictive_counts_every_draw_and_measures_the_valid_ones() -> None:
    world = get_world("lss")
    result = catalogue.predictive(world, draws=200, seed=1)
    assert sum(result.verdicts.values()) == 200
    assert len(result.responses) == result.verdicts[Status.OK] < 200
    assert result.deviations.shape == (len(result.responses), 3)
    assert result.large is None
    # A white-noise economy has no persistence, a near-unit-root one has nearly one.
    assert np.all((result.persistence > -1.0) & (result.persistence < 1.0))
    assert f"{result.verdicts[Status.INADMISSIBLE] / 200:.1%} INADMISSIBLE" in catalogue.summarise(
        world, result
    )


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
def test_the_page_on_adding_a_world_works_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (DOCS / "adding-a-world.md").read_text()
    module, usage = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    entry = re.search(r'entry-points\."emulator\.worlds"\]\n(.*?)\n```', page)
    assert entry is not None
    (tmp_path / "ar1_world.py").write_text(module)
    info = tmp_path / "ar1_world-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ar1_world\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[emulator.worlds]\n" + entry[1].replace('"', "") + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry._entry_points.cache_clear()
    try:
        exec(compile(usage, "adding-a-world.md", "exec"), {})
        theta = get_world("ar1").sample_parameters(3, np.random.default_rng(0))
        theta[1, 0] = np.nan
        expected = [Status.OK, Status.NOT_FINITE, Status.OK]
        assert get_world("ar1").irf(theta).status.tolist() == expected
    finally:
        registry._entry_points.cache_clear()
        registry.get_world.cache_clear()
        sys.modules.pop("ar1_world", None)
