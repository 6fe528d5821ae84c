"""How far the network of foreign data should lean on regressions: by families it never saw.

    python -m emulator.foreign.network.train configs/foreign/network.yaml runs/foreign/none \
        --cache datasets/foreign --draw 120
    python -m studies.leaning configs/foreign/network.yaml

A user's economy is of no family of the grammar. So of each family in turn (the two rarest count as
one) a network is trained on the others, and asked about draws of that family which no training
saw. Its answer is led, by several shares, to the means of several regressions. Errors are squared
ones over the least of RIVALS' for the same series in the same draw: nobody knows which of these to
trust. Over the VAR's alone, what helps where VARs are good may ruin answers where they explode;
these stand beside.

Writes results/foreign/leaning.json: mean and 90 % quantile over draws, by family, question, target
and share; and which target and share are chosen. Those have the smallest 90 % quantile, the mean
over families and questions, of all whose mean error is within SLACK of the smallest.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save

from emulator.config import config_hash, load_config
from emulator.econometrics.candidates import NAMES
from emulator.econometrics.question import FloatArray
from emulator.foreign.grammar import draws
from emulator.foreign.network.inputs import Taught, joined
from emulator.foreign.network.model import Mixer, Tensors, loss
from emulator.foreign.network.train import CLIP, PIECE, NetworkConfig, piece, rate
from emulator.storage import write_atomically
from studies import records
from studies.foreign_network import FAR

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "foreign" / "leaning.json"
LEFT_OUT = {
    "factors": ("factors",),
    "expectations": ("expectations",),
    "other": ("autoregression", "waves"),
}
TRAINED_ON, ASKED = range(100), range(100, 120)  # files of the cache
STEPS, DRAWS_A_STEP = 600, 80
TARGETS = {
    "var": ("var",),
    "bvar": ("bvar",),
    "var, bvar": ("var", "bvar"),
    "var, bvar, lp_penalised": ("var", "bvar", "lp_penalised"),
}
RIVALS = ("var", "bvar", "var, bvar, lp_penalised")
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
SLACK = 1.02


class Drawn(NamedTuple):
    """Data sets, draws.SAMPLES on end for each draw; the family (D,) and question (D,) of draws."""

    taught: Taught
    family: np.ndarray
    kind: np.ndarray

    def rows(self, draw: np.ndarray) -> np.ndarray:
        """The data sets of some draws."""
        return (draw[:, None] * draws.SAMPLES + np.arange(draws.SAMPLES)).ravel()

    def some(self, draw: np.ndarray) -> tuple[Tensors, torch.Tensor]:
        """Data sets of some draws and the truth."""
        rows = self.rows(draw)
        read = Tensors(*(torch.as_tensor(part[rows]) for part in self.taught.inputs))
        return read, torch.as_tensor(self.taught.truth[rows])


def drawn(config: NetworkConfig, cache: Path, files: Sequence[int]) -> Drawn:
    """What files of the cache hold, without questions that have an instrument."""
    numbers = [k for number in files for k in range(number * PIECE, (number + 1) * PIECE)]
    said = [draws.sets(config.seed, k, samples=1) for k in numbers]
    said = [each for each in said if each.kind != "proxy"]
    taught = joined([piece(config, number, cache) for number in files])
    assert len(taught.truth) == draws.SAMPLES * len(said)
    family = np.array([each.drawn.family for each in said])
    return Drawn(taught, family, np.array([each.kind for each in said]))


def trained(config: NetworkConfig, learn: Drawn, families: Sequence[str], path: Path) -> Mixer:
    """A network that never saw `families`; the one in `path`, which such a run made, where there is
    one."""
    torch.manual_seed(1)
    model = Mixer(config.width, config.blocks)
    if path.exists():
        model.load_state_dict(load_file(path))
        return model
    use = np.flatnonzero(~np.isin(learn.family, families))
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=config.lr, weight_decay=config.weight_decay
    )
    rng, order = np.random.default_rng(0), np.empty(0, dtype=int)
    for step in range(STEPS):
        if len(order) < DRAWS_A_STEP:
            order = rng.permutation(use)
        now, order = order[:DRAWS_A_STEP], order[DRAWS_A_STEP:]
        for group in optimiser.param_groups:
            group["lr"] = config.lr * rate(step, STEPS)
        read, truth = learn.some(now)
        value = loss(model(read), truth, read)
        optimiser.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimiser.step()
        if step % 50 == 0:
            print(f"{path.stem}: step {step}, loss {value.item():.4f}", flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, save(model.state_dict()))
    return model


def mean_of(read: Tensors, names: Sequence[str]) -> FloatArray:
    """The mean of some candidates, (B, N, H+1)."""
    places = [list(NAMES).index(name) for name in names]
    return np.asarray(read.responses[:, :, places].double().mean(dim=2).numpy())


def squares(read: Tensors, truth: torch.Tensor, answer: FloatArray) -> FloatArray:
    """(D, N): squared errors of answers (B, N, H+1), sums over quarters and a draw's data sets."""
    asked = ~read.known & read.series[..., None] & read.quarters[:, None]
    unit = read.unit.double().numpy()[..., None]
    error = np.square((answer - truth.double().numpy()) * unit) * asked.numpy()
    return np.asarray(error.sum(axis=-1).reshape(-1, draws.SAMPLES, answer.shape[1]).sum(axis=1))


def scored(model: Mixer, read: Tensors, truth: torch.Tensor) -> list[dict[str, Any]]:
    """A row a target and share."""
    with torch.no_grad():
        own = model.eval()(read).point.double().numpy()
    each = {name: squares(read, truth, mean_of(read, TARGETS[name])) for name in RIVALS}
    over = {"var": each["var"], "best": np.minimum.reduce(list(each.values()))}
    some = each["var"] > 0.0  # series of which something is asked
    out = []
    for target, names in TARGETS.items():
        toward = mean_of(read, names) - own
        for share in SHARES:
            error = squares(read, truth, own + share * toward)
            row: dict[str, Any] = {"target": target, "share": share}
            for name, rival in over.items():
                ratio = np.divide(error, rival, out=np.full(error.shape, np.nan), where=some)
                by_draw = np.minimum(np.nanmean(ratio, axis=1), FAR)
                row[f"over_{name}"] = float(by_draw.mean())
                row[f"over_{name}_q90"] = float(np.quantile(by_draw, 0.9))
            out.append(row)
    return out


def choice(table: pd.DataFrame) -> dict[str, Any]:
    """Target and share by the rule that the module states, and their means."""
    columns = [name for name in table if name.startswith("over_")]
    means = table.groupby(["target", "share"])[columns].mean()
    good = means[means["over_best"] <= SLACK * means["over_best"].min()]
    target, share = good["over_best_q90"].idxmin()
    return {"target": target, "share": share, **good.loc[(target, share)].round(4).to_dict()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--cache", type=Path, default=ROOT / "datasets" / "foreign")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "leaning")
    options = parser.parse_args()
    torch.set_num_threads(1)
    config = load_config(options.config, NetworkConfig)
    learn, ask = (drawn(config, options.cache, files) for files in (TRAINED_ON, ASKED))
    rows = []
    for name, families in LEFT_OUT.items():
        model = trained(
            config, learn, families, options.work / f"{name}-{config_hash(config)[:8]}.safetensors"
        )
        for kind in ("observed", "recursive"):
            there = np.flatnonzero(np.isin(ask.family, families) & (ask.kind == kind))
            about = {"left_out": name, "question": kind, "draws": len(there)}
            rows += [{**about, **row} for row in scored(model, *ask.some(there))]
    table = pd.DataFrame(rows)
    found = {
        "trained_on": [f"{len(learn.family)} draws of seed {config.seed}", f"{STEPS} steps"],
        "chosen": choice(table),
        "errors": table.round(4).to_dict("records"),
    }
    records.write(RESULTS, found)
    print(found["chosen"])


if __name__ == "__main__":
    main()
