"""The lower bound of `hank_zlb`: how often there is one plan, what it costs, what it does.

`python -m studies.bound [--households N] [--paths N]` writes results/hank_zlb/plans.json and
demand.png beside it. Prior draws come as siblings, ten to a household, whatever their verdict. For
each that has a solution there are paths of 240 quarters; a path fails where a quarter has no plan.
Windows are judged by all principal minors of the first 14 quarters, and by the leading ones alone.
The figure has a demand shock of -2 s.d. with and without the bound.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from emulator.evaluation.report import canvas as plots
from emulator.limits import QUARTERS
from emulator.worlds import Status
from emulator.worlds import expected_paths as ep
from emulator.worlds.complementarity import unique_quarters
from emulator.worlds.hank import HeterogeneousAgents, moving_averages
from emulator.worlds.hank_zlb import ANNOUNCED, HeterogeneousAgentsBound
from studies import records

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "hank_zlb" / "plans.json"
FIGURE = RESULTS.with_name("demand.png")
SEED, SIBLINGS, EVERY = 31, 10, 14
WORLD, HANK = HeterogeneousAgentsBound(), HeterogeneousAgents()
# Large and lasting demand shocks, a rule that reacts fast.
SHOWN = {"kappa": 0.01, "phi_pi": 2.5, "rho_i": 0.5, "rho_b": 0.85, "sigma_b": 0.01}
SIZE, SHOWN_QUARTERS = -2.0, 20


def siblings(households: int, rng: np.random.Generator) -> np.ndarray:
    """Prior draws (households x SIBLINGS, P) before any verdict."""
    theta = WORLD.from_uniforms(rng.random((households * SIBLINGS, len(WORLD.parameters))))
    own = [WORLD.parameter_names.index(name) for name in WORLD.dear]
    theta[:, own] = np.repeat(theta[::SIBLINGS, own], SIBLINGS, axis=0)
    return theta


def windows(solution: ep.Economy, rows: np.ndarray) -> dict[str, Any]:
    """Windows of these rows by every minor and by the leading ones."""
    found = []
    for row in rows:
        m = np.ascontiguousarray(solution.news[row, :, :ANNOUNCED, solution.variable].T)
        found.append((unique_quarters(m, EVERY), unique_quarters(m, 1)))
    every, leading = np.array(found).reshape(-1, 2).T
    quantiles = np.quantile(leading, [0.05, 0.25, 0.5, 0.75])
    return {
        "quarters, 5, 25, 50 and 75 %": quantiles.astype(int).tolist(),
        "share at the largest": round(float((leading == ANNOUNCED).mean()), 3),
        "draws in which minors that are not leading decide": int((every != leading).sum()),
    }


def follow(solution: ep.Economy, rows: np.ndarray, paths: int, rng: Any) -> dict[str, Any]:
    """Paths of these rows: failures, spells, extremes."""
    failed, binding, lowest, longest = 0, [], [], 0
    for row in rows:
        one = ep.Economy(*(array[row : row + 1] for array in solution[:5]), solution.variable)
        for _ in range(paths):
            eps = rng.standard_normal((1, QUARTERS, len(WORLD.shocks)))
            start = np.zeros((1, *solution.impulse.shape[2:]))
            values, _, flags = ep.simulate(one, eps, start)
            if np.isnan(values).any():
                failed += 1
                continue
            binding.append(flags.mean())
            lowest.append(values[0, :, 0].min())
            edges = np.flatnonzero(np.diff(np.pad(flags[0], 1)))
            longest = max(longest, int((edges[1::2] - edges[::2]).max(initial=0)))
    return {
        "draws": len(rows),
        "paths": len(rows) * paths,
        "paths without a plan in some quarter": failed,
        "share of quarters at the bound": round(float(np.mean(binding)), 3),
        "longest spell, quarters": longest,
        "lowest output, 1 % and least": np.quantile(lowest, [0.01, 0.0]).round(1).tolist(),
    }


def cost(theta: np.ndarray) -> dict[str, float]:
    """Milliseconds of one processor: a sibling with and without the bound, a plan that binds."""

    def best(work: Any) -> float:
        times = []
        for _ in range(5):
            start = process_time()
            work()
            times.append(process_time() - start)
        return 1e3 * min(times)

    solution = WORLD.solve(theta)
    shock = SIZE * solution.impulse[:, 1:2]
    return {
        "moving average of a sibling": round(best(lambda: moving_averages(theta)), 2),
        "solution of a sibling under the bound": round(best(lambda: WORLD.solve(theta)), 2),
        "plan": round(best(lambda: [ep.plans(solution, shock, 40) for _ in range(100)]) / 100, 4),
    }


def picture(theta: np.ndarray) -> dict[str, Any]:
    """The figure, and what the shock does to output on impact, in percent."""
    demand = WORLD.shock_names.index("demand")
    lines = {
        "with the bound": WORLD.irf(theta, SHOWN_QUARTERS, SIZE).values[0, demand],
        "without": HANK.irf(theta, SHOWN_QUARTERS, SIZE).values[0, demand],
    }
    canvas, axes = plots.figure(1, 3, 8.4, 2.9)
    for v, axis in enumerate(axes[0]):
        for (label, values), colour, dash in zip(
            lines.items(), plots.SERIES, plots.DASHES, strict=False
        ):
            axis.plot(values[:, v], color=colour, ls=dash, lw=1.8, label=label)
        if v == 2:
            axis.axhline(-theta[0], color=plots.RULE, lw=0.8, ls=":", label="bound")
        axis.axhline(0.0, color=plots.RULE, lw=0.6)
        axis.set_title(WORLD.observables[v].label, fontsize=9)
        axis.set_ylabel(WORLD.observables[v].unit, fontsize=8)
        axis.set_xlabel("quarters after the shock", fontsize=8)
        axis.tick_params(labelsize=8)
    handles, labels = axes[0, 2].get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8)
    plots.save(canvas, FIGURE)
    binds = int((lines["with the bound"][:, 2] == -theta[0]).sum())
    impact = {label: round(float(values[0, 0]), 2) for label, values in lines.items()}
    return {"parameters": SHOWN, "quarters at the bound": binds, "output on impact": impact}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--households", type=int, default=100)
    parser.add_argument("--paths", type=int, default=4)
    options = parser.parse_args()
    rng = np.random.default_rng(SEED)
    theta = siblings(options.households, rng)
    pieces = [WORLD.solve(theta[k : k + SIBLINGS]) for k in range(0, len(theta), SIBLINGS)]
    columns = zip(*(piece[:5] for piece in pieces), strict=True)
    solution = ep.Economy(*(np.concatenate(c) for c in columns), pieces[0].variable)
    hank = np.concatenate(
        [moving_averages(theta[k : k + SIBLINGS])[1] for k in range(0, len(theta), SIBLINGS)]
    )
    allowed = hank == Status.OK
    shares = {
        status.name: round(float((solution.status[allowed] == status).mean()), 4)
        for status in Status
        if (solution.status[allowed] == status).any()
    }
    shown = WORLD.pack(SHOWN)
    records.write(
        RESULTS,
        {
            **records.machine(("numpy", "numba")),
            "draws": len(theta),
            "of them with a solution of hank that is admissible": int(allowed.sum()),
            "shares of those": shares,
            "windows": windows(solution, np.flatnonzero(allowed)),
            "paths of draws that are OK": follow(
                solution, np.flatnonzero(solution.status == Status.OK), options.paths, rng
            ),
            "paths of draws that are inadmissible under the bound": follow(
                solution,
                np.flatnonzero(allowed & (solution.status == Status.INADMISSIBLE)),
                options.paths,
                rng,
            ),
            "milliseconds": cost(shown[None]),
            "figure": picture(shown),
        },
    )


if __name__ == "__main__":
    main()
