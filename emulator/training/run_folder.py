"""A run's folder: whose it is, what it was trained on, what its card says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from emulator.claim import LOCK, ClaimError, alone
from emulator.config import config_hash, load_config
from emulator.data import Dataset
from emulator.errors import ConfigError, WeightsError
from emulator.models.described import HeldOut
from emulator.models.weights import DESCRIPTION_FILE, DamagedWeightsError, load_weights
from emulator.storage import canonical_json, is_sealed, read_json, sealed, sweep, write_atomically
from emulator.strict_yaml import dump_yaml
from emulator.training.checkpoint import has_checkpoint
from emulator.training.config import RunConfig
from emulator.training.distributed import Ranks

CONFIG_FILE = "config.yaml"
COST_FILE = "cost.json"  # apart from the weights, which are the same however long they took

# What may differ when a run goes on. The data set's contents are compared instead of its place;
# where the log is shown changes no number.
FREE = ("dataset_path", "logger")


def default_output(config: Path) -> Path:
    """Where a configuration's run goes: runs/NAME for NAME.yaml in any folder."""
    return Path("runs", config.stem)


def holds_a_run(output: Path) -> bool:
    """Whether a run was begun there, and came as far as a checkpoint or its weights."""
    return (output / DESCRIPTION_FILE).exists() or has_checkpoint(output)


def is_finished(output: Path, config: RunConfig, resume: bool, dataset: Dataset) -> bool:
    """Whether the folder holds this very run, finished.

    ConfigError when it holds a run and `resume` was not asked for, or a run of another
    configuration or other data; WeightsError when its configuration was altered. A folder with
    neither checkpoint nor weights holds no run. Weights that are damaged are not finished where
    they can be made again as they were: from a checkpoint, or in one pass.
    """
    if not holds_a_run(output):
        return False
    if not resume:
        raise ConfigError(
            f"{output}: holds a run already; add --resume to go on with it, or name another "
            "folder with --output"
        )
    path = output / CONFIG_FILE
    before = load_config(path, RunConfig)
    if (difference := _difference(_plain(before), _plain(config))) is not None:
        raise ConfigError(
            f"{output}: cannot resume with another configuration ({difference}); name another "
            "folder with --output"
        )
    if not (output / DESCRIPTION_FILE).exists():
        return False
    try:
        provenance = load_weights(output).provenance
    except DamagedWeightsError:
        if has_checkpoint(output) or config.model.fitted_at_once:
            return False
        raise
    require_config_of(provenance, before, output)
    require_same_data(output, provenance, dataset)
    return True


def require_config_of(provenance: dict[str, Any], config: RunConfig, output: Path) -> None:
    """WeightsError unless this configuration, which the folder holds, trained the weights there."""
    if config_hash(config) != provenance["config_sha"]:
        raise WeightsError(
            f"{output / CONFIG_FILE}: is not the configuration these weights were trained with; "
            "restore it, or train again"
        )


def require_same_config(output: Path, before: dict[str, Any], now: RunConfig) -> None:
    """ConfigError unless a checkpoint's configuration is this one, where it counts."""
    if (difference := _difference(before, _plain(now))) is not None:
        raise ConfigError(
            f"{output / CONFIG_FILE}: altered since the checkpoint was written ({difference}); "
            "restore it, or name another folder with --output"
        )


def require_same_data(output: Path, provenance: dict[str, Any], dataset: Dataset) -> None:
    if provenance["data_sha"] != dataset.hash:
        raise ConfigError(
            f"{output}: was trained on data {provenance['data_sha']}, but {dataset.path} now "
            f"holds {dataset.hash}; name another folder with --output"
        )


def require_same_machine(output: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Sums differ between devices and numbers of processes or threads, so a resume would not be
    exact."""
    for key, remedy in (("device", ""), ("processes", ""), ("threads", " (OMP_NUM_THREADS)")):
        if before[key] != now[key]:
            raise ConfigError(
                f"{output}: was begun with {key} {before[key]}, now {now[key]}; go on as it "
                f"was begun{remedy}, or name another folder with --output"
            )


def write_cost(output: Path, processor_seconds: float | None) -> None:
    """Keep the processor time of a training beside its weights."""
    text = canonical_json(sealed({"processor_seconds": processor_seconds}))
    write_atomically(output / COST_FILE, text.encode())


def processor_seconds(output: Path) -> float | None:
    """Those of a training, its start included, in all its processes; None where none are known."""
    try:
        found = read_json(output / COST_FILE)
        return float(found["processor_seconds"]) if is_sealed(found) else None
    except (OSError, LookupError, TypeError, ValueError):
        return None


@contextmanager
def held(output: Path, ranks: Ranks) -> Iterator[None]:
    """The folder for these ranks alone, without what killed programs had begun to write there.

    Raises ClaimError, on every rank, where another training is at work there.
    """
    with ExitStack() as stack:
        refusal = None
        if ranks.first:
            try:
                stack.enter_context(alone(output / LOCK, output, "emulator train"))
            except ClaimError as error:
                refusal = error
        if ranks.any(refusal is not None):
            raise refusal or ClaimError(f"{output}: the first process could not claim it")
        if ranks.first:
            sweep(output.iterdir())
        yield


def claim(output: Path, config: RunConfig) -> None:
    """Write the resolved configuration."""
    write_atomically(output / CONFIG_FILE, dump_yaml(_plain(config)).encode())


def _plain(config: RunConfig) -> dict[str, Any]:
    return config.model_dump(mode="json")


def _difference(before: dict[str, Any], after: dict[str, Any]) -> str | None:
    """The first key that counts in which two configurations differ, and how."""
    for section in {**after, **before}:
        old, new = before.get(section, {}), after.get(section, {})
        for key in {**old, **new}:
            was, now = old.get(key), new.get(key)
            if key not in FREE and was != now:
                return f"{section}.{key}: {was!r}, now {now!r}"
    return None


NOT_MEASURED = (
    "- accuracy: run `emulator evaluate` on this folder; it is not measured while training"
)


def card(config: RunConfig, provenance: dict[str, Any], output: Path) -> str:
    """The model card: what the weights are and the one command that makes them again."""
    file = output / CONFIG_FILE
    command = f"emulator train {file} --output DIR"
    if (processes := provenance["processes"]) > 1:
        command = (
            f"torchrun --nproc-per-node {processes} -m emulator.training.trainer --config {file} "
            "--output DIR"
        )
    lines = [
        f"# {config.model.type}, regime {config.data.regime}",
        "",
        "Predicts impulse responses of output, inflation and the interest rate.",
        "",
        f"- made by: `{command}`",
        f"- commit {provenance['commit']}, config {provenance['config_sha']}, "
        f"data {provenance['data_sha']} ({config.data.dataset_path})",
        *_training_lines(config, provenance),
        *_held_out_lines(provenance),
        NOT_MEASURED,
        "",
        "The weights are safetensors; `model.json` holds names, bounds and the checksum.",
        "",
    ]
    return "\n".join(lines)


def _held_out_lines(provenance: dict[str, Any]) -> list[str]:
    """Which parameters no training sample had."""
    parts = [
        f"{world} {HeldOut.model_validate(record)}"
        for world, records in provenance["held_out"].items()
        for record in records
    ]
    return [f"- held out of training: {', '.join(parts)}"] if parts else []


def _training_lines(config: RunConfig, provenance: dict[str, Any]) -> list[str]:
    """How a model trained by gradient steps was trained; nothing for closed forms."""
    settings = config.training
    if "steps" not in provenance:
        return []
    kept = " (the best by validation)" if settings.patience else ""
    start = provenance["started_from"]
    length = f"{settings.steps} steps" if settings.steps else f"up to {settings.epochs} epochs"
    return [
        *([f"- started from the weights {start[:12]} ({settings.start_from})"] if start else []),
        f"- {length} of {settings.batch_size} rows a world and step, in "
        f"{settings.precision} on {provenance['device']}, peak learning rate {settings.lr:g}, "
        f"seed {settings.seed}; weights of step {provenance['steps']}{kept}",
    ]
