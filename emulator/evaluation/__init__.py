"""Evaluation, in storeys; each imports only what is below it.

    report       figures and report.html
    comparison   a run beside others: gaps, criteria, leaderboard
    floors       the lowest expected error that any method can have
    scoring      from a run to its statistics and metrics; audit, ablations, forecasts
    calibrations errors at parameters of the literature, at defaults and at edges
    stored       what an evaluation leaves on disk
    metrics      what is measured: a metric a file

`pipeline` goes through all of them: `evaluate(run)` and `compare_all(runs)`.
"""

from emulator.evaluation.pipeline import compare_all, conclude, evaluate

__all__ = ["compare_all", "conclude", "evaluate"]
