"""What tests of bad input share: a good history to spoil, and what a refusal looks like."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from emulator.cli.app import run

HEADER = "output,inflation,rate"


def numbers(rows: int = 60, scale: float = 1.0) -> list[str]:
    draws = scale * np.random.default_rng(0).normal(size=(rows, 3)).cumsum(axis=0)
    return [",".join(f"{x:.4f}" for x in row) for row in draws]


def table(*changed: tuple[int, str], header: str = HEADER) -> str:
    """A history of 60 quarters, with some lines replaced (the header is line 1)."""
    lines = [header, *numbers()]
    for line, text in changed:
        lines[line - 1] = text
    return "\n".join(lines) + "\n"


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str) -> None:
    """The command ends with code 2 and one line on stderr that says what is expected."""
    code = run(arguments)
    captured = capsys.readouterr()
    assert (code, captured.err.count("\n"), captured.out) == (2, 1, ""), captured.err
    assert captured.err.startswith("emulator: ")
    assert expected in captured.err


FUZZED = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
