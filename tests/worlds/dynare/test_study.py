"""The comparison with Dynare over public files: what counts, and what is called equal."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studies.dynare import octave
from studies.dynare.__main__ import Row, shares, table
from studies.dynare.collection import ModelFile, collect
from studies.dynare.compare import Answer, compare
from tests.worlds.dynare.files import text, write

pytestmark = pytest.mark.fast


def dynares(phi: float = 1.5) -> dict[str, Any]:
    """Dynare's numbers for the small file, x before pi before i."""
    return {
        "endo": ["x", "pi", "i"],
        "exo": ["e"],
        "S": np.array([[1e-4]]),
        "order_var": np.array([1, 2, 0]),
        "states": np.array([2]),
        "ghx": 0.8 * np.array([[0.1], [0.1 * phi], [1.0]]),
        "ghu": np.array([[0.1], [0.1 * phi], [1.0]]),
    }


def test_dynares_answer_is_equal_and_another_one_differs(tmp_path: Path) -> None:
    file = write(tmp_path, text())
    assert compare(file, dynares()).kind == "equal"
    other = compare(file, dynares(phi=1.5 * (1.0 + 1e-7)))
    assert other.kind == "differs"
    assert other.gap == pytest.approx(1e-7, rel=1e-3)
    assert other.reason.startswith("i after e")


def test_what_is_not_read_or_solved_has_its_reason(tmp_path: Path) -> None:
    unread = compare(write(tmp_path, text(values="rho = f(1);")), dynares())
    assert unread.kind == "not read"
    assert "small.mod:" in unread.reason
    unsolved = compare(write(tmp_path, text(values="rho = 1.2; phi = 1.5;")), dynares())
    assert unsolved.kind == "not solved"


def test_a_rule_is_refined_with_dynares_own_derivatives(tmp_path: Path) -> None:
    """Columns: lags, variables now, shocks."""
    theirs = dynares(phi=1.5 * (1.0 + 1e-7))
    theirs["incidence"] = np.array([[1, 0, 0], [2, 3, 4], [0, 0, 0]])
    theirs["lag"] = np.array([1])
    theirs["jacobian"] = np.array(
        [[-0.8, 1.0, 0.0, 0.0, -1.0], [0.0, -0.1, 1.0, 0.0, 0.0], [0.0, 0.0, -1.5, 1.0, 0.0]]
    )
    assert compare(write(tmp_path, text()), theirs).kind == "equal"


def test_the_first_command_of_a_script_is_replaced() -> None:
    script = (
        "steady;\noptions_.irf = 40;\n"
        "[info, oo_, options_, M_] = stoch_simul(M_, options_, oo_, var_list_);\nx = osr_size;\n"
    )
    asked = octave._COMMANDS.sub(r"ask('\g<command>');", script)
    assert asked == "steady;\noptions_.irf = 40;\nask('stoch_simul');\nx = osr_size;\n"


def test_a_text_counts_once_whatever_its_comments(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    (repository / "a").mkdir(parents=True)
    write(repository / "a", text())
    write(repository / "a", "// again\n" + text().replace(";", " ;"), "again.mod")
    write(repository / "a", text(values="rho = 0.7; phi = 1.5;"), "other.MOD")
    write(repository, text(values="rho = 0.6; phi = 1.5;"), "above.mod")
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "files"]):
        subprocess.run(["git", *command], cwd=repository, check=True)
    found = collect([f"some/one={repository}:a"], tmp_path / "work")
    assert [f.path for f in found] == ["a/again.mod", "a/other.MOD"]
    assert all(f.file.is_file() and len(f.commit) == 40 for f in found)


def test_shares_are_of_the_files_that_count() -> None:
    file = ModelFile("some/one", "0" * 40, "a.mod", "1" * 64, Path("a.mod"), "2" * 64)
    answers = [Answer("equal", 1e-12), Answer("differs", 1e-3, "y"), Answer("not solved"), None]
    rows = [Row(file, "solved" if a else "refused: why", a) for a in answers]
    found = shares([*rows, Row(file, "solved", Answer("not read", None, "a.mod:1: because"))])
    assert found["count"] == 4
    assert found["left_out"] == {"refused": 1}
    assert (found["share_read"], found["share_solved"], found["share_equal"]) == (0.75, 0.5, 0.25)
    assert found["causes"] == {"others": 3}
    assert len(table(rows).splitlines()) == 4
