"""Seconds for 10,000 draws of imported models, all responses, one thread, and memory at its peak.

`python -m studies.speed.imported [FILE ...]` times a model of 150 variables that it writes itself,
tests/references/sw.mod and the .mod and world files named, into results/speed/imported.json. The
work is to solve draws of the box and take their responses to every shock over 40 quarters. On a
shared machine CPU time says what an idle core would do.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from emulator import get_world
from emulator.worlds import Status, from_dynare
from studies import records

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results" / "speed" / "imported.json"
DRAWS = 10_000
HORIZON = 40


def sectors(count: int) -> str:
    """A linear New Keynesian model of `count` sectors as a .mod file, 7 variables each and 10 for
    all: sticky prices, capital and technology by sector; sticky wages, habits and a rule."""
    numbers = range(1, count + 1)
    names = " ".join(f"{v}_{s}" for s in numbers for v in ("y", "pi", "p", "n", "k", "x", "a"))
    slopes = {f"kappa_{s}": 0.02 + 0.2 * s / count for s in numbers}
    equations = []
    for s in numbers:
        equations += [
            f"y_{s} = c - eta*p_{s} + spill*x_{s - 1 or count} + g;",
            f"y_{s} = a_{s} + alpha*k_{s}(-1) + (1 - alpha)*n_{s};",
            f"k_{s} = (1 - delta)*k_{s}(-1) + delta*x_{s};",
            f"x_{s} = smooth*x_{s}(-1) + (1 - smooth)*(y_{s} - 4*r);",
            f"p_{s} = p_{s}(-1) + pi_{s} - pi;",
            f"pi_{s} - index*pi_{s}(-1) = beta*(pi_{s}(+1) - index*pi_{s})"
            f" + kappa_{s}*(w - y_{s} + n_{s} - p_{s}) + u;",
            f"a_{s} = rho_a*a_{s}(-1) + e_a_{s};",
        ]
    total = {v: " + ".join(f"{v}_{s}" for s in numbers) for v in ("y", "p", "n")}
    equations += [
        "c - habit*c(-1) = c(+1) - habit*c - (1 - habit)/sigma*r;",
        "r = i - pi(+1);",
        f"{total['p']} = 0;",
        f"n = share*({total['n']});",
        f"y = share*({total['y']});",
        "w = (w(-1) + beta*w(+1) - pi + beta*pi(+1) + index*(pi(-1) - beta*pi))/(1 + beta)"
        " + xi*(sigma*c + n - w);",
        "i = rho_i*i(-1) + (1 - rho_i)*(phi_pi*pi + phi_y*y) + e_m;",
        "g = rho_g*g(-1) + e_g;",
        "u = rho_u*u(-1) + e_u;",
    ]
    shocks = [f"e_a_{s}" for s in numbers] + ["e_m", "e_g", "e_u"]
    values = {
        "beta": 0.99, "sigma": 1.5, "habit": 0.6, "index": 0.4, "alpha": 0.33, "delta": 0.025,
        "smooth": 0.8, "eta": 1.2, "spill": 0.1, "xi": 0.08, "phi_pi": 1.6, "phi_y": 0.125,
        "rho_i": 0.75, "rho_a": 0.9, "rho_g": 0.7, "rho_u": 0.5, "share": 1.0 / count, **slopes,
    }  # fmt: skip
    return "\n".join(
        [
            f"var {names} c pi w i r n y g u;",
            f"varexo {' '.join(shocks)};",
            f"parameters {' '.join(values)};",
            *(f"{name} = {value:.6g};" for name, value in values.items()),
            "model(linear);",
            *equations,
            "end;",
            f"shocks; {' '.join(f'var {e}; stderr 0.01;' for e in shocks)} end;",
            "stoch_simul(order = 1) y pi i;",
        ]
    )


def measure(path: Path) -> dict[str, Any]:
    """One file: what is solved, the verdicts, seconds and memory."""
    world: Any = from_dynare(path) if path.suffix == ".mod" else get_world(str(path))
    uniforms = np.random.default_rng(0).random((DRAWS, len(world.parameters)))
    theta = world.from_uniforms(uniforms)
    with threadpool_limits(1):
        world.irf(theta[:64], HORIZON)  # compiles the kernels
        wall, cpu = time.perf_counter(), time.process_time()
        responses = world.irf(theta, HORIZON)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    counts = Counter(Status(int(s)).name for s in responses.status)
    return {
        "file": path.name,
        "variables_solved": world.found.solved[0],
        "variables": world.found.solved[1],
        "shocks": len(world.shocks),
        "draws": DRAWS,
        "verdicts": dict(counts.most_common()),
        "seconds": round(wall, 2),
        "cpu_seconds": round(cpu, 2),
        # Linux reports kilobytes.
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "sectors.mod"
        made.write_text(sectors(20))
        rows = []
        for path in [made, ROOT / "tests" / "references" / "sw.mod", *arguments.files]:
            # a process each, whose peak of memory is its own
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                rows.append(pool.apply(measure, (path,)))
            print(", ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    facts = {"machine": records.machine(("numpy", "scipy", "numba")), "files": rows}
    records.write(RESULTS, facts)


if __name__ == "__main__":
    main()
