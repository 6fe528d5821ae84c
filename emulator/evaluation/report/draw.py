"""Draw an evaluation: its figures, then the report that shows them.

The panels of responses come from what scoring kept of them, all else from metrics.json, so that
everything can be drawn again when specialists have been found.
"""

from __future__ import annotations

from collections.abc import Sequence

from emulator.data.schema import PRIOR
from emulator.evaluation.report.figures import calibration_curves, error_by_horizon, gap_bars
from emulator.evaluation.report.page import write_report
from emulator.evaluation.report.response_panel import irf_panel
from emulator.evaluation.report.shape_diagnostics import shape_diagnostics
from emulator.evaluation.stored.runs import EvaluatedRun
from emulator.regimes import Regime

# The panel of responses in the run's first regime, and in B1, where bands tell most.
PANEL, B1_PANEL = "irf_panel.png", "irf_panel_B1.png"


def draw(run: EvaluatedRun, others: Sequence[EvaluatedRun]) -> None:
    """Write every figure to the run's figures folder and report.html; figures that nothing
    supports any more are removed. others: the runs it was compared with."""
    folder = run.folder / "figures"
    folder.mkdir(exist_ok=True)
    panels = run.panels()
    first = [panel for panel in panels if panel.regime == run.regimes[0]]
    blind = [
        panel for panel in panels if panel.regime == Regime.B1 and panel.regime != run.regimes[0]
    ]
    for name, drawn in ((PANEL, first), (B1_PANEL, blind)):
        if drawn:
            irf_panel(drawn, folder / name)
        elif panels:
            (folder / name).unlink(missing_ok=True)
    error_by_horizon(run, folder / "error_by_horizon.png")
    shape_diagnostics(run, others, folder / "shape_diagnostics.png")
    for name, plot, key in (
        ("calibration.png", calibration_curves, "calibration"),
        ("gaps.png", gap_bars, "gap"),
    ):
        if any(key in (run.entry(w, r, PRIOR, t) or {}) for w, r, t in run.cases(PRIOR)):
            plot(run, folder / name)
        else:
            (folder / name).unlink(missing_ok=True)
    write_report(run)
