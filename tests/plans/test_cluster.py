"""A cluster draws the data of one process, and a plan takes them as its own."""

from __future__ import annotations

import warnings

import pytest

from emulator.cli.app import run
from emulator.config import load_config
from emulator.data import DataConfig
from emulator.data.generate import generate
from emulator.plans.carry_out import carry_out
from tests.data.configs import checksums
from tests.plans.plans import LINEAR, Folder


@pytest.mark.integration
def test_a_cluster_draws_what_one_process_does_and_a_plan_takes_it(folder: Folder) -> None:
    drawn, alone = folder.path / "drawn", folder.path / "alone"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dask's own, about ports and event loops
        distributed = pytest.importorskip("distributed")
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True
        ) as cluster:
            command = ["generate", folder.data, "-o", str(drawn)]
            assert run([*command, "--scheduler", cluster.scheduler_address]) == 0
    generate(load_config(folder.data, DataConfig), alone)
    assert checksums(drawn) == checksums(alone)
    said: list[str] = []
    path = folder.plan(LINEAR, data={"config": folder.data, "path": str(drawn)})
    report = carry_out(path, say=said.append)
    assert not report.failed
    assert f"data: {drawn}, complete already" in said
    assert (folder.out / "linear" / "A" / "metrics.json").exists()
