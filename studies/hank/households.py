"""What heterogeneity does in `hank`: a transfer and a rate cut, by debt and by who spends.

`python -m studies.hank.households [--households N]` writes results/hank/households.json, debt.png
and spending.png. The transfer is one percent of a quarter's output to everybody alike, the rate cut
an innovation of a point a year to the rule. A household's propensity to consume (MPC) is what it
adds to consumption in the quarter and in the year in which an unexpected transfer arrives, wages,
taxes and the rate as they were. Households of the prior differ in the parameters that make them;
all others are at their defaults.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from emulator.evaluation.report import canvas as plots
from emulator.worlds.hank import HeterogeneousAgents
from emulator.worlds.hank.jacobians import INPUTS, jacobians
from emulator.worlds.hank.steady_state import Household, steady_state
from studies import records

FOLDER = Path(__file__).parents[2] / "results" / "hank"
WORLD = HeterogeneousAgents()
DEBTS = (0.4, 0.8, 1.4, 2.5)  # years of output: the bounds, the default and one between
QUARTERS, YEAR, SEED = 20, 4, 17
# s.d.s are those of the defaults: a percent of output, and a quarter of a point a quarter.
SIZES = {"transfer": 0.01 / WORLD.pack()[-1], "monetary": -0.0025 / WORLD.pack()[-6]}
TITLES = {"transfer": "a transfer of 1 % of output", "monetary": "a rate cut of 1 point a year"}


def propensities(theta: np.ndarray) -> tuple[float, float]:
    """The MPC (quarter, year) of the household of theta (P,)."""
    state = steady_state(Household(*theta[: len(Household._fields)].tolist()))
    assert state is not None
    spent = jacobians(state, YEAR, ("consumption",))[0, INPUTS.index("transfer"), :, 0]
    return float(spent[0]), float(spent.sum())


def responses(theta: np.ndarray) -> dict[str, np.ndarray]:
    """By shock, (B, QUARTERS + 1, 3)."""
    values = WORLD.irf(theta, QUARTERS).values
    return {name: size * values[:, WORLD.shock_names.index(name)] for name, size in SIZES.items()}


def by_debt() -> list[dict[str, Any]]:
    """A row a level of debt; draws the figure."""
    theta = np.array([WORLD.pack({"debt": debt}) for debt in DEBTS])
    mpc = [propensities(row) for row in theta]
    found = responses(theta)
    canvas, axes = plots.figure(2, 3, 8.4, 4.9)
    for row, (shock, values) in enumerate(found.items()):
        for v, observable in enumerate(WORLD.observables):
            axis = axes[row, v]
            for k, debt in enumerate(DEBTS):
                label = f"debt of {debt:g} years of output, MPC {mpc[k][0]:.2f}"
                style = {"color": plots.SERIES[k], "ls": plots.DASHES[k], "lw": 1.6}
                axis.plot(values[k, :, v], label=label, **style)
            axis.axhline(0.0, color=plots.RULE, lw=0.6)
            axis.tick_params(labelsize=8)
            if row == 0:
                axis.set_title(f"{observable.label}\n{observable.unit}", fontsize=9)
            else:
                axis.set_xlabel("quarters after the shock", fontsize=8)
        axes[row, 0].set_ylabel(TITLES[shock], fontsize=9)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=8)
    plots.save(canvas, FOLDER / "debt.png")
    return [
        {
            "debt, years of output": debt,
            "MPC, quarter and year": np.round(mpc[k], 3).tolist(),
            **{
                f"output, {TITLES[shock]}": {
                    "impact": round(float(values[k, 0, 0]), 3),
                    "mean of the first year": round(float(values[k, :YEAR, 0].mean()), 3),
                }
                for shock, values in found.items()
            },
        }
        for k, debt in enumerate(DEBTS)
    ]


def over_the_prior(households: int) -> dict[str, Any]:
    """How far the MPC says what output does; draws the figure."""
    rng = np.random.default_rng(SEED)
    count = len(Household._fields)
    theta = np.tile(WORLD.pack(), (households, 1))
    theta[:, :count] = WORLD.from_uniforms(rng.random(theta.shape))[:, :count]
    theta = theta[WORLD.check(theta) == 0]
    mpc = np.array([propensities(row)[0] for row in theta])
    debt = theta[:, WORLD.parameter_names.index("debt")]
    canvas, axes = plots.figure(1, 2, 7.4, 3.3)
    out: dict[str, Any] = {
        "households": len(theta),
        "MPC, 5, 50 and 95 %": np.quantile(mpc, [0.05, 0.5, 0.95]).round(3).tolist(),
    }
    for axis, (shock, values) in zip(axes[0], responses(theta).items(), strict=True):
        year = values[:, :YEAR, 0].mean(axis=1)
        points = axis.scatter(mpc, year, c=np.log(debt), cmap="cividis", s=14, lw=0)
        axis.set_title(f"Output in the year after\n{TITLES[shock]}", fontsize=9)
        axis.set_xlabel("MPC in a quarter", fontsize=8)
        axis.set_ylabel("percent", fontsize=8)
        axis.tick_params(labelsize=8)
        out[f"output in the year after {TITLES[shock]}"] = {
            "5, 50 and 95 %": np.quantile(year, [0.05, 0.5, 0.95]).round(3).tolist(),
            "correlation with the MPC": round(float(np.corrcoef(mpc, year)[0, 1]), 2),
            "correlation with log debt": round(float(np.corrcoef(np.log(debt), year)[0, 1]), 2),
        }
    bar = canvas.colorbar(points, ax=axes[0].tolist())
    bar.set_ticks(np.log(DEBTS), labels=[f"{debt:g}" for debt in DEBTS])
    bar.set_label("debt, years of output", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    plots.save(canvas, FOLDER / "spending.png")
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--households", type=int, default=120)
    options = parser.parse_args()
    record = {
        "by debt": by_debt(),
        "over the prior's households": over_the_prior(options.households),
    }
    records.write(FOLDER / "households.json", record)


if __name__ == "__main__":
    main()
