"""The macro language."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.worlds.dynare import Refusal
from emulator.worlds.dynare.macro_values import Macros, show
from emulator.worlds.dynare.macros import expand
from emulator.worlds.dynare.places import Place
from tests.worlds.dynare.files import write

pytestmark = pytest.mark.fast
PLACE = Place("f.mod", 3)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2*3^2", "19"),
        ("-2^2", "-4"),
        ("7/2", "3.5"),
        ("1:4", "[1, 2, 3, 4]"),
        ("1:2:7", "[1, 3, 5, 7]"),
        ("defined(none) && none == 1", "false"),
        ("!defined(none) || none == 1", "true"),
        ("1 > 2 && f([1, (none)]) || 2 > 1", "true"),
        ("[1 > 2 && none, 2 > 1]", "[false, true]"),
        ("[x for x in 1:4 when 1 > 2 && none || x > 2]", "[3, 4]"),
        ("[1:3]", "[1, 2, 3]"),
        ("3 in 1:4 && !(2 > 3)", "true"),
        ('"a" + "b"', "ab"),
        ('"abc"[2]', "b"),
        ('["x", "y"][2]', "y"),
        ('["x", "y"] + ["z"]', "[x, y, z]"),
        ("[1, 2, 3] - [2]", "[1, 3]"),
        ("[1, 2] | [2, 3]", "[1, 2, 3]"),
        ("[1, 2] & [2, 3]", "[2]"),
        ('[1, 2] * ["a"]', "[(1, a), (2, a)]"),
        ("[i^2 for i in 1:4 when mod(i, 2) == 0]", "[4, 16]"),
        ("[i in 1:5 when i > 3]", "[4, 5]"),
        ("[i + j for (i, j) in [(1, 2), (3, 4)]]", "[3, 7]"),
        ("length([1, 2, 3]) == 3", "true"),
        ("defined(nothing)", "false"),
        ("max(2, 5) + floor(2.7)", "7"),
        ('"v_@{1 + 1}"', "v_2"),
        ("f(3)", "10"),
        ("isempty([])", "true"),
    ],
)
def test_expressions(expression: str, value: str) -> None:
    macros = Macros(functions={"f": (["n"], "n^2 + 1")})
    assert show(macros.value(expression, PLACE)) == value


@pytest.mark.parametrize(
    "expression",
    ["1 +", "[1, 2][3]", '"a" - 1', "f(", "1:1e9", "nothing", "g(2)", "1/0", '"a" && true', "((("],
)
def test_expressions_without_a_value_are_refused(expression: str) -> None:
    macros = Macros(functions={"g": (["n"], "g(n + 1)")})
    with pytest.raises(Refusal, match=r"^f\.mod:3: "):
        macros.value(expression, PLACE)


def expanded(folder: Path, content: str) -> list[str]:
    return [line.text for line in expand(write(folder, content)) if line.text.strip()]


def test_directives(tmp_path: Path) -> None:
    content = """@#define N = 2
@#define names = ["a", "b"]
@#define sq(x) = x*x
@#ifndef M
one
@#endif
@#if N == 1
no
@#elseif N == 2 && sq(2) == 4
two @{N} @{sq(3)}
@#else
no
@#endif
@#for n in names
@#for k in 1:N when k > 1
v_@{n}_@{k}
@#endfor
@#endfor
@#for (s, t) in [("p", 1), ("q", 2)]
@{s}@{t}
@#endfor
@#define long = 1 + \\
  2
@{long}
@#echo "not kept"
"""
    assert expanded(tmp_path, content) == ["one", "two 2 9", "v_a_2", "v_b_2", "p1", "q2", "3"]


def test_lines_keep_their_numbers_and_files(tmp_path: Path) -> None:
    write(tmp_path, "in\n", "part.inc")
    path = write(tmp_path, '@#define A = 1\n@#include "part.inc"\n@#if A\nhere\n@#endif\n')
    lines = [line for line in expand(path) if line.text]
    assert [str(line.place) for line in lines] == ["part.inc:1", "small.mod:4"]


def test_macro_variables_may_be_set_from_outside(tmp_path: Path) -> None:
    path = write(tmp_path, "@#ifdef ZLB\n@{ZLB}\n@#endif\n")
    assert [line.text for line in expand(path, {"ZLB": 2.0}) if line.text] == ["2"]


@pytest.mark.parametrize(
    "content",
    [
        '@#include "small.mod"\n',
        "@#for i in 1:1000\n@#for j in 1:1000\nx\n@#endfor\n@#endfor\n",
        '@#define s = "aaaaaaaaaa"\n' + "@#define s = s + s\n" * 60,
        "@#define f(n) = f(n)\n@{f(1)}\n",
    ],
)
def test_what_never_ends_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(Refusal, match=r"small\.mod:\d+: "):
        expand(write(tmp_path, content))
