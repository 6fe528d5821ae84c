"""What an installation is made of, and what is wrong with it.

Looked at are the packages that this one asks for, their versions and whether they can be imported,
the machine, the folders that programs store things in, the worlds, and the weights that ship,
against the checksums beside them.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import emulator
from emulator.errors import EmulatorError
from emulator.progress import Progress
from emulator.provenance import commit, processor

DISTRIBUTION = "universal-macro-emulator"
DEVELOPERS = ("dev", "docs")  # extras for work on the package, of which nothing is said
FOREIGN = "foreign network"  # what answers from data of any economy
AGAIN = "install the package again"
IMPORTED_AS = {"pyyaml": "yaml", "scikit-learn": "sklearn"}  # others by their own names
# What is not asked for by name but decides how fast an answer is.
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Finding:
    """What was found. remedy: what to do about it; empty where nothing is wrong."""

    group: str
    name: str
    found: str
    remedy: str = ""


def examine(progress: Progress) -> list[Finding]:
    """Everything that is looked at, the package first. A look that ends in an error is a finding
    too, after what it had found."""
    looks = (_package, _machine, _libraries, _caches, _worlds, _weights)
    findings: list[Finding] = []
    for done, look in enumerate(looks):
        name = look.__name__.strip("_")
        progress(done, len(looks), name)
        try:
            for finding in look():
                findings.append(finding)
        except Exception as error:  # a broken library may raise anything, from any place
            remedy = f"mend first what else is wrong; if nothing is, {AGAIN}"
            findings.append(Finding(name, "look", f"not ended: {_said(error)}", remedy))
    return findings


def _said(error: Exception) -> str:
    """An error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _package() -> Iterator[Finding]:
    place = Path(emulator.__file__).parent
    yield Finding("package", "emulator", f"{emulator.__version__}, commit {commit()}")
    yield Finding("package", "folder", str(place))
    yield Finding("package", "python", f"{platform.python_version()}, {sys.executable}")


def _machine() -> Iterator[Finding]:
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding("machine", "system", platform.platform())
    yield Finding("machine", "processor", processor())
    yield Finding("machine", "cores", f"{os.cpu_count()}, {allowed} for this process")
    asked = ", ".join(f"{name}={os.environ[name]}" for name in THREADS if name in os.environ)
    yield Finding("machine", "threads asked for", asked or "none")
    import torch

    yield Finding("machine", "threads of torch", str(torch.get_num_threads()))
    cards = [torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count())]
    yield Finding("machine", "accelerators", ", ".join(cards) or "none")


def _libraries() -> Iterator[Finding]:
    """Versions of what the package needs and, by extra, of what it can use."""
    from importlib.metadata import PackageNotFoundError, metadata, requires, version

    from packaging.requirements import Requirement

    def found(name: str) -> str:
        try:
            return version(name)
        except PackageNotFoundError:
            return ""

    try:
        extras = metadata(DISTRIBUTION).get_all("Provides-Extra") or []
    except PackageNotFoundError:
        missing = "not installed, so that nothing says which versions it takes"
        yield Finding("libraries", DISTRIBUTION, missing, "`pip install .` in its checkout")
        return
    asked = [Requirement(line) for line in requires(DISTRIBUTION) or []]
    for extra in ("", *(name for name in extras if name not in DEVELOPERS)):
        mine = [
            each for each in asked
            if (each.marker is None if not extra else each.marker is not None)
            and (each.marker is None or each.marker.evaluate({"extra": extra}))
        ]  # fmt: skip
        group = f"extra {extra}" if extra else "libraries"
        package = f"'{DISTRIBUTION}[{extra}]'" if extra else DISTRIBUTION
        there = [found(each.name) for each in mine]
        if extra and not all(there):
            yield Finding(group, "", f"not installed; for it: pip install {package}")
            continue
        for each, has in zip(mine, there, strict=True):
            right = bool(has) and each.specifier.contains(has, prereleases=True)
            shown = has or "missing"
            fault = _no_import(each.name) if right else ""
            if not right:
                wrong = f"pip install --upgrade {package}"
                yield Finding(group, each.name, f"{shown}, where {each.specifier} is needed", wrong)
            elif fault:
                wrong = f"pip install --force-reinstall '{each.name}{each.specifier}'"
                yield Finding(group, each.name, f"{shown}, no import: {fault}", wrong)
            else:
                yield Finding(group, each.name, shown)


def _no_import(name: str) -> str:
    """Why a library that is there cannot be imported; empty where it can."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # news of its makers is no fault of the installation
            importlib.import_module(IMPORTED_AS.get(name, name.replace("-", "_")))
    except Exception as error:  # its own code, which may raise anything
        return _said(error)
    return ""


def _caches() -> Iterator[Finding]:
    from emulator.compiled import cache_folder

    folder = cache_folder()
    yield Finding(
        "caches",
        "compiled functions",
        "nowhere to be stored" if folder is None else str(folder),
        ""
        if folder is not None
        else "name a folder that can be written in NUMBA_CACHE_DIR; "
        "without one programs compile for up to a minute when they start",
    )
    try:
        import matplotlib

        place = matplotlib.get_cachedir()
    except OSError as error:
        place, lost = str(error), True
    else:
        # Where it cannot write it makes a folder of this name, for one process.
        lost = Path(place).name.startswith("matplotlib-")
    yield Finding(
        "caches",
        "matplotlib",
        f"{place}, lost when the program ends" if lost else place,
        "name a folder that can be written in MPLCONFIGDIR; without one the first figure of "
        "every program takes seconds" if lost else "",
    )  # fmt: skip


def _worlds() -> Iterator[Finding]:
    from emulator.worlds import get_world, list_worlds

    good = []
    for name in list_worlds():
        try:
            get_world(name)
        except EmulatorError as error:
            remedy = "mend or remove the package that brings it"
            yield Finding("worlds", name, " ".join(str(error).split()), remedy)
        else:
            good.append(name)
    yield Finding("worlds", "usable", ", ".join(good))


def _weights() -> Iterator[Finding]:
    """The weights that ship, read as an answer reads them: nothing damaged passes."""
    from emulator.foreign.network.answers import Network
    from emulator.models.weights import DESCRIPTION_FILE, PRETRAINED, load_weights

    folders = sorted(path.parent for path in PRETRAINED.rglob(DESCRIPTION_FILE))
    if not folders:
        yield Finding("weights", PRETRAINED.name, "missing", AGAIN)
    for folder in folders:
        name = folder.relative_to(PRETRAINED.parent).as_posix()
        try:
            sha = load_weights(folder).sha256
        except (EmulatorError, OSError) as error:
            yield Finding("weights", name, str(error), AGAIN)
        else:
            yield Finding("weights", name, f"as they were shipped, SHA-256 {sha[:12]}")
    try:
        sha = Network.read().sha256
    except (EmulatorError, OSError) as error:
        yield Finding("weights", FOREIGN, str(error), AGAIN)
    else:
        yield Finding("weights", FOREIGN, f"as they were shipped, SHA-256 {sha[:12]}")
