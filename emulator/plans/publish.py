"""Publishing a plan: what README and docs cite of it, copied from its runs into results/.

    publish(Path("configs/plans/shipped.yaml"))      # results/shipped

Of the plan the leaderboard and plan.json; of the run that it names under `publish`, its metrics,
configuration, report and figures. A README.md beside them is its author's, and stays.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from emulator.errors import ConfigError
from emulator.evaluation.comparison.leaderboard import CSV_FILE, MARKDOWN_FILE
from emulator.evaluation.report.page import REPORT_FILE
from emulator.evaluation.stored.record import METRICS_FILE
from emulator.plans.plan import read_plan
from emulator.plans.record import PLAN_FILE
from emulator.storage import write_atomically
from emulator.training.run_folder import CONFIG_FILE

RESULTS = Path("results")
OF_THE_PLAN = (PLAN_FILE, CSV_FILE, MARKDOWN_FILE)
OF_THE_RUN = (METRICS_FILE, CONFIG_FILE, REPORT_FILE)
FIGURES = "figures"


def publish(path: Path) -> Path:
    """Copy what is cited of the plan in a YAML file; returns the folder, results/NAME of NAME.yaml.

    Raises ConfigError, before anything is copied, where the plan has not been carried out.
    """
    plan = read_plan(path)
    output = Path(plan.output)
    files = [output / name for name in OF_THE_PLAN]
    figures: list[Path] = []
    if plan.publish is not None:
        run = output / plan.publish
        files += [run / name for name in OF_THE_RUN]
        figures = sorted((run / FIGURES).glob("*.png"))
    for file in files:
        if not file.is_file():
            raise ConfigError(f"{file}: not there yet; first emulator reproduce {path} --resume")
    target = RESULTS / path.stem
    shutil.rmtree(target / FIGURES, ignore_errors=True)  # none of an earlier run stays
    for file in files:
        _copy(file, target)
    for figure in figures:
        _copy(figure, target / FIGURES)
    return target


def _copy(file: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / file.name, file.read_bytes())
