"""The panel of responses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emulator.evaluation.report.response_panel import irf_panel
from emulator.evaluation.scoring.score import pick
from emulator.specs import MACRO_OBSERVABLES
from tests.evaluation.toys import bands, scored
from tests.specs import SMALL

pytestmark = [pytest.mark.slow, pytest.mark.figures]


PNG = b"\x89PNG"


def test_the_panel_has_a_row_a_world_with_and_without_bands(tmp_path: Path) -> None:
    case = scored(np.random.default_rng(0).normal(size=(6, 2, 9, 3)))
    wide = scored(
        case.prediction - case.truth, quantiles=bands(case.prediction, (-2.0, -1.0, 0.0, 1.0, 2.0))
    )
    assert SMALL.observables == MACRO_OBSERVABLES
    sizes = []
    for name, panel in (("one", [case]), ("two", [wide, wide])):
        irf_panel([pick(case, SMALL) for case in panel], tmp_path / f"{name}.png")
        data = (tmp_path / f"{name}.png").read_bytes()
        assert data[:4] == PNG
        sizes.append(int.from_bytes(data[20:24], "big"))  # the height in a PNG's header
    assert sizes[1] > sizes[0]
