"""Strict YAML configurations.

Every configuration is a pydantic model that forbids unknown keys. A wrong key or value raises
ConfigError in one line: the file, the place, and the nearest valid key. `config_hash` identifies
the resolved configuration, whatever the order or spelling in the file.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from emulator.errors import ConfigError, nearest
from emulator.storage import json_sha256


def is_unset(value: object) -> bool:
    """For `Field(exclude_if=...)`: an optional part that is not asked for is not written either, so
    that a new one leaves the configurations and hashes of runs without it as they are."""
    return value is None


_NUMBERS = (int, float, int | None, float | None)


class StrictModel(BaseModel):
    """Base of all configurations: immutable, no unknown keys, finite numbers."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=()
    )

    @model_validator(mode="before")
    @classmethod
    def _numbers_are_numbers(cls, data: Any) -> Any:
        """Refuse `true` and `"3"` where a number belongs, which pydantic would convert. A section
        whose keys are all commented out is an empty one."""
        if isinstance(data, dict):
            data = dict(data)
            for name, field in cls.model_fields.items():
                value = data.get(name)
                if field.annotation in _NUMBERS and isinstance(value, (bool, str)):
                    raise ValueError(f"{name}: expected a number, got {value!r}")
                if name in data and value is None and isinstance(field.default, StrictModel):
                    data[name] = {}
        return data


ModelT = TypeVar("ModelT", bound=StrictModel)


class _Loader(yaml.SafeLoader):
    """YAML 1.1 with the floats of YAML 1.2 (plain SafeLoader reads 1e-4 as a string) and
    duplicate keys refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(k, deep=True) for k, _ in node.value]
        for i, key in enumerate(keys):
            if key in keys[:i]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"duplicate key {key!r}", node.start_mark
                )
        return super().construct_mapping(node, deep)


# YAML 1.1 also reads yes and on as booleans, 010 as 8, 1:30 as 90 and 1_0 as 10. Here, as in the
# core schema of YAML 1.2, only true and false are booleans and only plain decimals are integers.
_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag.rsplit(":", 1)[1] not in ("bool", "int", "float", "timestamp")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?(0|[1-9][0-9]*)$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?\.(inf|Inf|INF)$|^\.(nan|NaN|NAN)$|^[-+]?[0-9]+\.[0-9]*$|^[-+]?\.[0-9]+$"),
    list("-+.0123456789"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)$"),
    list("-+.0123456789"),
)


def read_yaml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The mapping in a YAML file. Raises ConfigError naming the file and line."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as text ({error})") from None
    try:
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 (a SafeLoader subclass)
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or type(error).__name__
        raise ConfigError(f"{path}{where}: not valid YAML ({problem})") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: expected a mapping of keys to values at the top")
    return data


def load_config(path: str | os.PathLike[str], model: type[ModelT]) -> ModelT:
    """The file as a validated configuration. Raises ConfigError in one line."""
    return parse_config(read_yaml(path), model, str(path))


def parse_config(data: dict[str, Any], model: type[ModelT], origin: str) -> ModelT:
    """A mapping as a validated configuration; `origin` names it in errors."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{origin}: {_first_problem(error, model)}") from None


def _first_problem(error: ValidationError, model: type[BaseModel]) -> str:
    """The first validation problem as a sentence, with the nearest valid key for unknown ones."""
    problem = error.errors()[0]
    place = ".".join(_follow(model, problem["loc"])[0])
    if problem["type"] == "union_tag_invalid":
        context = problem["ctx"]
        valid = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
        close = nearest(str(context["tag"]), valid)
        hint = f"did you mean {close!r}? " if close else ""
        key = str(context["discriminator"]).strip("'")
        return f"unknown {place}.{key} {context['tag']!r}: {hint}valid: {', '.join(valid)}"
    if problem["type"] == "union_tag_not_found":
        return f"{place}: type is missing"
    if problem["type"] == "extra_forbidden":
        key = str(problem["loc"][-1])
        _, options = _follow(model, problem["loc"][:-1])
        valid = list(options[0].model_fields) if options else []
        close = nearest(key, valid)
        hint = f"did you mean {close!r}? " if close else ""
        return f"unknown key {place!r}: {hint}valid keys: {', '.join(valid)}"
    message = problem["msg"].removeprefix("Value error, ")
    value = problem.get("input")
    # A whole section in the message would say nothing about what is wrong in it.
    got = "" if problem["type"] == "missing" or isinstance(value, dict) else f" (got {value!r})"
    return f"{place or 'configuration'}: {message[0].lower()}{message[1:]}{got[:120]}"


def _follow(
    model: type[BaseModel], path: tuple[int | str, ...]
) -> tuple[list[str], list[type[BaseModel]]]:
    """The keys along a problem's path as they are in the file, and the models that may stand at its
    end. pydantic's path also names the branch of a choice between models, which is no key."""
    names: list[str] = []
    options = [model]
    for part in path:
        chosen = [option for option in options if _tag(option) == part]
        if len(options) > 1 and chosen:
            options = chosen
            continue
        names.append(str(part))
        if isinstance(part, int):  # a place in a list; its entries' model stays
            continue
        field = options[0].model_fields.get(part) if options else None
        options = _models_in(field.annotation) if field else []
    return names, options


def _tag(model: type[BaseModel]) -> object:
    """The value of `type:` that chooses this model."""
    field = model.model_fields.get("type")
    return field.default if field else None


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    found: list[type[BaseModel]] = []
    for argument in getattr(annotation, "__args__", ()):
        found.extend(_models_in(argument))
    return found


def config_hash(config: BaseModel) -> str:
    """SHA-256 (first 16 hex digits) of the resolved configuration, as it is written."""
    return json_sha256(config.model_dump(mode="json"))[:16]
