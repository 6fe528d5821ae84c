"""The command line finds its commands, each a file, and waits for none that is not called."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.cli import commands
from emulator.cli.app import program, run

pytestmark = pytest.mark.fast


def test_every_file_of_the_folder_is_a_command_with_help_and_an_example(
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = {path.stem for path in Path(commands.__file__).parent.glob("[!_]*.py")}
    names = set(program().commands)
    assert names == {file.replace("_", "-") for file in files}
    assert {"irf", "floors-compare", "leaderboard"} <= names
    assert run(["--help"]) == 0
    listed = capsys.readouterr().out
    for name in names:
        assert f"\n  {name} " in listed
        assert run([name, "--help"]) == 0
        assert f"Example: emulator {name} " in " ".join(capsys.readouterr().out.split())


def test_a_new_file_is_a_new_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "say_it.py").write_text(
        'EXAMPLE = "emulator say-it"\n\ndef say_it() -> None:\n    """Say it."""\n    print("it")\n'
    )
    monkeypatch.setattr(commands, "__path__", [*commands.__path__, str(tmp_path)])
    assert run(["say-it"]) == 0
    assert capsys.readouterr().out == "it\n"
    assert run(["say_it"]) == 2
    assert "Did you mean 'say-it'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["generate", "x.yaml"], "run the same command again"),
        (["train", "x.yaml"], "run the same command again with --resume"),
        (["train", "x.yaml", "--resume"], "run the same command again"),
        (["floors", "nk"], "run the same command again with --resume"),
        (["bench", "lpw"], "run the same command again"),
        (["estimate", "nk", "--output=us"], "run the same command again with --resume"),
        (["estimate", "nk", "--history", "us.csv"], ""),  # nothing is kept
        (["worlds"], ""),
        (["nothing"], ""),
    ],
)
def test_a_command_that_was_stopped_says_how_to_go_on(arguments: list[str], expected: str) -> None:
    assert commands.how_to_go_on(arguments[0], arguments) == expected
