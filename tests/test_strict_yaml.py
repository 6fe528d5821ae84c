"""YAML from anywhere is values or one line within a second, and means what YAML 1.2 says."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.config import StrictModel, takes_numbers
from emulator.errors import ConfigError
from emulator.strict_yaml import MOST_BYTES, dump_yaml, parse_yaml, read_number, read_yaml

pytestmark = pytest.mark.fast

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BOMB, "line 5: not valid YAML (more than 10,000 values)"),
        ("a: &a [*a]", "contains itself"),
        ("a: &a {b: *a}", "contains itself"),
        ("".join(f"k{i}: 1\n" for i in range(20_000)), "more than 10,000 values"),
        ("a: [" + "1," * 200_000 + "]", "more than 10,000 values"),
        ("a: " + "[" * 50_000, "nested more than 30 levels deep"),
        ("a: " + "{b: " * 5_000, "nested more than 30 levels deep"),
        ("a: " + "9" * 5_000, "a number of 5,000 digits"),
        ('a: !!bool "x"', "line 1: not valid YAML ('x' is no bool)"),
        ('a: !!int "1_0"', "'1_0' is no int"),
        ("a: !!int 0x1F", "'0x1F' is no int"),
        ('a: !!float "١"', "'١' is no float"),
        ("a: !!int [1]", "expected a single value after !!int"),
        ('a: !!timestamp "x"', "timestamp"),
        ('a: !!binary "x"', "binary"),
        ("a: !!set {b, c}", "set"),
        ('a: !!python/object/apply:os.system ["ls"]', "os.system"),
        ("? [1]\n: 2", "a key is no word"),
        ("1: 1\n1: 2", "duplicate key 1"),
        ("a: \0", "not valid YAML"),
        ("a: 1\n---\na: 2", "another document"),
        ("- 1", "expected a mapping"),
    ],
    ids=str,
)
def test_what_no_configuration_holds_is_refused_at_once(text: str, expected: str) -> None:
    start = time.process_time()
    with pytest.raises(ConfigError) as refusal:
        parse_yaml(text, "here")
    assert expected in str(refusal.value)
    assert len(str(refusal.value)) < 200
    assert time.process_time() - start < 3  # a second on a quiet machine


def test_repeats_of_a_few_values_are_read() -> None:
    text = "a: &a {b: 1, c: [2, 3]}\nd: *a\ne: [*a, *a]"
    a = {"b": 1, "c": [2, 3]}
    assert parse_yaml(text, "here") == {"a": a, "d": a, "e": [a, a]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4), ("1.5E3", 1500.0), (".5", 0.5), ("-.inf", float("-inf")), ("3", 3),
        ("010", "010"), ("0x10", "0x10"), ("1_0", "1_0"), ("1:30", "1:30"), ("١", "١"),
        ("yes", "yes"), ("on", "on"), ("true", True), ("False", False), ("~", None), ("", None),
        ("2020-01-01", "2020-01-01"), ("!!str 12", "12"), ("!!float 12", 12.0), ("=", "="),
    ],
)  # fmt: skip
def test_a_word_means_what_yaml_1_2_says(text: str, value: object) -> None:
    found = parse_yaml(f"a: {text}", "here")["a"]
    assert found == value
    assert type(found) is type(value)


def test_a_large_file_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(ConfigError, match="too large"):
        read_yaml(path)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    for path, said in ((pipe, "a pipe"), (Path("/dev/zero"), "a device"), (tmp_path, "directory")):
        with pytest.raises(ConfigError, match=said):
            read_yaml(path)


@given(st.text(alphabet=st.sampled_from("abe:&*![]{}-?#|>'\",~ \n\t.019_é"), max_size=60))
def test_any_text_is_a_mapping_or_one_line(text: str) -> None:
    try:
        found = parse_yaml(text, "here")
    except ConfigError as error:
        found = str(error)
    assert isinstance(found, dict) or found.startswith("here")


DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), DATA, max_size=4))
def test_what_is_written_is_read_back(data: dict[str, Any]) -> None:
    assert parse_yaml(dump_yaml(data), "here") == data


@pytest.mark.parametrize("text", ["1_0", "١٢", "１", "", "x", "0x1F", "1,5"])
def test_a_number_is_spelt_in_plain_digits(text: str) -> None:
    with pytest.raises(ValueError, match=r"no number|could not convert"):
        read_number(text)


def _models(base: type[StrictModel]) -> set[type[StrictModel]]:
    below = {model for child in base.__subclasses__() for model in _models(child)}
    return {base} | below


def _bounded(field: Any) -> bool:
    return "le=" in repr([*field.metadata, field.annotation]) or "lt=" in repr(field.metadata)


def test_every_number_in_a_configuration_has_an_upper_bound() -> None:
    """So that a slip of the keyboard is a line, and not a full memory."""
    import emulator.plans.plan  # noqa: F401  # which imports all of them

    thresholds = {"above", "below", "persistence", "volatility"}  # compared with, of any unit
    free = [
        f"{model.__name__}.{name}"
        for model in _models(StrictModel)
        if model.__module__.startswith("emulator.")
        for name, field in model.model_fields.items()
        if takes_numbers(field.annotation) and not _bounded(field) and name not in thresholds
    ]
    assert free == []
