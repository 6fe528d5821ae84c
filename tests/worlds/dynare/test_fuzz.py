"""Damaged files are answered, or refused in one line with its place; none takes long."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
import pytest

from emulator.errors import InputError
from emulator.worlds.dynare import Refusal, from_dynare
from tests.worlds.dynare.files import MODELS, REFERENCES

SOURCES = [*sorted(MODELS.glob("*.mod")), *sorted(REFERENCES.glob("*.mod"))]
PIECES = [
    "(", ")", "[", "]", "{", "}", ";", "=", "==", "^", "*", "/", "-", "+", ",", "#", "'", '"', "$",
    "@{", "@#if 1\n", "@#endif\n", "@#for i in 1:3\n", "@#endfor\n", "@#define x = [1:9]\n",
    '@#include "nothing"\n', "/*", "*/", "//", "%", "end;", "model;", "shocks;", "var ",
    "varexo ", "parameters ", "initval;", "steady_state_model;", "stderr ", "corr ",
    "EXPECTATION(-1)(",
    "STEADY_STATE(", "exp(", "log(", "NaN", "Inf", "1e999", "0", "-1", "(+1)", "(-9)", "(-999)",
    "predetermined_variables ", "(linear)",
    "bind='a'", "stoch_simul;", "\x00", "\xff", "\u00e9",
    "1/0", "...", "&&", "if x\n", "end\n", "estimated_params;", "beta_pdf", "^^", "((((((",
]  # fmt: skip
ONE_LINE = re.compile(r"^[^\n:]+:\d+: [^\n]+$")


def damaged(content: str, rng: np.random.Generator) -> str:
    """The file with one to four random injuries."""
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(0, len(content) + 1))
        to = min(len(content), at + int(rng.integers(1, 40)))
        match int(rng.integers(0, 7)):
            case 0:
                content = content[:at] + content[to:]
            case 1:
                content = content[:at] + str(rng.choice(PIECES)) + content[at:]
            case 2:
                content = content[:to] + content[at:]
            case 3:
                lines = content.split("\n")
                rng.shuffle(lines[: int(rng.integers(1, len(lines) + 1))])
                del lines[int(rng.integers(0, len(lines)))]
                content = "\n".join(lines)
            case 4:
                content = content[:at]
            case 5:
                swap = str(rng.choice(list("()[];=+-*/^.,01azAZ_ \n'\"$%@#")))
                content = content[:at] + swap + content[at + 1 :]
            case _:
                words = re.findall(r"\w+", content) or ["x"]
                one, two = rng.choice(words, 2)
                content = re.sub(rf"\b{one}\b", str(two), content, count=int(rng.integers(0, 3)))
    return content


def attempt(path: Path) -> tuple[str, float]:
    """What became of the file, and in how many seconds."""
    start = time.perf_counter()
    try:
        from_dynare(path)
        verdict = "answered"
    except Refusal as refusal:
        verdict = "refused" if ONE_LINE.match(str(refusal)) else f"not one line: {refusal}"
    except InputError as error:  # what is wrong is none of the file's lines: no observables found
        clean = "observable" in str(error) and "\n" not in str(error)
        verdict = "no observables" if clean else f"unexpected: {error}"
    return verdict, time.perf_counter() - start


def survey(count: int, seed: int, folder: Path) -> tuple[dict[str, int], float]:
    """Verdicts of `count` damaged files and the longest time."""
    rng = np.random.default_rng(seed)
    texts = [path.read_text() for path in SOURCES]
    verdicts: dict[str, int] = {}
    longest = 0.0
    for number in range(count):
        path = folder / "damaged.mod"
        content = damaged(texts[number % len(texts)], rng)
        path.write_bytes(content.encode("utf-8" if number % 2 else "latin-1", "replace"))
        verdict, seconds = attempt(path)
        verdicts[verdict] = verdicts.get(verdict, 0) + 1
        longest = max(longest, seconds)
    return verdicts, longest


@pytest.mark.slow
def test_damaged_files_are_answered_or_refused_in_one_line(tmp_path: Path) -> None:
    verdicts, longest = survey(250, 1, tmp_path)
    assert verdicts.keys() <= {"answered", "refused", "no observables"}
    assert verdicts["answered"] > 10
    assert verdicts["refused"] > 100
    assert longest < 10.0
