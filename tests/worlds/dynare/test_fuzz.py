"""Damaged files are answered, or refused in one line with its place; none takes long."""

from __future__ import annotations

from pathlib import Path

import pytest

from studies.dynare.fuzz import SLOW, SOURCES, survey


@pytest.mark.slow
def test_damaged_files_are_answered_or_refused_in_one_line(tmp_path: Path) -> None:
    found = survey(SOURCES, 250, 1, tmp_path)
    assert found.verdicts.keys() <= {"answered", "refused", "no observables"}, found.tracebacks
    assert found.verdicts["answered"] > 10
    assert found.verdicts["refused"] > 100
    assert found.longest < SLOW
