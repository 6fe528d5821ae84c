"""Trained weights against Dynare's solutions, which no part of this project made.

`python -m studies.references [--weights FOLDER]` asks the emulator (the shipped one unless
named) for every response frozen in tests/references, and writes results/references/dynare.json: by
world the NRMSE, in s.d.s of the responses the weights were trained on, the mean over draws, and the
worst draw's; and the same of the exact world, which says whether a distance is the network's.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

import emulator
from emulator.inference.emulator import Emulator
from studies import records

ROOT = Path(__file__).parents[1]
REFERENCES = ROOT / "tests" / "references"
RESULTS = ROOT / "results" / "references" / "dynare.json"
# The references' names, in the worlds' order of shocks and observables.
NAMES = {
    "nk": (("e_m", "e_a", "e_u"), ("x", "pi", "i")),
    "rbc": (("e_a", "e_b", "e_m"), ("y", "pi", "ii")),
    "zlb": (("e_m", "e_a", "e_u"), ("x", "pi", "i")),
    "sw07": (("e_a", "e_b", "e_g", "e_i", "e_r", "e_p", "e_w"), ("y", "pi", "r")),
}
FILES = {
    "nk": ("nk_dynare.json",),
    "rbc": ("rbcm_dynare.json",),
    "zlb": ("zlb_dynare.json",),
    "sw07": ("sw07_dynare.json", "sw07_draws_dynare.json"),
}


def references(world: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """theta (N, P), sizes (N, S), responses (N, S, 41, 3) to shocks of those sizes.

    A zlb draw has six sizes, each a row of its own; the others are of one s.d.
    """
    exact = emulator.get_world(world)
    shocks, variables = NAMES[world]
    theta, sizes, responses = [], [], []
    for name in FILES[world]:
        for draw in json.loads((REFERENCES / name).read_text())["draws"]:
            values = {k: v for k, v in draw["params"].items() if k in exact.parameter_names}
            for shock, sd in draw.get("shock_sizes", {}).items():  # sw07 keeps them apart
                values[shock.replace("e_", "sigma_")] = sd
            for size, irfs in _cases(draw):
                theta.append(exact.pack(values))
                sizes.append(np.full(len(shocks), size))
                responses.append([[irfs[s][v] for v in variables] for s in shocks])
    response = np.array(responses).swapaxes(2, 3)
    if world == "sw07":
        response[:, 1] *= -1.0  # risk_premium is minus e_b
    return np.array(theta), np.array(sizes), response


def _cases(draw: dict[str, Any]) -> list[tuple[float, dict[str, Any]]]:
    """Sizes, and the responses to each shock of that size."""
    if "cases" not in draw:
        return [(1.0, draw["irf"])]
    by_size: dict[float, dict[str, Any]] = {}
    for case in draw["cases"]:
        by_size.setdefault(float(case["shock_sd"]), {})[case["shock"]] = case["piecewise"]
    return sorted(by_size.items())


def score(model: Emulator, world: str) -> dict[str, Any]:
    """Distances of the emulator and of the exact world from the references."""
    theta, sizes, truth = references(world)
    sd = model.model.scales(world).sd.numpy().astype(np.float64)
    names = [shock.name for shock in model.spec(world).shocks]
    emulated, exact = np.empty_like(truth), np.empty_like(truth)
    for row, size in enumerate(sizes):
        for s, name in enumerate(names):
            answer = model.irf(world, theta[row], shock=name, size=float(size[s]))
            emulated[row, s] = answer.values
        exact[row] = emulator.get_world(world).irf(theta[row], 40, size[None]).values[0]
    inside = emulator.get_world(world).check(theta) == 0
    return {
        "draws": len(theta),
        "outside_the_prior": int((~inside).sum()),
        "nrmse": round(float(_nrmse(emulated, truth, sizes, sd)[inside].mean()), 5),
        "worst_draw": round(float(_nrmse(emulated, truth, sizes, sd)[inside].max()), 5),
        "exact_world": float(f"{_nrmse(exact, truth, sizes, sd).max():.1e}"),
    }


def _nrmse(values: np.ndarray, truth: np.ndarray, sizes: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """(N,): per unit of size, root mean square over horizons, the mean over what is not zero."""
    error = (values - truth) / sizes[:, :, None, None]
    there = sd > 0
    each = np.sqrt((error**2).mean(axis=2))
    return (each[:, there] / sd[there]).mean(axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path)
    options = parser.parse_args()
    model = emulator.load(options.weights)
    torch.set_num_threads(1)
    table = {world: score(model, world) for world in NAMES}
    for world, row in table.items():
        print(world, row)
    facts = {
        "weights_sha256": model.provenance["weights_sha256"],
        "trained_at": model.provenance["commit"],
        "config_sha": model.provenance["config_sha"],
        "data_sha": model.provenance["data_sha"],
        "worlds": table,
    }
    records.write(RESULTS, facts)


if __name__ == "__main__":
    main()
