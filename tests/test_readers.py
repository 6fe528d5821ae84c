"""What is exported is read by programs of others, with the same numbers and names."""

from __future__ import annotations

import json
import shutil
import subprocess
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.io import netcdf_file

import emulator
from emulator.cli.app import run
from tests.conftest import ROOT

ASK = ["irf", "nk", "--set", "phi_pi=2", "--bands", "--exact", "--horizon", "6"]
INDEX = ["source", "shock", "horizon", "observable"]


def printed(capsys: pytest.CaptureFixture[str], form: str) -> str:
    capsys.readouterr()
    assert run([*ASK, "--format", form]) == 0
    return capsys.readouterr().out


@pytest.fixture(scope="module")
def answer() -> xr.DataArray:
    return emulator.load().irf("nk", {"phi_pi": 2.0}, horizon=6, bands=True)


@pytest.mark.fast
def test_csv_is_read_by_pandas_and_json_by_json(
    answer: xr.DataArray, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pd.read_csv(StringIO(printed(capsys, "csv"))).set_index(INDEX).loc["emulator"]
    read = json.loads(printed(capsys, "json"))
    for shock in answer["shock"].to_numpy():
        for name in answer["observable"].to_numpy():
            whole = answer.sel(shock=shock, observable=name)
            rows = table.loc[shock].xs(name, level="observable")
            bands = rows[["q05", "q25", "q50", "q75", "q95"]]
            np.testing.assert_allclose(bands, whole, rtol=1e-14)  # pandas 2 may miss a last bit
            for level in whole["quantile"].to_numpy():
                got = read["bands"]["emulator"][shock][f"{level:g}"][name]
                np.testing.assert_array_equal(got, whole.sel(quantile=level))


@pytest.mark.fast
def test_netcdf_is_read_by_xarray_and_by_a_reader_of_netcdf_alone(
    answer: xr.DataArray, tmp_path: Path
) -> None:
    path = tmp_path / "nk.nc"
    answer.to_netcdf(path, engine="scipy")  # netCDF 3, and all there is without the extra arviz
    with xr.open_dataarray(path) as read:
        xr.testing.assert_identical(read.load(), answer)
    with netcdf_file(path, mmap=False) as file:
        np.testing.assert_array_equal(file.variables["response"].data, answer)
        assert file.variables["response"].dimensions == answer.dims
        shocks = [b"".join(row).decode().rstrip("\0") for row in file.variables["shock"].data]
        assert shocks == list(answer["shock"].to_numpy())


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("octave-cli") is None, reason="Octave is not installed")
def test_csv_is_read_by_octave(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "csv")
    (tmp_path / "nk.csv").write_text(text)
    (tmp_path / "wrong.csv").write_text("a,b\n1,2\n")
    (tmp_path / "quoted.csv").write_text(text.replace("output", '"a,b"'))
    lines = [
        f"addpath('{ROOT / 'examples'}'); found = read_responses('nk.csv');",
        "save('-6', 'found.mat', '-struct', 'found');",
        "for name = {'wrong.csv', 'quoted.csv'}",
        "  try; read_responses(name{1}); catch fault; disp(fault.message); end",
        "end",
    ]
    (tmp_path / "read.m").write_text("\n".join(lines))
    command = ["octave-cli", "--norc", "--no-history", "--quiet", "read.m"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "wrong.csv: expected the columns source, shock" in done.stdout
    assert "quoted.csv: names with commas or quotes are not read" in done.stdout
    from scipy.io import loadmat

    found = loadmat(tmp_path / "found.mat")
    table = pd.read_csv(StringIO(text)).set_index(INDEX)
    labels = [[str(cell[0]) for cell in found[key][0]] for key in ("sources", "shocks")]
    observables = [str(cell[0]) for cell in found["observables"][0]]
    quarters = found["horizon"][:, 0].astype(int).tolist()
    assert found["levels"].tolist() == [[5, 25, 50, 75, 95]]
    for i, source in enumerate(labels[0]):
        for j, shock in enumerate(labels[1]):
            for k, name in enumerate(observables):
                rows = table.loc[[(source, shock, h, name) for h in quarters]]
                np.testing.assert_allclose(found["values"][:, k, j, i], rows["response"])
                np.testing.assert_allclose(found["quantiles"][:, k, j, i], rows.iloc[:, 1:])
