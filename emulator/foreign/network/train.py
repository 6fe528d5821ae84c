"""Train the network in pieces that resume, on sets drawn as they are needed or kept on disk.

`python -m emulator.foreign.network.train CONFIG OUTPUT --seconds N` goes on where a run stopped, to
its last step. Step k trains on draws that follow from k alone, so that a run in pieces ends with
the weights of one in one piece, bit for bit. `--draw N` only draws: sets into the cache, N files of
them, so that several processes may fill it (`--first`).
"""

from __future__ import annotations

import argparse
import io
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load_file

from emulator.config import StrictModel, config_hash, load_config
from emulator.errors import ConfigError, EmulatorError
from emulator.foreign.network.inputs import Inputs, Taught, joined, taught
from emulator.foreign.network.model import Mixer, Tensors, loss
from emulator.limits import MOST_SEED, MOST_STEPS
from emulator.provenance import commit
from emulator.storage import write_atomically
from emulator.training.checkpoint import load_checkpoint, save_checkpoint
from emulator.training.interruption import interruptions

PIECE = 50  # draws of a file of the cache
MOST_PIECES = 1_000_000
WARM_UP = 200  # steps
CLIP = 1.0  # the gradient's norm


class NetworkConfig(StrictModel):
    """A training run. seed: of weights and draws. start: a file of weights to begin with, none to
    draw them. pieces: files of the cache that steps go through
    again and again; 0 draws anew for ever. batch: files a step."""

    seed: Annotated[int, Field(ge=0, le=MOST_SEED)]
    start: str | None = None
    width: Annotated[int, Field(ge=8, le=1024, multiple_of=4)]
    blocks: Annotated[int, Field(ge=1, le=16)]
    steps: Annotated[int, Field(ge=1, le=MOST_STEPS)]
    batch: Annotated[int, Field(ge=1, le=64)]
    pieces: Annotated[int, Field(ge=0, le=MOST_PIECES)]
    lr: Annotated[float, Field(gt=0.0, le=1.0)]
    weight_decay: Annotated[float, Field(ge=0.0, le=1.0)]
    checkpoint_every: Annotated[int, Field(ge=1, le=MOST_STEPS)]


def piece(config: NetworkConfig, number: int, cache: Path | None) -> Taught:
    """File `number` of the cache, drawn where it is not there."""
    path = None if cache is None else cache / f"{config.seed}-{number:06d}.npz"
    if path is not None and path.exists():
        with np.load(path) as file:
            return Taught(Inputs(*(file[name] for name in Inputs._fields)), file["truth"])
    draws = range(number * PIECE, (number + 1) * PIECE)
    found = joined([each for k in draws if (each := taught(config.seed, k)) is not None])
    if path is not None:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, truth=found.truth, **found.inputs._asdict())
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, buffer.getvalue())
    return found


def batch(config: NetworkConfig, step: int, cache: Path | None) -> tuple[Tensors, torch.Tensor]:
    """What a step trains on: the next files in order, in an order of their own each time around."""
    numbers = list(range(step * config.batch, (step + 1) * config.batch))
    if config.pieces:
        rounds = [np.random.default_rng([config.seed, n // config.pieces]) for n in numbers]
        orders = [rng.permutation(config.pieces) for rng in rounds]
        numbers = [int(o[n % config.pieces]) for o, n in zip(orders, numbers, strict=True)]
    found = joined([piece(config, number, cache) for number in numbers])
    return Tensors(*map(torch.as_tensor, found.inputs)), torch.as_tensor(found.truth)


def train(
    config: NetworkConfig, output: Path, cache: Path | None = None, seconds: float | None = None
) -> tuple[Mixer, int]:
    """Train until the last step, for `seconds` or until SIGTERM; returns the network and the number
    of steps done. Raises ConfigError where OUTPUT was begun with another configuration, or where
    the weights to begin with cannot be read."""
    torch.manual_seed(config.seed)
    model = Mixer(config.width, config.blocks)
    if config.start is not None:
        try:
            model.load_state_dict(load_file(config.start))
        except (OSError, SafetensorError) as error:
            raise ConfigError(
                f"start: no weights can be read from {config.start} ({error}); "
                "docs/foreign-data.md says where they come from"
            ) from None
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=config.lr, weight_decay=config.weight_decay
    )
    done = 0
    state = load_checkpoint(output, "cpu")
    if state is not None:
        if state["config_sha"] != config_hash(config):
            raise ConfigError(f"{output}: begun with another configuration; name another folder")
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        done = int(state["step"])
    begin = time.monotonic()
    with interruptions() as stopped:
        while done < config.steps:
            read, truth = batch(config, done, cache)
            for group in optimiser.param_groups:
                group["lr"] = config.lr * rate(done, config.steps)
            value = loss(model(read), truth, read)
            optimiser.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimiser.step()
            done += 1
            late = seconds is not None and time.monotonic() - begin > seconds
            if done % config.checkpoint_every == 0 or done == config.steps or late or stopped:
                save_checkpoint(output, _state(config, model, optimiser, done), "cpu")
                print(f"step {done} of {config.steps}: loss {value.item():.4f}", flush=True)
            if late or stopped:
                break
    return model, done


def rate(step: int, steps: int) -> float:
    """Of the learning rate: a warm-up, then half a cosine."""
    return min(1.0, (step + 1) / WARM_UP) * 0.5 * float(1.0 + np.cos(np.pi * step / steps))


def _state(config: NetworkConfig, model: Mixer, optimiser: Any, step: int) -> dict[str, Any]:
    return {
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "step": step,
        "config_sha": config_hash(config),
        "commit": commit(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("output", type=Path, help="a folder for checkpoints")
    parser.add_argument("--cache", type=Path, help="a folder for sets")
    parser.add_argument("--seconds", type=float, help="stop after so many, to be gone on with")
    parser.add_argument("--draw", type=int, help="only draw so many files of sets")
    parser.add_argument("--first", type=int, default=0, help="of the files drawn")
    options = parser.parse_args()
    torch.set_num_threads(1)
    try:
        config = load_config(options.config, NetworkConfig)
        if options.draw is None:
            train(config, options.output, options.cache, options.seconds)
            return
    except EmulatorError as error:
        parser.exit(2, f"error: {error}\n")
    for number in range(options.first, options.first + options.draw):
        piece(config, number, options.cache)


if __name__ == "__main__":
    main()
