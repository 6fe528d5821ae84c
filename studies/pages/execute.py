"""Run the code of documentation pages, and write what it printed under it.

    python -m studies.pages.execute docs/one-shock.md docs/histories.md   # as `make notebooks`
    python -m studies.pages.execute --weights runs/dev/universal/all docs/one-shock.md

A page is a script: its blocks run in order, in one namespace, in a folder that looks like the root
of the repository. Blocks of Python run whole. Of blocks of shell those commands run that ask for
responses or estimates, or start an example (`CHEAP`). A block after `<!-- not run: REASON -->` is
left alone. What a block prints goes between the markers after it, figures where its code saves
them, and the origin of it all at the end of the page.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import re
import runpy
import shlex
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
CHEAP = ("compare", "estimate", "export", "irf", "respond", "worlds")  # subcommands of `emulator`
SHELL = ("", "bash", "sh")

_BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^\n]*) -->\n+)?^```(?P<language>[^\n]*)\n(?P<code>.*?)^```\n",
    re.DOTALL | re.MULTILINE,
)
_OUTPUT = re.compile(r"\n<!-- output -->\n.*?<!-- end -->\n", re.DOTALL)
_ORIGIN = re.compile(r"<!-- executed -->\n.*?<!-- end -->\n", re.DOTALL)


class Block(NamedTuple):
    """A fenced block. reason: why it is not run; None where it is. line: of its first line. end:
    the place in the page after it."""

    language: str
    code: str
    reason: str | None
    line: int
    end: int

    @property
    def commands(self) -> list[list[str]]:
        """The words of each command of a block of shell, comments left out."""
        lines = self.code.replace("\\\n", " ").splitlines()
        return [words for line in lines if (words := shlex.split(line, comments=True))]


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page, outputs left out."""
    outputs = [match.span() for match in _OUTPUT.finditer(page)]
    for match in _BLOCK.finditer(page):
        if any(first <= match.start() < last for first, last in outputs):
            continue
        line = page.count("\n", 0, match.start("code")) + 1
        yield Block(match["language"], match["code"], match["reason"], line, match.end())


def is_cheap(command: list[str]) -> bool:
    """Whether a command is run, not only shown."""
    program, first = command[0], command[1] if len(command) > 1 else ""
    return (program == "emulator" and first in CHEAP) or (
        program == "python" and first.startswith("examples/")
    )


def run(page: str, name: str) -> tuple[dict[str, Any], list[tuple[Block, str]]]:
    """Run a page's blocks; returns the names they leave and what each printed."""
    names: dict[str, Any] = {"__name__": name}
    printed = []
    for block in blocks(page):
        if block.reason is not None:
            continue
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            if block.language == "python":
                # Empty lines before it, so that a traceback names the line of the page.
                exec(compile("\n" * (block.line - 1) + block.code, name, "exec"), names)
            elif block.language in SHELL:
                for command in filter(is_cheap, block.commands):
                    _run_command(command)
        printed.append((block, out.getvalue()))
    return names, printed


def _run_command(command: list[str]) -> None:
    """A command of this package, or `python examples/FILE ...`, in this process."""
    if command[0] == "emulator":
        from emulator.cli.app import run as run_cli

        if run_cli(command[1:]) != 0:
            raise RuntimeError(f"{shlex.join(command)} failed")
        return
    before = sys.argv
    try:
        sys.argv = command[1:]
        runpy.run_path(command[1], run_name="__main__")
    finally:
        sys.argv = before


def workspace(folder: Path) -> Path:
    """A folder with what pages read of the repository, for what they write; returns it."""
    for name in ("configs", "examples", "results"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "docs").mkdir()
    return folder


def code_hash(page: str) -> str:
    """12 hex digits of what a page runs."""
    code = "\0".join(block.code for block in blocks(page) if block.reason is None)
    return hashlib.sha256(code.encode()).hexdigest()[:12]


def filled(page: str, name: str) -> str:
    """The page with the outputs of its blocks and their origin."""
    import emulator

    page = _OUTPUT.sub("", page)
    printed = run(page, name)[1]
    for block, output in reversed(printed):
        text = "\n".join(line.rstrip() for line in output.splitlines()).strip("\n")
        if text:
            shown = f"\n<!-- output -->\n\n```text\n{text}\n```\n\n<!-- end -->\n"
            page = page[: block.end] + shown + page[block.end :]
    provenance = emulator.load().provenance
    origin = (
        f"<!-- executed -->\nOutputs and figures of this page are made by `make notebooks`. "
        f"Code {code_hash(page)}, weights {provenance['weights_sha256'][:12]}, trained at commit "
        f"{provenance['commit']} on data {provenance['data_sha']}.\n<!-- end -->\n"
    )
    return _ORIGIN.sub(lambda match: origin, page)


def main() -> None:
    import matplotlib as mpl
    import torch

    from emulator.models import weights as shipped
    from emulator.storage import write_atomically

    parser = argparse.ArgumentParser(description="Run pages and write down what they print.")
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--weights", type=Path, help="instead of the shipped ones")
    options = parser.parse_args()
    mpl.use("Agg")
    torch.set_num_threads(1)  # so that sums, and outputs, are the same everywhere
    if options.weights is not None:
        shipped.PRETRAINED = options.weights.resolve()
    for path in [path.resolve() for path in options.pages]:
        with tempfile.TemporaryDirectory() as temporary, contextlib.chdir(temporary):
            workspace(Path(temporary))
            Path("docs/figures").symlink_to(ROOT / "docs" / "figures")
            page = filled(path.read_text(encoding="utf-8"), path.name)
        write_atomically(path, page.encode())


if __name__ == "__main__":
    main()
