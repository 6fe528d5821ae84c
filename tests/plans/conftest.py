"""A folder with run files and plans on the small data set, and one plan that is finished."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from emulator.plans.carry_out import carry_out
from tests.figures import leave_blank
from tests.plans.plans import LINEAR, TUNED, UNIVERSAL, Finished, Folder
from tests.shared import once


@pytest.fixture
def folder(tmp_path: Path, dataset_path: Path) -> Folder:
    return Folder(tmp_path, dataset_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, dataset_path: Path) -> Finished:
    """A tiny plan that was carried out. Never write into it: `Folder.takes` copies its runs."""

    def make(path: Path) -> None:
        path.mkdir()
        folder, said = Folder(path, dataset_path), list[str]()
        with pytest.MonkeyPatch.context() as patch:
            leave_blank(patch)
            report = carry_out(folder.plan(UNIVERSAL, LINEAR, TUNED), say=said.append)
        (path / "finished.pickle").write_bytes(pickle.dumps(Finished(folder, report, said)))

    made = once(tmp_path_factory, "finished", make)
    answer: Finished = pickle.loads(  # noqa: S301 (written above)
        (made / "finished.pickle").read_bytes()
    )
    return answer
