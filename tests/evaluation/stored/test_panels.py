"""The responses that are drawn, on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emulator.errors import DatasetError
from emulator.evaluation.scoring.score import pick
from emulator.evaluation.stored.panels import read_panels, write_panels
from emulator.evaluation.stored.statistics_files import PANELS_FILE, checksums
from tests.evaluation.toys import bands, evaluated, scored
from tests.specs import SMALL

pytestmark = pytest.mark.fast


def test_panels_survive_the_disk_and_damage_is_named(tmp_path: Path) -> None:
    case = scored(np.random.default_rng(0).normal(size=(6, 2, 9, 3)))
    wide = scored(
        case.prediction - case.truth, quantiles=bands(case.prediction, (-2.0, -1.0, 0.0, 1.0, 2.0))
    )
    panels = [pick(case, SMALL), pick(wide, SMALL)]
    write_panels(tmp_path, panels)
    for panel, again in zip(panels, read_panels(tmp_path), strict=True):
        for key, value in vars(panel).items():
            assert np.array_equal(value, vars(again)[key]), key
    file = tmp_path / PANELS_FILE
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(DatasetError, match=r"panels\.safetensors: damaged.*emulator evaluate"):
        read_panels(tmp_path)


def test_panels_are_those_that_were_scored(tmp_path: Path) -> None:
    run = evaluated(tmp_path / "run", 0.1)
    assert run.panels() == []
    case = scored(np.random.default_rng(0).normal(size=(6, 2, 9, 3)))
    write_panels(run.folder, [pick(case, SMALL)])
    run.metrics["statistics"] = checksums(run.folder)
    assert len(run.panels()) == 1
    file = run.folder / PANELS_FILE
    whole = file.read_bytes()
    for place in range(0, len(whole), len(whole) // 20):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(DatasetError, match=r"panels\.safetensors: not the file that metrics"):
            run.panels()
        assert not run.is_complete
    file.unlink()
    with pytest.raises(DatasetError, match=r"panels\.safetensors: missing; .*emulator evaluate"):
        run.panels()
