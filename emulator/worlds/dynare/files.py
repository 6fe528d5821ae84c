"""World files: an imported world as data, to be read again without its .mod.

YAML, with the model's text as the reader printed it, the observables' expressions, and the
parameters' boxes. Nothing in it is executed.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any

from emulator.errors import ConfigError, InputError
from emulator.specs import OBSERVABLE_NAMES, Parameter
from emulator.storage import write_atomically
from emulator.strict_yaml import dump_yaml, parse_yaml, read_yaml, text_of
from emulator.worlds.dynare.boxes import Bounds
from emulator.worlds.dynare.macro_values import Value
from emulator.worlds.dynare.reader import read, read_content, read_text
from emulator.worlds.dynare.world import DynareWorld, imported

FORMAT = 1
_KEYS = {
    "names",
    "rule",
    "format",
    "name",
    "title",
    "file",
    "observables",
    "parameters",
    "fixed",
    "model",
}


def from_dynare(
    path: str | Path,
    *,
    observables: Mapping[str, str] | None = None,
    bounds: Bounds | None = None,
    name: str | None = None,
    values: Mapping[str, float] | None = None,
    defines: Mapping[str, Value] | None = None,
    names: Mapping[str, str] | None = None,
    rule: str | None = None,
) -> DynareWorld:
    """The world of the Dynare model at `path`.

    observables: expressions by name, such as {"output": "100*y", "inflation": "400*pi", "rate":
    "400*r"}, in percent and annualised percentage points; those left out are recognised by the
    variables' names. bounds: (lower, upper) by parameter, or a number that fixes it. name: the
    world's; the file's when left out. values: numbers for parameters the file sets elsewhere, and
    starting values for the steady state. defines: macro variables, as `dynare -D`. names: what
    shocks and parameters of the file are called in the world, such as {"eps_r": "monetary"}. rule:
    the policy rule in place of the one that the file marks: a name of `rules.RULES`, or an equation
    in the file's variables.

    Raises Refusal, one line with file, line and remedy, for a file that is not read, and InputError
    for arguments that do not fit it.
    """
    path = Path(path)
    name = name or default_name(path.stem)
    if _is_taken(name):
        raise InputError(
            f"name: {name!r} is a world of this package, or of one that is installed; import "
            f"{path.name} under another --name"
        )
    model = read(path, defines, values, rule)
    return imported(
        model,
        name=name,
        observables=observables,
        bounds=bounds,
        names=names,
    )


def from_content(
    data: bytes,
    file: str,
    *,
    observables: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
) -> DynareWorld:
    """The world of a Dynare model that is no file here: its content, and what the file is called.

    As `from_dynare`, but that nothing is opened. Raises Refusal and InputError as that.
    """
    return imported(
        read_content(data, file),
        name=default_name(PurePath(file).stem),
        observables=observables,
        names=names,
    )


def default_name(stem: str) -> str:
    """A world's name made from a file's; not one of the bank's."""
    name = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_") or "model"
    return f"{name}_mod" if _is_taken(name) else name


def _is_taken(name: str) -> bool:
    """Whether another world answers to this name, networks trained on it among what does."""
    from emulator.worlds.registry import list_worlds

    return name in list_worlds()


def to_data(world: DynareWorld) -> dict[str, Any]:
    """The world as plain data, the content of its file."""
    found = world.found
    return {
        "format": FORMAT,
        "name": world.name,
        "title": world.title,
        "file": found.file,
        "observables": dict(found.observables),
        "parameters": {p.name: _plain(p) for p in world.parameters},
        "fixed": dict(found.set_values),
        "names": dict(found.names),
        **({"rule": found.rule} if found.rule else {}),
        "model": found.text,
    }


def write_world(world: DynareWorld, path: Path) -> None:
    """Write the world's file; what was there is replaced at once."""
    write_atomically(path, dump_yaml(to_data(world)).encode())


def is_world_file(path: Path) -> bool:
    """Whether the file says that it is a world, of this format or another."""
    try:
        return "format" in read_yaml(path)
    except ConfigError:
        return False


def read_world(path: Path) -> DynareWorld:
    """The world in a file that `write_world` wrote. Any other file is refused, with ConfigError
    where it cannot be read as YAML and InputError otherwise; so is a world that is called as one
    of `list_worlds`, which would be taken for it."""
    if path.suffix == ".mod":
        raise InputError(
            f"{path}: is a Dynare model; make a world of it with `emulator import {path}`"
        )
    return _from_text(text_of(path), path.name)


@lru_cache(maxsize=32)
def _from_text(text: str, shown: str) -> DynareWorld:
    data = parse_yaml(text, shown)
    if data.get("format") != FORMAT or not data.keys() <= _KEYS:
        raise InputError(
            f"{shown}: is no world file of format {FORMAT}; write it with `emulator import`"
        )
    try:
        parameters = tuple(Parameter(name, **p) for name, p in data["parameters"].items())
        observables = {name: str(data["observables"][name]) for name in OBSERVABLE_NAMES}
        fixed = {str(k): float(v) for k, v in data["fixed"].items()}
        name, title, text = str(data["name"]), str(data["title"]), str(data["model"])
        file, rule = str(data["file"]), data.get("rule")
        names = {str(k): str(v) for k, v in data["names"].items()}
        _check(parameters)
    except (KeyError, TypeError, AttributeError):
        raise InputError(
            f"{shown}: lacks a part of a world file; write it again with `emulator import`"
        ) from None
    except ValueError as error:
        raise InputError(f"{shown}: {error}; write it again with `emulator import`") from None
    if _is_taken(name):
        raise InputError(
            f"{shown}: calls its world {name!r}, as another one is called; import the model again "
            "under another --name"
        )
    model = read_text(text, file)
    model.rule = None if rule is None else str(rule)
    return imported(
        model,
        name=name,
        title=title,
        observables=observables,
        bounds=fixed,
        parameters=parameters,
        names=names,
    )


def _check(parameters: tuple[Parameter, ...]) -> None:
    """ValueError where a stored number is no number."""
    for p in parameters:
        for value in (p.lower, p.upper, p.default):
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ValueError(f"{p.name}: expected numbers, got {value!r}")
        if p.prior != "uniform" or p.transform not in ("bounded", "scaled", "log"):
            raise ValueError(f"{p.name}: prior {p.prior!r} or transform {p.transform!r}")


def _plain(parameter: Parameter) -> dict[str, Any]:
    """A parameter without its name and what is at its default."""
    data = dataclasses.asdict(parameter)
    del data["name"]
    plain = {f.name: f.default for f in dataclasses.fields(Parameter)}
    return {k: v for k, v in data.items() if k in ("transform",) or v != plain.get(k)}
