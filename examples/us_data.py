"""US quarterly data as a history, and what a monetary shock did according to three methods.

    python examples/us_data.py --csv us.csv --plot us.png

Source: the macrodata set of statsmodels (FRED series), which comes with the package: real GDP, CPI,
three-month Treasury bill rate, 1959Q1 to 2009Q3. docs/real-data.md discusses what is done to them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import emulator
from emulator.evaluation.report.canvas import response_figure
from emulator.models.baselines.history import moving_average
from emulator.models.baselines.var import estimate, local_projections
from emulator.specs import MACRO_OBSERVABLES
from emulator.storage import write_atomically

LAST = "2008Q3"  # afterwards the bill rate is at zero, where it no longer says what policy does
HP_LAMBDA = 1600.0  # customary for quarterly data (Hodrick and Prescott 1997, JMCB 29(1))
HORIZON = 20


def us_history() -> pd.DataFrame:
    """date, output, inflation, rate in the worlds' units, 1959Q2 to 2008Q3.

    output: percent deviation of real GDP from its HP trend. inflation: 400 x the log difference of
    the CPI, rate: the bill rate, both in annualised percent less their mean over the sample.
    """
    from statsmodels.datasets import macrodata
    from statsmodels.tsa.filters.hp_filter import hpfilter

    raw = macrodata.load_pandas().data
    dates = [f"{int(y)}Q{int(q)}" for y, q in zip(raw["year"], raw["quarter"], strict=True)]
    frame = pd.DataFrame(
        {
            "date": dates,
            # The filter sees the quarters after the sample too: its trend is worst at the end.
            "output": np.asarray(hpfilter(100.0 * np.log(raw["realgdp"]), HP_LAMBDA)[0]),
            "inflation": 400.0 * np.log(raw["cpi"]).diff(),
            "rate": raw["tbilrate"],
        }
    )
    frame = frame.iloc[1 : dates.index(LAST) + 1].reset_index(drop=True)
    for name in ("inflation", "rate"):
        frame[name] -= frame[name].mean()
    return frame


def recursive_responses(history: np.ndarray, horizon: int) -> dict[str, np.ndarray]:
    """Responses (H+1, 3) to one s.d. of the rate's own innovation, by VAR and local projections.

    Lags by BIC; the rate is last in the ordering, so that output and inflation do not move on
    impact (Christiano, Eichenbaum and Evans 1999).
    """
    batch = torch.tensor(history[None])
    found = estimate(batch)
    impact = torch.linalg.cholesky(found.covariance)[:, :, 2]  # (1, 3)
    multipliers = {
        "VAR": moving_average(found.coefficients, horizon),
        "local projections": local_projections(batch, int(found.lags[0]), horizon),
    }
    return {label: (m @ impact[:, None, :, None])[0, :, :, 0].numpy() for label, m in
            multipliers.items()}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="US data as a history, and responses from them.")
    parser.add_argument("--csv", type=Path, default=Path("us.csv"), help="where the history goes")
    parser.add_argument("--weights", help="trained in B1 or all; those shipped unless given")
    parser.add_argument("--world", default="nk", help="a world with a monetary shock")
    parser.add_argument("--plot", type=Path, default=Path("us.png"))
    options = parser.parse_args()
    frame = us_history()
    write_atomically(options.csv, frame.to_csv(index=False, float_format="%.4f").encode())
    print(f"written: {options.csv}, {len(frame)} quarters")
    model = emulator.load(options.weights)
    ask = {"history": options.csv, "shock": "monetary", "horizon": HORIZON}
    point = model.irf(options.world, **ask)
    bands = model.irf(options.world, **ask, bands=True)
    if point.attrs["caveats"]:
        print(point.attrs["caveats"])
    history = frame[["output", "inflation", "rate"]].to_numpy()
    others = recursive_responses(history, HORIZON)
    label = f"emulator, {options.world}"
    series = {label: point.to_numpy()[None], **{k: v[None] for k, v in others.items()}}
    shaded = {label: bands.to_numpy()[None]}
    response_figure(series, ["monetary"], MACRO_OBSERVABLES, options.plot, bands=shaded)
    print(f"drawn: {options.plot}")
    for name, values in series.items():
        rows = "; ".join(
            f"h={h}: " + ", ".join(f"{x:+.2f}" for x in values[0, h]) for h in (0, 4, 8, 16)
        )
        print(f"{name} (output, inflation, rate): {rows}")
    low, high = shaded[label][0, ..., 0], shaded[label][0, ..., -1]
    print(f"90 % bands at h=4: {low[4].round(2).tolist()} to {high[4].round(2).tolist()}")


if __name__ == "__main__":
    main()
