"""A run's folder: whose it is, what it was trained on, what its card says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emulator.config import parse_config
from emulator.data import Dataset
from emulator.errors import ConfigError
from emulator.models.weights import DESCRIPTION_FILE, load_weights
from emulator.storage import write_atomically
from emulator.strict_yaml import dump_yaml, read_yaml
from emulator.training.checkpoint import CHECKPOINT_FILE
from emulator.training.config import RunConfig

CONFIG_FILE = "config.yaml"

# What may differ when a run goes on. The data set's contents are compared instead of its place;
# where the log is shown changes no number.
FREE = ("dataset_path", "logger")


def default_output(config: Path) -> Path:
    """Where a configuration's run goes: runs/NAME for NAME.yaml in any folder."""
    return Path("runs", config.stem)


def is_finished(output: Path, config: RunConfig, resume: bool, dataset: Dataset) -> bool:
    """Whether the folder holds this very run, finished.

    ConfigError when it holds a run and `resume` was not asked for, or a run of another
    configuration or other data. A folder with neither checkpoint nor weights holds no run.
    """
    path = output / CONFIG_FILE
    done = (output / DESCRIPTION_FILE).exists()
    if not done and not (output / CHECKPOINT_FILE).exists():
        return False
    if not resume:
        raise ConfigError(
            f"{output}: holds a run already; add --resume to go on with it, or name another "
            "folder with --output"
        )
    before = parse_config(read_yaml(path), RunConfig, str(path))
    if (difference := _difference(before, config)) is not None:
        raise ConfigError(
            f"{output}: cannot resume with another configuration ({difference}); name another "
            "folder with --output"
        )
    if done:
        require_same_data(output, load_weights(output).provenance, dataset)
    return done


def require_same_data(output: Path, provenance: dict[str, Any], dataset: Dataset) -> None:
    if provenance["data_sha"] != dataset.hash:
        raise ConfigError(
            f"{output}: was trained on data {provenance['data_sha']}, but {dataset.path} now "
            f"holds {dataset.hash}; name another folder with --output"
        )


def require_same_machine(output: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Sums differ between devices and numbers of processes, so a resume would not be exact."""
    for key in ("device", "processes"):
        if before[key] != now[key]:
            raise ConfigError(
                f"{output}: was begun with {key} {before[key]}, now {now[key]}; go on as it "
                "was begun, or name another folder with --output"
            )


def claim(output: Path, config: RunConfig) -> None:
    """Write the resolved configuration, unless this run's is there."""
    if not (output / CHECKPOINT_FILE).exists():
        output.mkdir(parents=True, exist_ok=True)
        text = dump_yaml(config.model_dump(mode="json"))
        write_atomically(output / CONFIG_FILE, text.encode())


def _difference(before: RunConfig, after: RunConfig) -> str | None:
    """The first key that counts in which two configurations differ."""
    old, new = before.model_dump(mode="json"), after.model_dump(mode="json")
    for section in new:
        for key in {**old[section], **new[section]}:
            was, now = old[section].get(key), new[section].get(key)
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
    """Which parts of the bounds no training sample was in, besides the volatile corner."""
    parts = [
        f"{world} {rule.get('parameter') or rule['statistic'].replace('_', ' ')} {side} "
        f"{rule[side]:g}"
        for world, rules in provenance["held_out"].items()
        for rule in rules
        for side in ("above", "below")
        if side in rule
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
