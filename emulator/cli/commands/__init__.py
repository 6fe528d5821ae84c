"""The subcommands, one file each.

A file is a command. `floors_compare.py` is `emulator floors-compare`: the function of that name
takes its arguments, its docstring is the help, and EXAMPLE, a command line, ends the help; a name
that Python keeps for itself, as in `import.py`, ends in an underscore there. A command that takes
`--resume`, or says GOES_ON because it needs none, can be stopped and gone on with; one that keeps
nothing unless it is given an option says so as KEPT_IN.

Nothing else lists the commands, and none is imported before it is called or all are listed.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from importlib import import_module
from keyword import iskeyword
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

import typer

from emulator.strict_yaml import in_plain_digits

if TYPE_CHECKING:
    from typer.core import TyperCommand


class Commands(Mapping[str, "TyperCommand"]):
    """The commands by name, each made when it is looked up."""

    def __iter__(self) -> Iterator[str]:
        return (found.name.replace("_", "-") for found in iter_modules(__path__))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return name in list(iter(self))

    def __getitem__(self, name: str) -> TyperCommand:
        module, function = _declared(name)
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(name, epilog=f"Example: {module.EXAMPLE}")(function)
        command: TyperCommand = typer.main.get_command(alone)  # type: ignore[assignment]
        takes = inspect.signature(function).parameters
        for parameter in command.params:
            if parameter.name in takes and takes[parameter.name].annotation in _NUMBERS:
                parameter.process_value = _plain(parameter)  # type: ignore[method-assign]
        return command


# Annotations as they are written: they are not evaluated.
_NUMBERS = ("int", "float", "int | None", "float | None")


def _plain(parameter: Any) -> Any:
    """How a parameter takes a number: spelt as in files."""
    process = parameter.process_value

    def checked(context: Any, value: Any) -> Any:
        if isinstance(value, str) and not in_plain_digits(value):
            raise typer.BadParameter(f"{value!r} is no number in plain digits.", param=parameter)
        return process(context, value)

    return checked


def how_to_go_on(name: str, arguments: list[str]) -> str:
    """What to do after a command was stopped with these arguments; empty where nothing is kept."""
    if name not in Commands():
        return ""
    module, function = _declared(name)
    kept_in = getattr(module, "KEPT_IN", "")
    if not any(argument.startswith(kept_in) for argument in arguments):
        return ""
    if "resume" in inspect.signature(function).parameters:
        with_resume = "" if "--resume" in arguments else " with --resume"
        return f"run the same command again{with_resume}"
    return "run the same command again" if getattr(module, "GOES_ON", False) else ""


def _declared(name: str) -> tuple[Any, Any]:
    """The module of a command and its function. Raises KeyError."""
    if name not in Commands():
        raise KeyError(name)
    file = name.replace("-", "_")
    module = import_module(f"{__name__}.{file}")
    return module, getattr(module, f"{file}_" if iskeyword(file) else file)
