"""The explorer's answers from the small trained weights."""

from __future__ import annotations

from pathlib import Path

import pytest

import emulator
from emulator.explorer.answers import Answers
from emulator.inference import Emulator


@pytest.fixture(scope="session")
def model(run_path: Path) -> Emulator:
    return emulator.load(run_path)


@pytest.fixture(scope="session")
def answers(model: Emulator) -> Answers:
    return Answers(model)
