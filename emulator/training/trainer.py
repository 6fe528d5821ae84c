"""One training loop for every model.

`python -m emulator.training.trainer --config CONFIG [--output RUN] [--resume]` is the same entry as
`emulator train`, and what `torchrun` starts (distributed.py). A run folder holds config.yaml,
train_log.csv and .jsonl, the checkpoint, and the weights with their description and card.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from emulator.config import config_hash, load_config
from emulator.data import Dataset
from emulator.errors import ConfigError, EmulatorError, WeightsError, unknown_name
from emulator.models.adoption import adopt
from emulator.models.base import Model
from emulator.models.plain import plain_torch
from emulator.models.weights import find_weights, load_weights, save_weights
from emulator.progress import Progress, silent
from emulator.provenance import commit
from emulator.regimes import Regime
from emulator.seeding import derived_seed
from emulator.training.batches import Batches, Shown, StepBatch
from emulator.training.checkpoint import CHECKPOINT_FILE, load_checkpoint, save_checkpoint
from emulator.training.config import RunConfig
from emulator.training.distributed import Ranks, together
from emulator.training.divergence import divergence, finite, world_gradient_norms
from emulator.training.early_stopping import Best, whole_number
from emulator.training.interruption import TERMINATED, interruptions
from emulator.training.later import go_on_from_data
from emulator.training.logs import Row, training_log
from emulator.training.mirrors import require_logger
from emulator.training.objective import Objective
from emulator.training.optimisation import go_on, optimiser_and_schedule
from emulator.training.run_folder import (
    card,
    claim,
    default_output,
    held,
    is_finished,
    processor_seconds,
    require_same_config,
    require_same_data,
    require_same_machine,
    write_cost,
)
from emulator.training.validation import Validation


@plain_torch()
def train(
    config: RunConfig, output: Path, *, resume: bool = False, progress: Progress = silent
) -> bool:
    """Train one run into the folder `output`; True when it reached its end.

    resume: go on from the folder's checkpoint, bit for bit as if never stopped. SIGTERM makes it
    save a checkpoint and return False, SIGINT save one and raise KeyboardInterrupt. Raises
    ConfigError when the folder holds a run already (or, with `resume`, one of another configuration
    or of other data, or begun on another number of threads), ClaimError when another training is at
    work there, TrainingError when the run diverges: the last checkpoint stays.
    """
    require_logger(config)
    with together(config) as ranks:
        dataset = Dataset.open(config.data.dataset_path)
        worlds = _worlds(dataset, config)
        if is_finished(output, config, resume, dataset):
            return True
        with held(output, ranks):
            if is_finished(output, config, resume, dataset):  # whoever held it before saw to it
                return True
            shown = progress if ranks.first else silent
            run = Trainer(config, output, dataset, worlds, ranks, shown)
            ended = run.fit() if config.model.fitted_at_once else run.descend(resume)
            if ended and ranks.first:
                run.finish()
            ranks.wait()  # no process leaves before the weights are there
            return ended


class Trainer:
    """One run: its model, its data, how far it is."""

    def __init__(
        self,
        config: RunConfig,
        output: Path,
        dataset: Dataset,
        worlds: tuple[str, ...],
        ranks: Ranks,
        progress: Progress,
    ) -> None:
        self.config, self.settings, self.output = config, config.training, output
        self.dataset, self.worlds = dataset, worlds
        self.ranks, self.progress = ranks, progress

        specs, horizon = [dataset.spec(w) for w in worlds], dataset.manifest.config.horizon
        _check_memory(config.model.size(specs, horizon))
        torch.manual_seed(derived_seed(self.settings.seed, "weights"))
        self.model: Model = config.model.build(specs, horizon)
        if self.settings.only is not None:
            self.model.train_only(self.settings.only)
        self.forecasts = config.model.forecasts and config.losses.trajectory > 0
        shown = Shown(
            dataset,
            worlds,
            config.data.regimes,
            frozenset(config.data.extra_inputs),
            self.forecasts,
            ranks.device,
            config.data.rows,
        )
        moments = {world: shown.moments(world) for world in worlds}
        self.model.set_scales(
            {world: m.irf_sd for world, m in moments.items()},
            {world: m.traj_sd for world, m in moments.items()},
        )
        if config.model.compresses:
            for world in worlds:
                self.model.compress(world, *shown.responses(world))
        self.objective = Objective(self.model, moments, config.losses, ranks.mean).to(ranks.device)
        part = (ranks.rank, ranks.count)
        self.batches = Batches(
            shown,
            self.settings.batch_size,
            self.settings.seed,
            config.data.source,
            part,
            self.settings.only,
            self.settings.rough_histories or 0.0,
        )
        self.trained = shown.taught(self.settings.only)  # those in which samples count
        shown = replace(shown, regimes=self.trained)
        self.validation = Validation(shown, ranks)
        if config.model.prepares:  # needs every training row in memory
            for world in worlds:
                self.model.prepare(world, self.batches.whole(world)[0].inputs)

        self.step = 0
        self.total = self.settings.steps or self.settings.epochs * self.batches.steps_per_epoch
        self.best = Best(self.settings.patience)
        self.clock = time.process_time()
        self.provenance: dict[str, Any] = {
            "commit": commit(),
            "config_sha": config_hash(config),
            "data_sha": dataset.hash,
            "draws_sha": dataset.draws,
            "training_rows": {world: len(shown.training_rows(world)) for world in worlds},
            "held_out": dataset.held_out(worlds),
            "started_from": None,
            "samples_before": {},
            "processor_seconds": 0.0,
            "torch": str(torch.__version__),
            "regime": config.data.regime,
            "device": ranks.device.partition(":")[0],
            "processes": ranks.count,
            "threads": torch.get_num_threads() if ranks.device == "cpu" else None,
        }

    def fit(self) -> bool:
        """Fit a model that needs no steps, world by world."""
        claim(self.output, self.config)
        for done, world in enumerate(self.worlds):
            for whole in self.batches.whole(world):
                self.model.fit(world, whole, self.validation.of(world, whole.inputs.task))
            self.progress(done + 1, len(self.worlds), world)
        columns = ["step", "val", *_names("val", self.worlds)]
        with training_log(self.output, columns, -1, self.config) as write:
            write({"step": 0, **self.validate()})
        return True

    def descend(self, resume: bool) -> bool:
        """Gradient training; True at its end, False when asked to stop before it."""
        settings, ranks = self.settings, self.ranks
        shared = ranks.share(self.objective)
        self.optimiser, self.schedule = optimiser_and_schedule(self.model, settings, self.total)
        if resume and (state := load_checkpoint(self.output, ranks.device)):
            self.restore(state)
        elif settings.start_from is not None:
            self.start(settings.start_from)
        if ranks.first:
            claim(self.output, self.config)

        log = training_log(self.output, self.columns(), self.step, self.config)
        with log if ranks.first else nullcontext(_unwritten) as write, interruptions() as received:
            while not self.ended and not ranks.any(bool(received)):
                started = time.perf_counter()
                batch = self.batches.batch(self.step)
                row = self.gradients(shared, batch)
                if not finite(row):
                    row |= self.gradient_norms(batch)
                    write(row)
                    raise divergence(row, self.batches.worlds)
                self.optimiser.step()
                self.schedule.step()
                self.step += 1
                rows = settings.batch_size * len(self.batches.worlds)
                row["samples_per_second"] = round(rows / (time.perf_counter() - started), 1)

                if self.due(settings.validate_every or settings.checkpoint_every):
                    row |= self.gradient_norms(batch)
                    row |= self.validate()
                    self.best.see(self.step, row["val"], self.model)
                write(row)
                if not finite(row):
                    raise divergence(row, self.batches.worlds)
                if self.due(settings.checkpoint_every) or self.ended:
                    self.checkpoint()
                self.progress(self.step, self.total, f"loss {row['loss']:.4f}")
            if not self.ended:
                self.checkpoint()
                if ranks.any(signal.SIGINT in received):
                    raise KeyboardInterrupt
        return self.ended

    def start(self, path: str) -> None:
        """Begin with trained weights instead of random ones."""
        try:
            folder = find_weights(path)
            loaded = load_weights(folder)
        except WeightsError as error:
            raise WeightsError(f"training.start_from: {error}") from None
        adopt(self.model, loaded, str(folder))
        if self.settings.only is not None:
            if (known := tuple(loaded.model.specs)) != self.worlds:
                raise ConfigError(
                    f"training.only: {folder} knows {', '.join(known)}, not "
                    f"{', '.join(self.worlds)}; take the same worlds, or train everything"
                )
            self.model.keep(loaded.model)
            # What stays was trained without these too.
            for world, regions in loaded.provenance["held_out"].items():
                here = self.provenance["held_out"][world]
                here += [region for region in regions if region not in here]
        self.provenance["started_from"] = loaded.sha256
        self.provenance["samples_before"] = loaded.samples_seen
        self.provenance["processor_seconds"] = processor_seconds(folder)

    @property
    def ended(self) -> bool:
        return self.step == self.total or self.best.stalled

    def due(self, epochs: int) -> bool:
        """Whether a thing done every so many epochs, and at the end, is to be done now."""
        return self.step % (epochs * self.batches.steps_per_epoch) == 0 or self.step == self.total

    def gradients(self, shared: torch.nn.Module, batch: StepBatch) -> Row:
        """Leave the batch's gradients, clipped, in the parameters; what the log says of them.

        Losses are means over all ranks' rows, the gradient norm is before clipping.
        """
        self.objective.train()
        with self.precision():
            terms = shared(batch)
        self.optimiser.zero_grad(set_to_none=True)
        terms.total.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip)
        losses = self.ranks.mean(torch.stack([terms.total.detach(), *terms.parts.values()]))
        numbers = torch.cat([losses, norm[None]]).tolist()  # one transfer from the device
        return {
            "step": self.step + 1,
            "epoch": self.step // self.batches.steps_per_epoch + 1,
            "lr": self.schedule.get_last_lr()[0],
            **dict(zip(["loss", *terms.parts, "gradient_norm"], numbers, strict=True)),
        }

    def gradient_norms(self, batch: StepBatch) -> dict[str, float]:
        """The gradient norm of each world alone, at the weights as they are; mean over ranks."""
        norms = world_gradient_norms(self.objective, batch, self.precision())
        means = self.ranks.mean(torch.stack(list(norms.values()))).tolist()
        return dict(zip(_names("gradient_norm", tuple(norms)), means, strict=True))

    def precision(self) -> torch.autocast:
        """Matrix products in bfloat16, where asked for; weights and losses stay in float32."""
        return torch.autocast(
            self.ranks.device.partition(":")[0],
            dtype=torch.bfloat16,
            enabled=self.settings.precision == "bfloat16",
        )

    def validate(self) -> dict[str, float]:
        """Validation NRMSE by world and, as `val`, their mean."""
        errors = self.validation.errors(self.model)
        mean = sum(errors.values()) / len(errors)
        return {"val": mean} | {f"val_{world}": error for world, error in errors.items()}

    def columns(self) -> list[str]:
        """The log's columns."""
        losses = self.config.losses
        weighted = {
            "smooth": losses.smooth > 0,
            "quantile": losses.quantile > 0,
            "trajectory": self.forecasts,
        }
        columns = ["step", "epoch", "lr", "loss", "gradient_norm", "samples_per_second", "val"]
        for prefix in ("loss", "val", "gradient_norm", *(k for k, on in weighted.items() if on)):
            columns += _names(prefix, self.worlds)
        return columns

    def checkpoint(self) -> None:
        """Save all it takes to go on; rank 0's is everyone's."""
        if self.ranks.first:
            self.spend()
            state = {
                "step": self.step,
                "model": self.model.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "data": self.batches.source.position(),
                "best": self.best.state_dict(),
                "config": self.config.model_dump(mode="json"),
                "provenance": self.provenance,
            }
            save_checkpoint(self.output, state, self.ranks.device)

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint's state. Raises WeightsError where it is another run's, and
        ConfigError where it was trained with another configuration, on other data or otherwise."""
        try:
            before = state["provenance"]
            if missing := self.provenance.keys() - before.keys():
                raise KeyError(min(missing))  # another version's, which the end would stumble over
            require_same_config(self.output, state["config"], self.config)
            require_same_data(self.output, before, self.dataset)
            require_same_machine(self.output, before, self.provenance)
            self.model.load_state_dict(state["model"])
            self.batches.source.restore(state["data"])
            self.step = whole_number(state["step"], self.total)
            self.best.load_state_dict(state["best"], self.step)
            go_on(self.optimiser, self.schedule, state["optimiser"], self.step)
            self.provenance |= {
                "commit": _all_commits(before, self.provenance),
                "torch": str(before["torch"]),
                "started_from": before["started_from"],
                "held_out": before["held_out"],
                "processor_seconds": before["processor_seconds"],
                "samples_before": {
                    str(regime): {str(world): whole_number(n) for world, n in seen.items()}
                    for regime, seen in before["samples_before"].items()
                },
            }
        except ConfigError:
            raise
        except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise WeightsError(
                f"{self.output / CHECKPOINT_FILE}: does not fit this run ({type(error).__name__}); "
                "it is another version's or another model's: train into another folder"
            ) from None

    def spend(self) -> None:
        """Count the processor time since the last count, of all processes; weights whose start
        nobody counted are of unknown time."""
        now = time.process_time()
        if self.provenance["processor_seconds"] is not None:
            self.provenance["processor_seconds"] += (now - self.clock) * self.ranks.count
        self.clock = now

    def finish(self) -> None:
        """Write the weights: the last ones, or the best where `patience` asks for them."""
        self.best.restore_into(self.model)
        shown = replace(self.batches.shown, regimes=self.trained)
        self.model.measure(shown.measured())
        if self.model.config.compresses and shown.with_parameters:
            for world in self.worlds:
                go_on_from_data(self.model, shown.dataset, world, shown.training_rows(world))
        self.model.calibrate(shown.validated())
        self.spend()
        provenance = dict(self.provenance)
        seen = dict(provenance["training_rows"])
        if self.step:  # closed forms take none
            provenance["steps"] = self.best.step or self.step
            asked = self.batches.worlds
            seen = {w: self.step * self.settings.batch_size * (w in asked) for w in self.worlds}
        before = provenance.pop("samples_before")
        write_cost(self.output, provenance.pop("processor_seconds"))
        provenance["samples_seen"] = {
            regime.value: {
                world: before.get(regime, {}).get(world, 0) + n * (regime in self.trained)
                for world, n in seen.items()
            }
            for regime in Regime
            if regime in self.config.data.regimes or regime in before
        }
        text = card(self.config, provenance, self.output)
        save_weights(self.output, self.model, provenance, text)


def _unwritten(row: Row) -> None:
    """What ranks that do not write do with a row."""


def _all_commits(before: dict[str, Any], now: dict[str, Any]) -> str:
    """The commits a run was trained at, in order."""
    seen = str(before["commit"]).split(" ")
    return " ".join([*seen, now["commit"]] if now["commit"] != seen[-1] else seen)


def _names(prefix: str, worlds: tuple[str, ...]) -> list[str]:
    return [f"{prefix}_{world}" for world in worlds]


def _worlds(dataset: Dataset, config: RunConfig) -> tuple[str, ...]:
    for world in config.data.worlds or ():
        if world not in dataset.worlds:
            raise unknown_name(f"world of {dataset.path}", world, dataset.worlds)
    return config.data.worlds or dataset.worlds


def _check_memory(parameters: int) -> None:
    """Refuse what this machine cannot hold: allocating it would end the process without a word."""
    needed = 4 * 4 * parameters  # bytes: weights, gradients and two moments of them
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise ConfigError(
            f"model: {parameters:,} parameters take {needed / 1e9:,.0f} GB to train, and this "
            f"machine has {there / 1e9:,.0f}; make it narrower or shallower"
        )


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
        if not train(config, folder, resume=options.resume):
            sys.exit(TERMINATED)
    except (EmulatorError, OSError) as error:
        print(f"emulator: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
