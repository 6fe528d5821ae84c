"""A learned posterior: is it calibrated, how near is it to the exact one, and what does it save?

`calibrated`: draws of the prior, each with a history under it; ranks of the truth and coverage of
90 % intervals, of draws of q alone, of those that exact likelihoods correct, and of what
`--instant` answers: the corrected ones where enough count. `compared`: on some of the same
histories the exact sampler from the prior and from q, in one process: its time, steps and evidence;
and how far mean responses of the others are from those of the exact posterior, the shipped
network's answer to the history among them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import emulator
from emulator.adapt.posterior_measured import HORIZON, nrmse
from emulator.estimation.instant import ENOUGH
from emulator.estimation.learned import Learned, as_learned, at_once, learned, starting
from emulator.estimation.posterior import Posterior, Target, sample
from emulator.estimation.runs import target_of
from emulator.evaluation.floors.simulation_based_calibration import uniformity
from emulator.models.posteriors import LearnedPosterior, load_posterior
from emulator.seeding import derived_seed
from emulator.storage import write_atomically
from emulator.worlds.base import FloatArray
from studies.estimate.calibration import DRAWS, QUARTERS, history_of

SEED = 1  # the histories are those of `calibration`
PROPOSED = 1000  # draws of q for each history
SCALED = 500  # draws of the prior, whose responses have the s.d. that errors are in units of
KINDS = ("learned", "corrected")


def measure(world: str, weights: Path, count: int, compared: int, work: Path) -> dict[str, Any]:
    """Of `count` histories, the first `compared` of which are sampled exactly as well."""
    torch.set_num_threads(1)
    found = load_posterior(weights)
    folder = work / f"instant-{world}-{found.sha256[:12]}"
    rows = [_kept(folder / f"{k}.json", lambda k=k: _ranks(world, found, k)) for k in range(count)]
    pairs = [
        _kept(folder / f"sampled-{k}.json", lambda k=k: _compare(world, found, k))
        for k in range(compared)
    ]
    return {
        "weights": {"sha256": found.sha256, **found.provenance},
        "quarters": QUARTERS,
        "posteriors": count,
        "draws": PROPOSED,
        "milliseconds_of_processor": {
            what: round(1e3 * float(np.median([row["seconds"][what] for row in rows])), 2)
            for what in rows[0]["seconds"]
        },
        "effective_share": _spread([row["effective"] / PROPOSED for row in rows]),
        "corrected_share": float(np.mean([row["effective"] >= ENOUGH for row in rows])),
        **{kind: _calibration(found.names, rows, [kind] * count) for kind in KINDS},
        "answered": _calibration(found.names, rows, [_answered(row) for row in rows]),
        "compared": _summary(pairs, world) if pairs else {},
    }


def _ranks(world: str, found: LearnedPosterior, number: int) -> dict[str, Any]:
    truth, history = history_of(world, SEED, number)
    target, seconds = _target(world, found, history)
    rng = np.random.default_rng(derived_seed(SEED, "instant", world, number))
    began = time.process_time()
    alone = as_learned(target, PROPOSED, rng)
    seconds["draws"] = time.process_time() - began
    began = time.process_time()
    weighted, effective = at_once(target, PROPOSED, rng)
    seconds["draws and weights"] = time.process_time() - began
    out: dict[str, Any] = {"seconds": seconds, "effective": effective}
    for kind, one in zip(KINDS, (alone, weighted), strict=True):
        low, high = np.quantile(one.theta, [0.05, 0.95], axis=0)
        out[kind] = {
            "rank": (one.theta < truth).mean(axis=0).tolist(),
            "held": ((low <= truth) & (truth <= high)).tolist(),
        }
    return out


def _target(
    world: str, found: LearnedPosterior, history: FloatArray
) -> tuple[Target, dict[str, float]]:
    began = time.process_time()
    start = learned(found, history)
    seconds = {"summary": time.process_time() - began}
    target = target_of(emulator.get_world(world), history, np.zeros(3))
    return Target(target.prior, target.history, target.run_in, target.noise, start), seconds


def _compare(world: str, found: LearnedPosterior, number: int) -> dict[str, Any]:
    """Mean responses and what they cost; of the exact posterior those of both starts together."""
    truth, history = history_of(world, SEED, number)
    target, _ = _target(world, found, history)
    assert isinstance(target.start, Learned)
    plain = Target(target.prior, target.history, target.run_in, target.noise)
    rng = np.random.default_rng(derived_seed(SEED, "compared", world, number))
    out: dict[str, Any] = {"truth": _mean(world, truth[None])}
    for name, some in (("prior", plain), ("learned", target)):
        began = time.process_time()
        if some.start is not None:
            some = starting(plain, target.start, DRAWS, rng)
        one: Posterior = sample(some, DRAWS, rng)
        out[f"from {name}"] = {
            "seconds": time.process_time() - began, "steps": one.steps, "moves": one.moves,
            "begun": some.start is not None,
            "log_evidence": one.log_evidence, "responses": _mean(world, one.theta),
        }  # fmt: skip
    out["learned"] = {"responses": _mean(world, as_learned(target, PROPOSED, rng).theta)}
    weighted, effective = at_once(target, PROPOSED, rng)
    out["corrected"] = {
        "responses": _mean(world, weighted.theta), "log_evidence": weighted.log_evidence,
        "effective": effective,
    }  # fmt: skip
    shipped = emulator.load()
    out["shipped network"] = {
        "responses": shipped.irf(world, history=history, horizon=HORIZON).values.tolist()
    }
    return out


def _mean(world: str, theta: FloatArray) -> list[Any]:
    values: list[Any] = emulator.get_world(world).irf(theta, HORIZON).values.mean(axis=0).tolist()
    return values


def _answered(row: dict[str, Any]) -> str:
    return KINDS[row["effective"] >= ENOUGH]


def _calibration(
    names: tuple[str, ...], rows: list[dict[str, Any]], kinds: list[str]
) -> dict[str, Any]:
    pairs = list(zip(rows, kinds, strict=True))
    ranks = np.array([row[kind]["rank"] for row, kind in pairs])
    shares = np.array([row[kind]["held"] for row, kind in pairs]).mean(axis=1)
    p_values = {n: float(uniformity(r)) for n, r in zip(names, ranks.T, strict=True)}
    return {
        "p_values": p_values,
        "p_value": min(1.0, len(p_values) * min(p_values.values())),
        "coverage_90": float(shares.mean()),
        "coverage_90_error": float(shares.std(ddof=1) / np.sqrt(len(shares))),
    }


def _summary(pairs: list[dict[str, Any]], world: str) -> dict[str, Any]:
    rng = np.random.default_rng(derived_seed(SEED, "scale", world))
    here = emulator.get_world(world)
    sd = here.irf(here.sample_parameters(SCALED, rng), HORIZON).values.std(axis=(0, 2))
    truth = np.array([pair["truth"] for pair in pairs])
    means = {
        name: np.array([pair[name]["responses"] for pair in pairs])
        for name in ("from prior", "from learned", *KINDS, "shipped network")
    }
    exact = 0.5 * (means["from prior"] + means["from learned"])
    evidence = {
        name: np.array([pair[name]["log_evidence"] for pair in pairs])
        for name in ("from prior", "from learned", "corrected")
    }
    return {
        "histories": len(pairs),
        "nrmse_to_exact_posterior_mean": {
            **{name: nrmse(means[name], exact, sd) for name in (*KINDS, "shipped network")},
            "between the two exact samplers": nrmse(means["from prior"], means["from learned"], sd),
        },
        "nrmse_to_truth": {
            "exact": nrmse(exact, truth, sd),
            **{name: nrmse(means[name], truth, sd) for name in (*KINDS, "shipped network")},
        },
        "sampler": {
            name: {
                what: float(np.median([pair[name][what] for pair in pairs]))
                for what in ("seconds", "steps", "moves")
            }
            for name in ("from prior", "from learned")
        },
        "started_from_learned": float(np.mean([pair["from learned"]["begun"] for pair in pairs])),
        "log_evidence_apart": {
            name: _spread(evidence[name] - evidence["from prior"])
            for name in ("from learned", "corrected")
        },
    }


def _spread(values: Any) -> dict[str, float]:
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    return {"mean": float(np.mean(values)), "median": float(middle),
            "5 %": float(low), "95 %": float(high)}  # fmt: skip


def _kept(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(make()).encode())
    found: dict[str, Any] = json.loads(path.read_text())
    return found
