"""What takes over two seconds says so on a terminal, and nothing in a pipe."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emulator.cli.app import run
from tests.worlds.dynare.files import MODELS

pytestmark = pytest.mark.fast


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("arguments", "title"),
    [
        (["worlds", "nk"], "worlds nk"),
        (["irf", "nk", "--horizon", "4"], "irf"),
        (["irf", "nk", "--horizon", "4", "--exact"], "nk, exact"),
        (["compare", "--worlds", "nk,rbc", "--shock", "monetary"], "compare"),
        (["compare", "--worlds", "nk,rbc", "--shock", "monetary", "--exact"], "compare"),
        (["respond", "data.csv", "--to", "b", "--horizon", "2"], "respond data.csv"),
        (["import", str(MODELS / "growth.mod")], "import growth.mod"),
    ],
)
def test_long_work_is_seen_on_a_terminal_alone(
    arguments: list[str],
    title: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TERM", "xterm")
    data = np.random.default_rng(0).standard_normal((90, 2)).cumsum(axis=0)
    pd.DataFrame(data, columns=["a", "b"]).to_csv("data.csv", index=False)

    def told(stream: io.StringIO) -> str:
        monkeypatch.setattr(sys, "stderr", stream)
        assert run(arguments) == 0
        return stream.getvalue()

    assert title in told(Terminal())
    assert told(io.StringIO()) == ""
