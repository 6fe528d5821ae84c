"""Finding worlds by name.

Built-in worlds are listed here; an installed package adds its own through the entry-point group
`emulator.worlds`, whose value names a `World` subclass; a world file, which `emulator import` makes
of a Dynare model, is found by its path, or by its name where it lies beside weights that were
loaded. Nothing is imported until it is asked for, and a package whose world cannot be loaded is an
error only for those who ask for that world.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from emulator.errors import InputError, unknown_name
from emulator.worlds.base import World

ENTRY_POINT_GROUP = "emulator.worlds"

_BUILT_IN = {
    "lss": "emulator.worlds.lss:LinearStateSpace",
    "var": "emulator.worlds.var:VectorAutoregression",
    "nk": "emulator.worlds.nk:NewKeynesian",
    "rbc": "emulator.worlds.rbc:RealBusinessCycle",
    "switching": "emulator.worlds.switching:SwitchingVAR",
    "zlb": "emulator.worlds.zlb:ZeroLowerBound",
    "sw07": "emulator.worlds.sw07:SmetsWouters",
    "hank": "emulator.worlds.hank:HeterogeneousAgents",
    "hank_zlb": "emulator.worlds.hank_zlb:HeterogeneousAgentsBound",
}

BUILT_IN = tuple(_BUILT_IN)

# World files by the name of their world, which are found by it as if they lay here.
_BESIDE_WEIGHTS: dict[str, Path] = {}


@cache
def _entry_points() -> dict[str, EntryPoint]:
    return {e.name: e for e in entry_points(group=ENTRY_POINT_GROUP)}


def list_worlds() -> tuple[str, ...]:
    """Names of all worlds: the built-in ones, then those of installed packages."""
    return (*_BUILT_IN, *(name for name in sorted(_entry_points()) if name not in _BUILT_IN))


def get_world(name: str) -> World[Any]:
    """The world called `name`, or the one in the world file at this path (`.yaml` may be left out).

    Raises UnknownNameError with the nearest valid name, and InputError, naming entry point and
    package, where an installed package's world cannot be loaded or is none, or naming the file
    that is no world file.
    """
    if not isinstance(name, str):  # a list would not even be hashable
        raise unknown_name("world", name, list_worlds())
    if name not in list_worlds():
        file = _world_file(name)
        if file is not None:
            from emulator.worlds.dynare import read_world

            return read_world(file)
        if Path(name).suffix in (".yaml", ".yml", ".mod"):
            raise InputError(f"{name}: no such file; world files are made by `emulator import`")
    return _world(name)


def has_world(name: str) -> bool:
    """Whether a world is called `name`, or a file is found under it."""
    return name in list_worlds() or _world_file(name) is not None


def find_beside(folder: Path, names: Iterable[str]) -> None:
    """Let worlds of these names be found whose files lie in a folder of weights. What has such a
    name already, or a file where the program runs, comes first; of several folders the last."""
    for name in names:
        path = folder / f"{name}.yaml"
        if path.is_file():
            _BESIDE_WEIGHTS[name] = path.absolute()


def _world_file(name: str) -> Path | None:
    """The file that `name` is the path of, without its `.yaml` perhaps, or the one beside weights
    that know a world of that name."""
    beside = [_BESIDE_WEIGHTS[name]] if name in _BESIDE_WEIGHTS else []
    for path in (Path(name), Path(f"{name}.yaml"), *beside):
        try:
            if path.is_file():
                return path
        except (OSError, ValueError):  # too long for a path, or with a null in it
            return None
    return None


@cache
def _world(name: str) -> World[Any]:
    if name in _BUILT_IN:
        module, attribute = _BUILT_IN[name].split(":")
        return _instance(name, getattr(import_module(module), attribute))
    if name in _entry_points():
        return _load(_entry_points()[name])
    raise unknown_name("world", name, list_worlds())


def _load(entry: EntryPoint) -> World[Any]:
    package = f" of {entry.dist.name!r}" if entry.dist else ""
    place = f"entry point {entry.name} = {entry.value!r}{package}"
    try:
        world = _instance(entry.name, entry.load())
        world.spec  # noqa: B018  (a class that leaves out a name fails here)
        return world
    except InputError as error:
        raise InputError(f"{place}: {error}") from None
    except Exception as error:  # another package's code may raise anything
        reason = f"{type(error).__name__}: {error}"
        raise InputError(
            f"{place}: cannot be loaded ({reason}); repair or uninstall that package"
        ) from error


def _instance(name: str, factory: Any) -> World[Any]:
    world = factory() if callable(factory) else factory
    if not isinstance(world, World):
        raise InputError(f"world {name!r}: expected a World, got {type(world).__name__}")
    if world.name != name:
        raise InputError(f"world {name!r}: its class calls itself {world.name!r}; make them equal")
    return world
