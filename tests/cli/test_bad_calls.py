"""Calls from Python with bad arguments: an error that names the argument, in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import emulator
from emulator.errors import EmulatorError

pytestmark = pytest.mark.integration

_HISTORY = np.zeros((1, 60, 3))


def _nk() -> Any:
    return emulator.get_world("nk")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda m: emulator.get_world("nkk"), "did you mean 'nk'"),
        (lambda m: emulator.load("nowhere"), "nowhere: no weights here"),
        (lambda m: _nk().pack({"phi_p": 2.0}), "did you mean 'phi_pi'"),
        (lambda m: _nk().pack(2.0), "expected names and numbers"),
        (lambda m: _nk().irf({"phi_pi": 2.0}), "parameter .beta. is missing"),
        (lambda m: _nk().irf(np.zeros(3)), "12 parameters"),
        (lambda m: _nk().irf(_nk().pack(), horizon=-1), "horizon"),
        (lambda m: _nk().irf(_nk().pack(), horizon=10**9), "at most 10,000 quarters, got 1,000,0"),
        (lambda m: _nk().irf(_nk().pack(), horizon=10**30), "at most 10,000 quarters"),
        (lambda m: _nk().irf(_nk().pack(), size=np.nan), "finite"),
        (lambda m: emulator.get_world(["nk"]), r"unknown world \['nk'\]: valid: lss"),
        (lambda m: emulator.get_world(None), "unknown world None"),
        (lambda m: emulator.load(5), "name of a folder, got 5"),
        (lambda m: emulator.load("NK"), "NK: no weights here"),
        (lambda m: _nk().sample_parameters(1.5, np.random.default_rng(0)), "n: expected a whole"),
        (lambda m: _nk().sample_parameters(-1, np.random.default_rng(0)), "n: expected a whole"),
        (lambda m: _nk().sample_parameters(2, 0), "rng: expected a NumPy generator"),
        (lambda m: _nk().irf(_nk().pack().astype(complex)), "theta: expected numbers"),
        (lambda m: _nk().irf(torch.ones(12, requires_grad=True)), "theta: expected numbers"),
        (lambda m: m.irf(), "none is given; name one of var, nk, or answer from data"),
        (lambda m: m.irf({"phi_pi": 2.0}), "unknown world of these weights {'phi_pi'"),
        (lambda m: m.irf(_nk()), "valid: var, nk"),
        (lambda m: m.irf("NK"), "did you mean 'nk'"),
        (lambda m: m.irf("nk", shock=0), "shock of world 'nk' 0: valid: monetary"),
        (lambda m: m.irf("nk", shock="Monetary"), "did you mean 'monetary'"),
        (lambda m: m.irf("nk", shock=["monetary"]), r"\['monetary'\]: valid"),
        (lambda m: m.irf("nk", {1: 2.0}), "unknown parameter of world 'nk' '1'"),
        (lambda m: m.irf("nk", np.zeros(12, "M8[s]")), "array or a DataFrame of real numbers"),
        (lambda m: m.irf("nk", np.ones(12, complex)), "array or a DataFrame of real numbers"),
        (lambda m: m.irf("nk", torch.ones(12, requires_grad=True)), "irf_torch takes tensors"),
        (lambda m: m.irf("nk", pd.DataFrame({"kappa": pd.to_datetime(["1990"])})), "'kappa'"),
        (lambda m: m.irf("nk", history=np.ones((60, 3), complex)), "array of numbers"),
        (lambda m: m.irf("nk", history=torch.ones(60, 3, requires_grad=True)), "array of numbers"),
        (lambda m: m.irf_torch("nk", np.zeros((1, 12))), "theta: .* got ndarray"),
        (lambda m: m.irf_torch("nk", None), "theta: .* got NoneType"),
        (lambda m: m.irf_torch("nk", torch.ones(1, 12).int()), "got a tensor of torch.int32"),
        (lambda m: m.irf_torch("nk", torch.ones(1, 12), history=_HISTORY), "history: .* ndarray"),
        (lambda m: m.irf_torch(None, torch.ones(1, 12)), "unknown world of these weights None"),
        (lambda m: m.irf("nk", {"kappa": 10**400}), "expected a number"),
        (lambda m: m.irf("nk", [[10**400] * 12]), "expected a mapping, an array"),
        (lambda m: m.irf("nk", size="one"), "size: expected a number"),
        (lambda m: m.irf("nk", size=None), "size: expected a number"),
        (lambda m: m.irf("nk", size=True), "size: expected a number"),
        (lambda m: m.irf("nk", size=[1.0, 2.0]), "size: expected a number"),
        (lambda m: m.irf("nk", horizon="ten"), "horizon: expected 0 to 80"),
        (lambda m: m.irf("nk", horizon=float("inf")), "horizon: expected 0 to 80"),
        (lambda m: m.irf("nk", horizon=True), "horizon: expected 0 to 80"),
        (lambda m: m.irf("nk", history=np.full((60, 3), 1e39)), "output is 1e\\+39"),
        (lambda m: m.irf("nk", history=np.empty((0, 60, 3))), r"got \(0, 60, 3\)"),
        (lambda m: m.irf("nk", history=[["a"] * 3] * 60), "CSV file, a DataFrame or an array"),
        (lambda m: m.irf("nk", history="us\0.csv"), "name of a CSV file"),
        (lambda m: m.irf("nk", history=pd.DataFrame()), "column 'output' is missing"),
        (lambda m: m.irf("nk", pd.DataFrame([[1, 2]], columns=["kappa", "kappa"])), "kappa"),
        (lambda m: m.irf_torch("nk", torch.zeros(1, 12), horizon=81), "0 to 80"),
        (lambda m: m.irf_torch("nk", torch.zeros(1, 12), size=0.0), "size"),
    ],
)
def test_calls_refuse_bad_arguments(
    every_regime: Path, call: Callable[[emulator.Emulator], Any], expected: str
) -> None:
    with pytest.raises(EmulatorError, match=expected) as error:
        call(emulator.load(every_regime))
    assert "\n" not in str(error.value)
