"""YAML as configurations and world files have it: the core schema of YAML 1.2, within bounds.

A file that would take minutes or all memory to read is refused within a second, in one line that
names the file and the line: too many values, repeats of repeats, nesting, objects of any kind.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, ClassVar

import yaml

from emulator.errors import ConfigError
from emulator.storage import open_file

# A configuration has some hundred values. Repeats (`*name`) count as often as they stand there.
MOST_BYTES = 2_000_000
MOST_VALUES = 10_000
MOST_LEVELS = 30
MOST_DIGITS = 300

_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(
    r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
    r"|[-+]?([0-9]+\.[0-9]*|\.[0-9]+)|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+"
)


class _Loader(yaml.SafeLoader):
    """The core schema of YAML 1.2, with duplicate keys refused.

    SafeLoader reads YAML 1.1, where 1e-4 is a string, yes and on are booleans, 010 is 8, 1:30 is 90
    and 1_0 is 10; it also has dates, sets and binary data, which no configuration has.
    """

    yaml_implicit_resolvers: ClassVar = {}  # type: ignore[misc]  # declared otherwise than used
    yaml_constructors: ClassVar = {}

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._values = self._level = 0
        self._weights: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """The next value. Raises YAMLError as soon as there are more than a configuration has."""
        before, mark = self._values, self.peek_event().start_mark  # type: ignore[no-untyped-call]
        repeat = self.check_event(yaml.AliasEvent)
        self._values += 1
        self._level += 1
        if self._level > MOST_LEVELS:
            raise _problem(mark, f"nested more than {MOST_LEVELS} levels deep")
        node = super().compose_node(parent, index)
        if repeat:
            if id(node) not in self._weights:
                raise _problem(mark, "a value contains itself")
            self._values += self._weights[id(node)]
        if self._values > MOST_VALUES:
            raise _problem(mark, f"more than {MOST_VALUES:,} values")
        self._level -= 1
        self._weights.setdefault(id(node), self._values - before)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _problem(key_node.start_mark, "a key is no word")
            key = self.construct_object(key_node)
            if key in keys:
                raise _problem(key_node.start_mark, f"duplicate key {key!r}")
            keys.add(key)
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """Quotes what YAML 1.1 would take for something else than a string, and what 1.2 would. Text of
    several lines is a block, so that it can be read in the file."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    # As plain text or a block, the other line ends of Unicode are read back as blanks.
    style = '"' if re.search("[\x85\u2028\u2029]", value) else "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def _scalar(loader: _Loader, node: yaml.Node) -> Any:
    """A single value, of the kind that its tag says, spelt as YAML 1.2 spells it."""
    kind = node.tag.rpartition(":")[2]
    text = node.value
    if not isinstance(node, yaml.ScalarNode):
        raise _problem(node.start_mark, f"expected a single value after !!{kind}")
    if kind == "str":
        return text
    if kind == "null":
        return None
    pattern = {"bool": _BOOL, "int": _INT, "float": _FLOAT}[kind]
    if pattern.fullmatch(text) is None and not (kind == "float" and _INT.fullmatch(text)):
        raise _problem(node.start_mark, f"{text[:40]!r} is no {kind}")
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int":
        if len(text) > MOST_DIGITS:
            raise _problem(node.start_mark, f"a number of {len(text):,} digits")
        return int(text)
    return float(re.sub(r"\.(?=[iInN])", "", text))


for _kind in ("null", "bool", "int", "float", "str"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _scalar)


def _other(loader: _Loader, node: yaml.Node) -> Any:
    raise _problem(node.start_mark, f"values of kind {node.tag} are not read")


_Loader.add_constructor(None, _other)
for _tag in ("tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"):
    _construct: Any = yaml.SafeLoader.yaml_constructors[_tag]
    _Loader.add_constructor(_tag, _construct)
for _kind, _pattern, _first in (
    ("bool", _BOOL, "tTfF"),
    ("int", _INT, "-+0123456789"),
    ("float", _FLOAT, "-+.0123456789"),
    ("null", re.compile(r"~|null|Null|NULL|"), ["~", "n", "N", ""]),
):
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(
            f"tag:yaml.org,2002:{_kind}", re.compile(f"^(?:{_pattern.pattern})$"), list(_first)
        )


def _problem(mark: yaml.Mark, what: str) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, what, mark)


def read_yaml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The mapping in a YAML file. Raises ConfigError naming the file and line."""
    return parse_yaml(text_of(path), str(path))


def text_of(path: str | os.PathLike[str]) -> str:
    """What is in a YAML file. Raises ConfigError naming it, also for one that is too large."""
    try:
        with open_file(Path(path)) as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ConfigError(f"{path}: too large, at most {MOST_BYTES:,} bytes are read")
        return data.decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; expected a YAML file") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start})") from None


def parse_yaml(text: str, origin: str) -> dict[str, Any]:
    """The mapping that a YAML text is; `origin` names it in errors. Raises ConfigError."""
    try:
        values = yaml.load(text, Loader=_Loader)  # noqa: S506 (a SafeLoader subclass)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or type(error).__name__
        raise ConfigError(f"{origin}{where}: not valid YAML ({problem})") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{origin}: expected a mapping of keys to values at the top")
    return values


def dump_yaml(data: Any) -> str:
    """The data as YAML, in their order, which `parse_yaml` reads back as they are."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def read_number(text: str) -> float:
    """The number that a text spells in plain digits, which may be nan or inf. Raises ValueError."""
    if not in_plain_digits(text):
        raise ValueError(f"no number: {text!r}")
    return float(text)


def in_plain_digits(text: str) -> bool:
    """Whether a number in the text would be one to everybody: Python also reads 1_000 and the
    digits of other scripts, which no table or form means."""
    return text.isascii() and "_" not in text
