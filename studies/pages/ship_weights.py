"""Put an evaluated run's weights into the package: `python -m studies.pages.ship_weights RUN`.

Copies weights and description to emulator/pretrained and writes the model card there: what the
weights are, how accurate they are over the whole prior and on its parts by world and regime, how
wide their bands are, and what not to use them for. Every number is from the run's metrics.json.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from emulator.data.schema import OF_PRIOR, PRIOR
from emulator.evaluation.stored.record import read_metrics
from emulator.models.weights import (
    CARD_FILE,
    DESCRIPTION_FILE,
    PRETRAINED,
    load_weights,
    remove_other_weights,
)
from emulator.storage import write_atomically
from emulator.training.run_folder import NOT_MEASURED

# One run alone makes no shipped weights: it starts from another one's.
MADE_BY = (
    "`emulator reproduce shipped`, the last of its four stages; `results/shipped/README.md` says "
    "what was run"
)
LARGEST = 16_000_000  # bytes of a file: what a package should carry

USE = """\
## For what

Responses of output, inflation and the interest rate in the worlds below, within the bounds of their
parameters: `emulator.load()`. Answers outside the bounds are flagged, and on the edges of the prior
(`slice` and `corner` in the table) errors are larger. Where a world's exact solver is fast, as here
in every world, use it where one answer has to be exact; `docs/limits.md` says more.
"""


def card(training: str, metrics: dict[str, Any]) -> str:
    """The card: how it was made, what for, how good."""
    regimes = metrics["regimes"]
    known = next(iter(metrics["worlds"].values()))[regimes[0]]
    first, *parts = (split for split in (PRIOR, *OF_PRIOR) if split in known)
    beside = ", ".join(f"on `{part}`" for part in parts)
    kept = re.sub(r"(?<=- made by: ).*", MADE_BY, training)
    lines = [
        kept.replace(
            NOT_MEASURED,
            f"- evaluated at commit {metrics['commit']} on data {metrics['data_sha']}, weights "
            f"{metrics['weights_sha256'][:12]}",
        ),
        USE,
        "## How accurate",
        "",
        f"NRMSE of responses from rest on `{first}` ({beside}); below, the share of them in 90 % "
        f"bands on `{first}`.",
        "",
        "| world | " + " | ".join(regimes) + " |",
        "| --- |" + " ---: |" * len(regimes),
    ]
    for world, by_regime in metrics["worlds"].items():
        errors = [
            f"{by_regime[r][first]['nrmse']:.3f} "
            f"({', '.join('{:.3f}'.format(by_regime[r][part]['nrmse']) for part in parts)})"
            for r in regimes
        ]
        lines.append(f"| {world} | " + " | ".join(errors) + " |")
    for world, by_regime in metrics["worlds"].items():
        inside = [f"{by_regime[r][first]['coverage_90']:.0%}" for r in regimes]
        lines.append(f"| {world}, in bands | " + " | ".join(inside) + " |")
    return "\n".join([*lines, ""])


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python -m studies.pages.ship_weights RUN")
    run = Path(sys.argv[1])
    metrics = read_metrics(run)
    loaded = load_weights(run)
    if metrics["weights_sha256"] != loaded.sha256:
        sys.exit(f"{run}: metrics.json is of other weights; evaluate the run first")
    weights = {path.name: path.read_bytes() for path in loaded.files}
    for name, data in weights.items():
        if len(data) > LARGEST:
            sys.exit(f"{run / name}: {len(data):,} bytes, at most {LARGEST:,}")
    PRETRAINED.mkdir(exist_ok=True)
    for name, data in weights.items():
        write_atomically(PRETRAINED / name, data)
    text = card((run / CARD_FILE).read_text(encoding="utf-8"), metrics)
    write_atomically(PRETRAINED / CARD_FILE, text.encode())
    write_atomically(PRETRAINED / DESCRIPTION_FILE, (run / DESCRIPTION_FILE).read_bytes())
    remove_other_weights(PRETRAINED, weights)


if __name__ == "__main__":
    main()
