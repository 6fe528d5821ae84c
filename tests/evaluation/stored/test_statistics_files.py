"""Statistics on disk are those that metrics were made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.errors import DatasetError
from emulator.evaluation.comparison.gaps import paired_difference
from emulator.evaluation.stored.runs import EvaluatedRun
from emulator.evaluation.stored.statistics_files import RESPONSES_FILE
from tests.evaluation.toys import evaluated

pytestmark = pytest.mark.fast


@pytest.fixture
def universal(tmp_path: Path) -> EvaluatedRun:
    return evaluated(tmp_path / "universal", 0.3)


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("how", ["flipped", "truncated", "missing"])
def test_statistics_that_are_not_those_of_the_metrics_are_refused(
    universal: EvaluatedRun, tmp_path: Path, how: str, at: float
) -> None:
    specialist = evaluated(tmp_path / "s", 0.1, worlds=("one",))
    file = specialist.folder / RESPONSES_FILE
    data = bytearray(file.read_bytes())
    place = int(at * len(data))
    data[place] ^= 0x10
    file.write_bytes(data[:place] if how == "truncated" else data)
    if how == "missing":
        file.unlink()
    assert not specialist.is_complete
    with pytest.raises(DatasetError, match=r"statistics\.parquet: .*emulator evaluate"):
        paired_difference(universal, specialist, "one", "A", "steady_state")
