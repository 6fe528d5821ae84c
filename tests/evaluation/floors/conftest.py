"""Floors of a few histories, computed once."""

from __future__ import annotations

import pytest

from emulator.data import Dataset
from emulator.evaluation.floors.compute_floors import compute_floors
from emulator.evaluation.floors.floors_on_disk import (
    Floors,
)
from tests.evaluation.floors.toys import TINY


@pytest.fixture(scope="session")
def computed(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Floors:
    """Floors of three nk histories of 40 quarters."""
    folder = tmp_path_factory.mktemp("floors")
    return compute_floors(dataset, "nk", folder, histories=3, **TINY)
