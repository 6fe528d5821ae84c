"""The files that the pages are handed: US series, an estimate on them, and a model."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pandas as pd

import emulator
from emulator.estimation.estimates_on_disk import as_dict

ROOT = Path(__file__).parents[2]

# The model of docs/dynare.md.
MODEL = """var y (long_name='output gap'), pi, i, p, a;
varexo e_a (long_name='demand'), e_m (long_name='monetary policy');
parameters beta sigma kappa phi rho;
beta = 0.99; sigma = 1.5; kappa = 0.1; phi = 1.6; rho = 0.7;
model(linear);
  y = y(+1) - (i - pi(+1))/sigma + a;
  pi = beta*pi(+1) + kappa*y;
  i = phi*pi + e_m;
  p = p(-1) + pi;
  a = rho*a(-1) + e_a;
end;
shocks;
  var e_a; stderr 0.005;
  var e_m; stderr 0.0025;
end;
"""


def us_estimate(draws: int = 400) -> bytes:
    """estimate.json of two worlds on US data, with so many draws in each of two runs."""
    history = runpy.run_path(str(ROOT / "examples" / "us_data.py"))["us_history"]()
    found = emulator.estimate(["nk", "rbc"], history, draws=draws, runs=2)
    return json.dumps(as_dict(found)).encode()


def us_levels() -> bytes:
    """The file of docs/any-data.md: US series in levels, 1959Q1 to 2008Q3, as CSV."""
    from statsmodels.datasets import macrodata

    raw = macrodata.load_pandas().data
    us = pd.DataFrame()
    us["date"] = [f"{int(y)}Q{int(q)}" for y, q in zip(raw["year"], raw["quarter"], strict=True)]
    us["output"] = 100 * np.log(raw["realgdp"])
    us["prices"] = 100 * np.log(raw["cpi"])
    us["unemployment"] = raw["unemp"]
    us["rate"] = raw["tbilrate"]
    return us[us["date"] < "2008Q4"].to_csv(index=False).encode()
