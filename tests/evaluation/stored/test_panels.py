"""The responses that are drawn, on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emulator.errors import DatasetError
from emulator.evaluation.scoring.score import pick
from emulator.evaluation.stored.panels import PANELS_FILE, read_panels, write_panels
from tests.evaluation.toys import bands, scored
from tests.specs import SMALL

pytestmark = pytest.mark.fast


def test_panels_survive_the_disk_and_damage_is_named(tmp_path: Path) -> None:
    assert read_panels(tmp_path) == []
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
