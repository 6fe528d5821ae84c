"""Finding worlds by name, those of installed packages included."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from emulator import get_world, list_worlds
from emulator.cli.app import run
from emulator.errors import InputError, UnknownNameError
from emulator.worlds import World, registry

MODULE = """
from emulator.worlds.{base} import {attribute}

class Custom({attribute}):
    name = {called!r}
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Install a package with one `emulator.worlds` entry point; the registry forgets it after."""

    def put(entry: str, module: str, body: str) -> None:
        (tmp_path / f"{module}.py").write_text(body)
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[emulator.worlds]\n{entry} = {module}:Custom\n")
        monkeypatch.syspath_prepend(tmp_path)
        forget()

    def forget() -> None:
        registry._entry_points.cache_clear()
        registry._world.cache_clear()

    yield put
    monkeypatch.undo()
    forget()
    for module in (
        "erring_world",
        "abstract_world",
        "custom_world",
        "misnamed_world",
        "broken_world",
        "shadow_world",
    ):
        sys.modules.pop(module, None)


@pytest.mark.fast
def test_a_package_adds_a_world_through_its_entry_point(install) -> None:  # type: ignore[no-untyped-def]
    body = MODULE.format(base="var", attribute="VectorAutoregression", called="custom")
    install("custom", "custom_world", body)
    assert list_worlds()[-1] == "custom"
    world = get_world("custom")
    assert isinstance(world, World)
    assert world.irf(world.pack(), 4).values.shape == (1, 3, 5, 3)
    assert get_world("custom") is world


@pytest.mark.fast
def test_a_package_cannot_replace_a_built_in_world(install) -> None:  # type: ignore[no-untyped-def]
    body = MODULE.format(base="lss", attribute="LinearStateSpace", called="nk")
    install("nk", "shadow_world", body)
    assert list_worlds().count("nk") == 1
    assert type(get_world("nk")).__module__ == "emulator.worlds.nk"


@pytest.mark.fast
def test_a_world_under_another_name_is_refused(install) -> None:  # type: ignore[no-untyped-def]
    body = MODULE.format(base="var", attribute="VectorAutoregression", called="other")
    install("misnamed", "misnamed_world", body)
    with pytest.raises(InputError, match="calls itself 'other'"):
        get_world("misnamed")


@pytest.mark.fast
def test_an_entry_point_that_is_no_world_is_refused(install) -> None:  # type: ignore[no-untyped-def]
    install("broken", "broken_world", "class Custom: pass\n")
    with pytest.raises(InputError, match="expected a World"):
        get_world("broken")


@pytest.mark.fast
@pytest.mark.parametrize(
    ("module", "body", "reason"),
    [
        ("erring_world", "import no_such_module\n", "ModuleNotFoundError: No module named"),
        (
            "abstract_world",
            "from emulator.worlds import World\n\nclass Custom(World):\n    name = 'bad'\n",
            "TypeError: Can't instantiate abstract class",
        ),
        ("broken_world", "Custom = 3\n", "expected a World, got int"),
        (
            "custom_world",
            "from emulator.worlds.linear import LinearWorld\n\n"
            "class Custom(LinearWorld):\n    name = 'bad'\n    def _solve(self, theta): ...\n",
            "AttributeError: .*title",
        ),
    ],
)
def test_a_broken_package_is_named_and_takes_nothing_else_down(
    install,  # type: ignore[no-untyped-def]
    capsys: pytest.CaptureFixture[str],
    module: str,
    body: str,
    reason: str,
) -> None:
    install("bad", module, body)
    with pytest.raises(InputError, match=f"bad = '{module}:Custom' of '{module}': .*{reason}"):
        get_world("bad")
    assert run(["worlds", "bad"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert run(["worlds", "--format", "json"]) == 0
    listing = capsys.readouterr()
    assert [spec["name"] for spec in json.loads(listing.out)] == list(registry.BUILT_IN)
    assert listing.err.count("\n") == 1
    assert "'bad' left out" in listing.err
    assert module in listing.err


@pytest.mark.fast
def test_an_unknown_world_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'switching'") as error:
        get_world("swiching")
    assert all(name in str(error.value) for name in list_worlds())


@pytest.mark.fast
def test_built_in_names_are_those_of_their_classes() -> None:
    for name in registry.BUILT_IN:
        assert get_world(name).name == name
