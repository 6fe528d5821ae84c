"""Posteriors and evidence beside those of Dynare's `estimation`, on data drawn from the model.

The data are `QUARTERS` quarters of a model at the values in its file, after a run-in. Dynare finds
the mode and draws two chains by random-walk Metropolis; its evidence is the modified harmonic mean
(Geweke 1999). It does not divide the prior by the share that is determinate, so that the share's
log is added to ours. Both are run one after the other, on one processor each.
"""

from __future__ import annotations

import json
import math
import resource
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import emulator
from emulator.estimation.estimate import Estimate
from emulator.storage import write_atomically
from emulator.worlds import from_dynare
from emulator.worlds.dynare import write_world
from studies.dynare.octave import DYNARE

MODELS = Path(__file__).parent / "models"
OBSERVED = {"output": "x", "inflation": "dp", "rate": "r"}
QUARTERS, RUN_IN, SEED = 150, 100, 33
DRAWS = 4000
REPLICATIONS, CHAINS, DROPPED = 20_000, 2, 0.3
# Means agree where they differ by less than this many Monte Carlo standard errors of both.
ERRORS = 4.0
_DUMP = """\
s = struct(); s.mean = oo_.posterior_mean; s.variance = oo_.posterior_variance;
s.evidence = oo_.MarginalDensity.ModifiedHarmonicMean;
s.laplace = oo_.MarginalDensity.LaplaceApproximation;
file = fopen('found.json', 'w'); fprintf(file, '%s', jsonencode(s)); fclose(file);
"""


def compare(name: str) -> dict[str, Any]:
    """Both estimates of a model and how far they are apart."""
    file = MODELS / f"{name}.mod"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        world = from_dynare(file, observables=OBSERVED)
        write_world(world, folder / f"{name}.yaml")
        eps = np.random.default_rng(SEED).standard_normal((1, RUN_IN + QUARTERS, 3))
        history = world.simulate(world.pack(), eps).observables[0, RUN_IN:]
        began = time.process_time()
        found = emulator.estimate(str(folder / f"{name}.yaml"), history, draws=DRAWS)
        seconds = time.process_time() - began
        theirs = _dynare(file, history, folder)
    return _report(found[world.name], seconds, theirs)


def kept(name: str, work: Path) -> dict[str, Any]:
    """The same, made once."""
    path = work / f"dynare-{name}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(compare(name)).encode())
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _dynare(file: Path, history: np.ndarray, folder: Path) -> dict[str, Any]:
    """What Dynare says of the posterior."""
    columns = [
        f"{name} = [{' '.join(f'{v:.17g}' for v in history[:, j])}]';"
        for j, name in enumerate(OBSERVED.values())
    ]
    (folder / "history.m").write_text("\n".join(columns))
    options = (
        f"datafile=history, mode_compute=4, mh_replic={REPLICATIONS}, mh_nblocks={CHAINS}, "
        f"mh_drop={DROPPED}, mh_jscale=0.5, nograph, nodiagnostic, nodisplay"
    )
    text = f"{file.read_text()}\nset_dynare_seed(1);\nestimation({options});\n"
    (folder / "model_file.mod").write_text(text)
    subprocess.run(["dynare-preprocessor", "model_file.mod"], cwd=folder, check=True,
                   capture_output=True)  # fmt: skip
    said = f"save_default_options('-v7'); model_file.driver; {' '.join(_DUMP.split())}"
    evaluated = f"addpath('{DYNARE}'); dynare_config; warning('off', 'all'); {said}"
    command = ["octave-cli", "--no-gui", "--norc", "--no-history", "--quiet", "--eval", evaluated]
    before = _processor_seconds()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    seconds = _processor_seconds() - before
    if not (folder / "found.json").exists():
        raise RuntimeError(
            f"{file.name}: Dynare found nothing: {done.stdout[-600:]}{done.stderr[-600:]}"
        )
    found: dict[str, Any] = json.loads((folder / "found.json").read_text())
    return {**found, "seconds": seconds}


def _processor_seconds() -> float:
    """Of all programs run so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _report(ours: Estimate, seconds: float, theirs: dict[str, Any]) -> dict[str, Any]:
    table, rows = ours.table, {}
    for name in ours.names:
        kind, key = ("shocks_std", name[3:]) if name.startswith("sd_") else ("parameters", name)
        mean, variance = theirs["mean"][kind][key], theirs["variance"][kind][key]
        row = table.loc[name]
        # A random walk that is accepted three times in ten is worth some tenth of its draws at
        # best, and P times fewer for P parameters (Gelman, Gilks and Roberts 1997).
        worth = REPLICATIONS * CHAINS * (1.0 - DROPPED) * 0.33 / len(ours.names)
        error = math.sqrt(row["sd"] ** 2 / row["ess"] + variance / worth)
        rows[name] = {
            "mean": float(row["mean"]), "sd": float(row["sd"]), "dynare_mean": mean,
            "dynare_sd": math.sqrt(variance), "apart_in_errors": abs(row["mean"] - mean) / error,
        }  # fmt: skip
    evidence = ours.log_evidence + math.log(ours.prior_share)
    return {
        "quarters": QUARTERS,
        "parameters": rows,
        "largest_apart_in_errors": max(row["apart_in_errors"] for row in rows.values()),
        "largest_apart_in_sds": max(
            abs(row["mean"] - row["dynare_mean"]) / row["sd"] for row in rows.values()
        ),
        "log_evidence": evidence,
        "log_evidence_error": ours.log_evidence_error,
        "dynare_log_evidence": theirs["evidence"],
        "dynare_laplace": theirs["laplace"],
        "evidence_apart": abs(evidence - theirs["evidence"]),
        "draws": DRAWS,
        "dynare_draws": REPLICATIONS * CHAINS,
        "seconds_of_processor": seconds,
        "dynare_seconds_of_processor": theirs["seconds"],
    }
