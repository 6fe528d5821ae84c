"""Damaged files of every kind are answers or lines; `python -m studies.fuzz` tries 10,000."""

from __future__ import annotations

from pathlib import Path

import pytest

from studies.fuzz.subjects import SUBJECTS, make_healthy
from studies.fuzz.survey import do
from tests.figures import leave_blank

pytestmark = pytest.mark.integration

SEED = 0
FEW = {"checkpoint": 4, "data set": 12, "evaluation": 8}  # of which each takes longer


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    with pytest.MonkeyPatch.context() as patch:
        leave_blank(patch)
        make_healthy(folder / "healthy")
    return folder


@pytest.mark.filterwarnings("default")  # a warning is a line on stderr
@pytest.mark.parametrize("kind", SUBJECTS)
def test_damage_is_an_answer_or_a_line(home: Path, kind: str) -> None:
    endings = [do(kind, number, SEED, home) for number in range(FEW.get(kind, 30))]
    assert [ending for ending in endings if ending.wrong] == []
    assert any(ending.code == 2 for ending in endings)
