"""Make the network of foreign data ready to ship: round its weights, widen its bands, check it.

`python -m studies.foreign_network CONFIG RUN` writes, in emulator/foreign/network, the weights of
the run's last checkpoint in half precision, network.safetensors, and network.json; without RUN the
weights stay as they are, and the rest is made anew. network.json has factors of bands, by kind of
question and horizon, which held 68 and 90 % of true responses in draws of the grammar that it was
not trained on; and how far data sets of the grammar are from its middle. And it writes
results/foreign/network.json: a check on yet other draws, where errors are over the VAR's in the
same draw, and how many data sets are answered in a second of processor time.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save

from emulator.config import config_hash, load_config
from emulator.econometrics.candidates import NAMES, Candidates, candidates, lags_for
from emulator.econometrics.gaps import filled
from emulator.econometrics.question import FloatArray
from emulator.foreign.benchmark import BENCHMARKS
from emulator.foreign.grammar import draws
from emulator.foreign.knots import KNOTS, hats
from emulator.foreign.network.answers import FACTS, WEIGHTS, Network, Spread, spread
from emulator.foreign.network.model import LEVELS, Mixer
from emulator.foreign.network.train import PIECE, NetworkConfig
from emulator.foreign.network.typical import Typical
from emulator.foreign.stacking import learned, stacked
from emulator.provenance import commit
from emulator.storage import file_sha256, read_json, sealed, sha256, write_atomically
from emulator.training.checkpoint import load_checkpoint
from studies import records
from studies.stacking import Answered, answered

GAPS = 0.05  # of all numbers
SHARES = (0.68, 0.9)  # that bands hold
SEED = 21  # of draws: those of training have another
CHECKED = 2  # draws for one that widths are found on: a fifth of them have an instrument
FAR = 5.0  # a ratio of errors counts as at most that
RESULTS = Path(__file__).parents[1] / "results" / "foreign" / "network.json"


def rounded(config: NetworkConfig, run: Path | None) -> tuple[Mixer, dict[str, Any]]:
    """The run's network with weights in half precision, or the one that ships; how it was made."""
    if run is None:
        return Network.read().model, read_json(FACTS)["learned"]
    state = load_checkpoint(run, "cpu")
    if state is None or state["config_sha"] != config_hash(config):
        raise SystemExit(f"{run}: expected a run of this configuration")
    model = Mixer(config.width, config.blocks)
    model.load_state_dict({name: each.half() for name, each in state["model"].items()})
    learned = {
        "by": "python -m emulator.foreign.network.train",
        "commit": state["commit"],
        "config_sha": state["config_sha"],
        "start_sha256": config.start and file_sha256(Path(config.start)),
        "steps": state["step"],
        "draws": config.pieces * PIECE,
    }
    return model.double().eval(), learned


def widths(spreads: list[tuple[Answered, Spread]]) -> dict[str, FloatArray]:
    """(2, K) a kind of question: the factors with which bands hold SHARES near each knot."""
    out = {}
    for kind in draws.KINDS:
        scores, quarters = [], []
        for (each, _, asked), answer in spreads:
            if each.kind == kind:
                above = each.truth - answer.point
                wide = np.where(above[..., None] > 0.0, answer.above, answer.below)
                score = np.abs(above)[..., None] / np.maximum(wide, 1e-12)
                scores.append(score[:, asked].reshape(-1, 2))
                quarter = np.broadcast_to(np.arange(len(asked))[:, None], asked.shape)[asked]
                quarters.append(np.tile(quarter, len(above)))
        score, quarter = np.concatenate(scores), np.concatenate(quarters)
        each_share = [quantiles(score[:, j], quarter, s) for j, s in enumerate(SHARES)]
        out[kind] = np.stack(each_share)
    return out


def quantiles(score: FloatArray, quarter: np.ndarray, share: float) -> FloatArray:
    """(K,): the scores' quantile, those of quarters near a knot counting for it."""
    order = np.argsort(score)
    near = hats(KNOTS[-1])[quarter[order]].cumsum(axis=0)
    return np.array(
        [score[order][np.searchsorted(near[:, k] / near[-1, k], share)] for k in range(len(KNOTS))]
    )


def check(network: Network, there: list[Answered]) -> dict[str, Any]:
    """By kind of question: shares held by bands, on average and in the draws they fit worst, by how
    typical data are too; how often truths fall between quantiles; squared errors over the VAR's,
    draw by draw, mean and median."""
    out: dict[str, Any] = {}
    for kind in draws.KINDS:
        rows, ranks = [], np.zeros(len(LEVELS) + 1)
        for each, found, asked in there:
            if each.kind != kind:
                continue
            quantiles = network.quantiles(kind, found, each.before, each.to)
            truth = each.truth[asked]
            inner = quantiles[:, asked]
            ranks += np.bincount((truth[:, None] > inner).sum(axis=-1).ravel(), minlength=6)
            row: dict[str, float] = {
                "distance": float(network.typical.share(found).mean()),
                "held 0.68": ((inner[..., 1] <= truth) & (truth <= inner[..., 3])).mean(),
                "held 0.9": ((inner[..., 0] <= truth) & (truth <= inner[..., 4])).mean(),
            }
            if kind != "proxy":
                row |= _errors(kind, each, found, asked, quantiles[..., 2])
            rows.append(row)
        table = pd.DataFrame(rows)
        held = table["held 0.9"]
        far = table["distance"] > 0.9
        out[kind] = {
            "draws": len(table),
            "held": {f"{s:g}": round(float(table[f"held {s:g}"].mean()), 3) for s in SHARES},
            "held_in_the_worst_tenth": round(float(held.quantile(0.1)), 3),
            "held_where_data_are_least_typical": round(float(held[far].mean()), 3),
            "ranks": (ranks / ranks.sum()).round(4).tolist(),
        }
        errors = table.drop(columns=["distance", "held 0.68", "held 0.9"])
        if kind != "proxy":
            out[kind]["mean_error_over_var"] = errors.clip(upper=FAR).mean().round(3).to_dict()
            out[kind]["median_error_over_var"] = errors.median().round(3).to_dict()
    return out


def held_with_gaps(network: Network, first: int, count: int) -> dict[str, Any]:
    """The share of true responses that bands of 90 % hold where GAPS of all numbers are missing and
    filled in, over what they hold where none are, by kind of question."""
    shares: dict[str, list[tuple[float, float]]] = {kind: [] for kind in draws.KINDS}
    rng = np.random.default_rng(SEED)
    for each, found, asked in answered(SEED, first, count):
        gaps = each.data[0].copy()
        gaps[1:-1][rng.random(gaps[1:-1].shape) < GAPS] = np.nan
        persistent, horizon = 1.0 - each.differences, len(each.truth) - 1
        whole = filled(gaps, lags_for(len(gaps), gaps.shape[1], horizon), persistent)
        other = candidates(whole[None], each.before, horizon, persistent)
        held = []
        for one in (other, Candidates(*(part[:1] for part in found))):
            inner = network.quantiles(each.kind, one, each.before, each.to)[0, asked]
            truth = each.truth[asked]
            held.append(float(((inner[:, 0] <= truth) & (truth <= inner[:, -1])).mean()))
        shares[each.kind].append((held[0], held[1]))
    out = {}
    for kind, pairs in shares.items():
        means = np.mean(pairs, axis=0).round(3)
        out[kind] = {"draws": len(pairs), "held": means[0], "held_without": means[1]}
    return out


def _errors(
    kind: draws.Kind, each: draws.Sets, found: Candidates, asked: np.ndarray, point: FloatArray
) -> dict[str, float]:
    """Over the VAR's, the mean over series of the ratio of their mean squared errors."""
    answers = dict(zip(NAMES, found.responses.swapaxes(0, 1), strict=True))
    answers["mean"] = (answers["var"] + answers["bvar"] + answers["lp_penalised"]) / 3.0
    answers["stacked"] = stacked(learned()[kind], found, each.before)
    answers["zero"] = 0.0 * answers["var"]
    answers["network"] = point
    square = {
        name: (np.square(value - each.truth) * asked).sum(axis=(0, 1))
        for name, value in answers.items()
    }
    some = square["var"] > 0.0
    return {
        name: float((value[some] / square["var"][some]).mean()) for name, value in square.items()
    }


def speed(network: Network, count: int) -> float:
    """Data sets a second of processor time, candidates included, of `count` at once: 200 quarters
    of five series, as benchmarks have them."""
    chosen = BENCHMARKS["lpw"]
    y, _ = chosen.samples(chosen.processes("open")[0], count)

    def answer() -> None:
        found = candidates(y, 4, 20, np.ones(5))
        network.quantiles("recursive", found, 4, 4)

    answer()  # compiles
    rounds = max(2, 100 // count)
    begin = time.process_time()
    for _ in range(rounds):
        answer()
    return rounds * count / (time.process_time() - begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("run", type=Path, nargs="?", help="the folder it was trained in")
    parser.add_argument("--draws", type=int, default=1500)
    options = parser.parse_args()
    torch.set_num_threads(1)
    made_at = commit()
    config = load_config(options.config, NetworkConfig)
    model, how = rounded(config, options.run)
    spreads = [
        (each, spread(model, each.sets.kind, each.found, each.sets.before, each.sets.to))
        for each in answered(SEED, 0, options.draws)
    ]
    typical = Typical.of([each.found for each, _ in spreads])
    network = Network(model, widths(spreads), typical)
    facts = {
        "learned": how,
        "calibrated": {"commit": made_at, "seed": SEED, "draws": options.draws},
        "width": config.width,
        "blocks": config.blocks,
        "widths": {kind: network.widths[kind].round(3).tolist() for kind in draws.KINDS},
        "typical": typical.facts(),
    }
    weights = save({k: v.half().contiguous() for k, v in model.state_dict().items()})
    facts = sealed({**facts, "sha256": sha256(weights)})
    write_atomically(WEIGHTS, weights)
    write_atomically(FACTS, (json.dumps(facts, indent=1) + "\n").encode())
    there = list(answered(SEED, options.draws, CHECKED * options.draws))
    found = {
        "weights_sha256": facts["sha256"],
        "parameters": sum(each.numel() for each in model.parameters()),
        **records.machine(["torch", "numpy", "scipy", "numba"], threads=1),
        "data_sets_a_second": {str(count): round(speed(network, count), 1) for count in (1, 50)},
        "checked": check(network, there),
        "with_gaps": held_with_gaps(network, options.draws, options.draws // 4),
    }
    records.write(RESULTS, found)


if __name__ == "__main__":
    main()
