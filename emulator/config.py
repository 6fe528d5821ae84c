"""Strict YAML configurations.

Every configuration is a pydantic model that forbids unknown keys. A wrong key or value raises
ConfigError in one line: the file, the place, and the nearest valid key. `config_hash` identifies
the resolved configuration, whatever the order or spelling in the file.
"""

from __future__ import annotations

import os
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from emulator.errors import ConfigError, nearest, short, unknown_name
from emulator.storage import json_sha256
from emulator.strict_yaml import read_yaml


def is_unset(value: object) -> bool:
    """For `Field(exclude_if=...)`: an optional part that is not asked for is not written either, so
    that a new one leaves the configurations and hashes of runs without it as they are."""
    return value is None


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
                if takes_numbers(field.annotation):
                    for entry in value if isinstance(value, list) else [value]:
                        if isinstance(entry, (bool, str)):
                            raise ValueError(f"{name}: expected a number, got {short(entry)}")
                if name in data and value is None and isinstance(field.default, StrictModel):
                    data[name] = {}
        return data


def takes_numbers(annotation: Any) -> bool:
    """Whether what belongs here is a number, or a list of numbers, and nothing else."""
    if annotation in (int, float):
        return True
    inner = [a for a in get_args(annotation) if a is not type(None) and a is not Ellipsis]
    if get_origin(annotation) is Annotated:
        inner = inner[:1]
    return bool(inner) and all(map(takes_numbers, inner))


ModelT = TypeVar("ModelT", bound=StrictModel)


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
        key = str(context["discriminator"]).strip("'")
        return str(unknown_name(f"{place}.{key}", str(context["tag"]), valid))
    if problem["type"] == "union_tag_not_found":
        return f"{place}: type is missing"
    if problem["type"] == "extra_forbidden":
        _, options = _follow(model, problem["loc"][:-1])
        close = nearest(str(problem["loc"][-1]), options[0].model_fields)
        hint = f"did you mean {close!r}? " if close else ""
        return f"unknown key {short(place)}: {hint}valid keys: {', '.join(options[0].model_fields)}"
    message = problem["msg"].removeprefix("Value error, ")
    value = problem.get("input")
    # A whole section in the message would say nothing about what is wrong in it.
    got = (
        "" if problem["type"] == "missing" or isinstance(value, dict) else f" (got {short(value)})"
    )
    return f"{place[:80] or 'configuration'}: {message[0].lower()}{message[1:]}{got}"


def _follow(
    model: type[BaseModel], path: tuple[int | str, ...]
) -> tuple[list[str], list[type[BaseModel]]]:
    """The keys along a problem's path as they are in the file, and the models that may stand at its
    end. pydantic's path also names the branch of a choice between models, which is no key."""
    names: list[str] = []
    options, of_names = [model], False
    for part in path:
        chosen = [option for option in options if _tag(option) == part]
        if len(options) > 1 and chosen:
            options = chosen
            continue
        names.append(str(part))
        if isinstance(part, int) or of_names:  # a place in a list or mapping, whose model stays
            of_names = False
            continue
        field = options[0].model_fields.get(part) if options else None
        options = _models_in(field.annotation) if field else []
        of_names = field is not None and get_origin(field.annotation) is dict
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
