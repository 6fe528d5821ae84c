"""One training loop for every model.

`python -m emulator.training.trainer --config CONFIG [--output RUN] [--resume]` is the same entry as
`emulator train`. A run folder holds config.yaml, train_log.csv and .jsonl, the checkpoint, and the
weights with their description and card.
"""

from __future__ import annotations

import argparse
import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from emulator.config import config_hash, load_config
from emulator.data import Dataset, Moments
from emulator.errors import (
    ConfigError,
    EmulatorError,
    TrainingError,
    WeightsError,
    unknown_name,
)
from emulator.models.base import ClosedFormModel, Model
from emulator.models.weights import (
    save_weights,
)
from emulator.provenance import commit
from emulator.regimes import Task, tasks
from emulator.seeding import derived_seed
from emulator.training.batches import Batch, Batches, cut, history_quarters, read_fields
from emulator.training.checkpoint import CHECKPOINT_FILE, load_checkpoint, save_checkpoint
from emulator.training.config import RunConfig, TrainingConfig
from emulator.training.logs import TrainingLog
from emulator.training.losses import response_loss
from emulator.training.run_folder import (
    card,
    claim,
    default_output,
    is_finished,
    require_same_data,
)

VALIDATION_ROWS = 1024  # a chunk of validation rows; bounds memory, does not change the result

Progress = Callable[[int, int, str], None]
Sigma = dict[Task, torch.Tensor]


def train(
    config: RunConfig,
    output: Path,
    *,
    resume: bool = False,
    progress: Progress = lambda done, total, note: None,
) -> bool:
    """Train one run into the folder `output`; True when it reached its end.

    resume: go on from the folder's checkpoint, bit for bit as if never stopped. SIGTERM makes it
    save a checkpoint and return False, SIGINT save one and raise KeyboardInterrupt. Raises
    ConfigError when the folder holds a run already (or, with `resume`, one of another configuration
    or of other data), TrainingError when the run diverges.
    """
    device = _device(config.training)
    dataset = Dataset.open(config.data.dataset_path)
    worlds = _worlds(dataset, config)
    if is_finished(output, config, resume, dataset):
        return True
    settings = config.training
    specs = [dataset.spec(world) for world in worlds]
    moments = {world: dataset.moments(world) for world in worlds}
    sigma = {world: _sigma(moment, device) for world, moment in moments.items()}

    torch.manual_seed(derived_seed(settings.seed, "weights"))
    model = config.model.build(specs, dataset.manifest.config.horizon)
    model.set_scales({world: moment.irf_sd for world, moment in moments.items()})
    model.to(device)
    batches = Batches(
        dataset,
        worlds,
        config.data.regimes,
        settings.batch_size,
        settings.seed,
        device,
        config.data.source,
    )
    validation = _validation(dataset, worlds, config, device)
    provenance = {
        "commit": commit(),
        "config_sha": config_hash(config),
        "data_sha": dataset.hash,
        "torch": str(torch.__version__),
        "regime": config.data.regime,
    }

    def finish() -> None:
        save_weights(output, model, config.model, provenance, card(config, provenance, output))

    claim(output, config)
    if type(model).prepare is not Model.prepare:  # it needs every training row in memory
        for world in worlds:
            model.prepare(world, batches.whole(world)[0].inputs)
    if isinstance(model, ClosedFormModel):
        for done, world in enumerate(worlds):
            for whole in batches.whole(world):
                same = [b for b in validation[world] if b.inputs.task is whole.inputs.task]
                model.fit(world, whole, same)
            progress(done + 1, len(worlds), world)
        log = TrainingLog(output, ["step", *_names("val", worlds)], -1)
        log.write({"step": 0, **_validate(model, validation, sigma)})
        log.close()
        finish()
        return True

    total = settings.epochs * batches.steps_per_epoch
    optimiser = torch.optim.AdamW(_parameter_groups(model, settings.weight_decay), lr=settings.lr)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: _rate(step, total, settings.warmup)
    )
    step = 0
    if resume and (state := load_checkpoint(output, device)):
        try:
            provenance = state["provenance"]
            model.load_state_dict(state["model"])
            optimiser.load_state_dict(state["optimiser"])
            schedule.load_state_dict(state["schedule"])
            batches.source.restore(state["data"])
            step = state["step"]
        except (LookupError, RuntimeError, TypeError, ValueError) as error:
            raise WeightsError(
                f"{output / CHECKPOINT_FILE}: does not fit this run ({type(error).__name__}); "
                "it is another version's or another model's: train into another folder"
            ) from None
        require_same_data(output, provenance, dataset)

    def checkpoint() -> None:
        state = {
            "step": step,
            "model": model.state_dict(),
            "optimiser": optimiser.state_dict(),
            "schedule": schedule.state_dict(),
            "data": batches.source.position(),
            "provenance": provenance,
        }
        save_checkpoint(output, state)

    columns = ["step", "epoch", "lr", "loss", "gradient_norm", "samples_per_second"]
    columns += _names("loss", worlds) + _names("val", worlds)
    log = TrainingLog(output, columns, step)
    try:
        with _termination() as stopped:
            while step < total and not stopped:
                started = time.perf_counter()
                batch = batches.batch(step)
                model.train()
                losses = {
                    world: response_loss(model(inputs), target, sigma[world][inputs.task])
                    for world, (inputs, target) in batch.items()
                }
                loss = torch.stack(list(losses.values())).mean()
                optimiser.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                norm = torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
                row: dict[str, Any] = {
                    "step": step + 1,
                    "epoch": step // batches.steps_per_epoch + 1,
                    "lr": schedule.get_last_lr()[0],
                    "loss": loss.item(),
                    "gradient_norm": norm.item(),
                    **{f"loss_{world}": value.item() for world, value in losses.items()},
                }
                if not (math.isfinite(row["loss"]) and math.isfinite(row["gradient_norm"])):
                    log.write(
                        {
                            key: value if math.isfinite(value) else str(value)
                            for key, value in row.items()
                        }
                    )
                    raise _divergence(row, worlds)
                optimiser.step()
                schedule.step()
                step += 1
                rows = settings.batch_size * len(worlds)
                row["samples_per_second"] = round(rows / (time.perf_counter() - started), 1)
                due = step % (settings.checkpoint_every * batches.steps_per_epoch) == 0
                if due or step == total:
                    row |= _validate(model, validation, sigma)
                log.write(row)
                if due or step == total:
                    checkpoint()
                progress(step, total, f"loss {row['loss']:.4f}")
        if step < total:  # asked to stop between two checkpoints
            checkpoint()
            if signal.SIGINT in stopped:
                raise KeyboardInterrupt
    finally:
        log.close()
    if step == total:
        finish()
    return step == total


@contextmanager
def _termination() -> Iterator[list[int]]:
    """A list that SIGTERM and SIGINT append to, so that the loop can end between two steps."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received  # only the main thread may set handlers
        return
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(n, lambda number, frame: received.append(number)) for n in numbers]
    try:
        yield received
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _rate(step: int, total: int, warmup: float) -> float:
    """Linear warm-up, then a cosine to zero."""
    rising = max(1, round(warmup * total))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1.0 + math.cos(math.pi * (step - rising) / max(1, total - rising)))


def _parameter_groups(model: Model, weight_decay: float) -> list[dict[str, Any]]:
    """Decay matrices; leave biases and lone vectors alone."""
    parameters = list(model.parameters())
    return [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]


def _divergence(row: dict[str, Any], worlds: tuple[str, ...]) -> TrainingError:
    """What to say of a step whose loss or gradient is not finite; the step is not taken."""
    bad = [w for w in worlds if not math.isfinite(row[f"loss_{w}"])] or ["none alone"]
    return TrainingError(
        f"training diverged at step {row['step']}: worlds with a non-finite loss: "
        f"{', '.join(bad)}; gradient norm {row['gradient_norm']:g}; try a lower lr in a new run "
        "(--output)"
    )


def _validation(
    dataset: Dataset, worlds: tuple[str, ...], config: RunConfig, device: str
) -> dict[str, list[Batch]]:
    """Validation batches a world: every task in every regime trained on."""
    regimes = config.data.regimes
    length, run_in = history_quarters(dataset), dataset.manifest.config.run_in
    out: dict[str, list[Batch]] = {}
    for world in worlds:
        spec = dataset.spec(world)
        rows = dataset.rows(world, "val")
        fields = read_fields(dataset, world, rows, regimes, device)
        out[world] = []
        for first in range(0, len(rows), VALIDATION_ROWS):
            part = {k: v[first : first + VALIDATION_ROWS] for k, v in fields.items()}
            out[world] += [
                cut(part, spec, regime, task, length, run_in)
                for regime in regimes
                for task in tasks(spec)
            ]
    return out


@torch.no_grad()
def _validate(
    model: Model, validation: dict[str, list[Batch]], sigma: dict[str, Sigma]
) -> dict[str, float]:
    """Validation NRMSE by world, the mean over regimes and tasks."""
    model.eval()
    out = {}
    for world, batches in validation.items():
        losses = [
            response_loss(model(b.inputs), b.target, sigma[world][b.inputs.task]).item()
            for b in batches
        ]
        weights = [len(b.inputs) for b in batches]
        total = sum(n * loss for n, loss in zip(weights, losses, strict=True))
        out[f"val_{world}"] = total / sum(weights)
    return out


def _sigma(moments: Moments, device: str) -> Sigma:
    """The scale (S, 3) of each task's errors."""
    sd = {Task.steady_state: moments.irf_sd, Task.state_dependent: moments.irf_state_sd}
    return {t: torch.as_tensor(v, dtype=torch.float32, device=device) for t, v in sd.items()}


def _names(prefix: str, worlds: tuple[str, ...]) -> list[str]:
    return [f"{prefix}_{world}" for world in worlds]


def _worlds(dataset: Dataset, config: RunConfig) -> tuple[str, ...]:
    for world in config.data.worlds or ():
        if world not in dataset.worlds:
            raise unknown_name(f"world of {dataset.path}", world, dataset.worlds)
    return config.data.worlds or dataset.worlds


def _device(settings: TrainingConfig) -> str:
    if settings.device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("training.device: cuda asked for, but torch sees no GPU; use cpu or auto")
    return settings.device


def main() -> None:
    """`python -m emulator.training.trainer --config CONFIG [--output RUN] [--resume]`."""
    parser = argparse.ArgumentParser(description="Train one model; as `emulator train`.")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    try:
        config = load_config(options.config, RunConfig)
        folder = options.output or default_output(options.config)
        train(config, folder, resume=options.resume)
    except EmulatorError as error:
        print(f"emulator: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
