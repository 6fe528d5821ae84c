"""The criteria of the specification: a table, and the one judge of it.

Each has a level that must be reached, a goal, or both; each is judged `holds`, `falls short` or
`not measured`, with the figures, by the one rule of `verdicts`.

Criteria are judged in regimes A, B1 and C. What a run answers in B2 and D is shown beside, and
never required; the coverage of bands alone is judged in every regime there is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from emulator.evaluation.comparison import evidence
from emulator.evaluation.comparison.evidence import Evidence, Found
from emulator.evaluation.comparison.verdicts import SPLIT, Finding, Verdict, settled
from emulator.evaluation.comparison.wording import (
    Level,
    Lines,
    Words,
    beyond,
    each,
    gaps,
    largest,
    largest_and_intervals,
    largest_and_smallest,
    outside,
    span,
    unbeaten,
    won,
)
from emulator.evaluation.stored.runs import EvaluatedRun
from emulator.models.configs import rivals

MEAN_GAP, MAX_GAP, MAX_GAP_GOAL = 0.20, 0.35, 0.05
NRMSE_GOAL = 0.01
EDGE, EDGE_GOAL = 2.0, 1.5
HF, HF_GOAL = 1.1, 1.02
COVERAGE_GOAL = (0.88, 0.92)
FLOOR_GOAL = 1.10
ONE_CHECKPOINT = 0.05


def at_most(limit: float) -> Level:
    return lambda figure: figure.value <= limit


@dataclass(frozen=True)
class Criterion:
    """A criterion as it is declared.

    levels: must and goal in words; must, goal: what each figure that is judged has to meet, None
    where there is no such level. evidence: the figures, or why there are none. words, lines: how
    figures and details are told.
    """

    name: str
    levels: str
    must: Level | None
    goal: Level
    evidence: Callable[[EvaluatedRun, Sequence[EvaluatedRun]], Found]
    words: Words
    lines: Lines


CRITERIA = (
    Criterion(
        f"beats {', '.join(r.name for r in rivals())} wherever they see as much",
        f"must: lower NRMSE over the {SPLIT}; goal: paired 95 % interval clear of zero",
        must=lambda figure: figure.value < 0,
        goal=lambda figure: figure.value < 0 and figure.upper < 0,
        evidence=evidence.against_rivals, words=won, lines=unbeaten,
    ),
    Criterion(
        "mean gap / max gap to specialists",
        "must: 20 % / 35 %; goal: 0 % / 5 %",
        must=lambda figure: figure.value <= MEAN_GAP and figure.upper <= MAX_GAP,
        goal=lambda figure: figure.value <= 0 and figure.upper <= MAX_GAP_GOAL,
        evidence=evidence.gaps_to_specialists, words=gaps, lines=each,
    ),
    Criterion(
        f"NRMSE over the {SPLIT}, every world",
        f"goal: {NRMSE_GOAL} (in A, which from rest C tells too; from the state where it is known)",
        must=None, goal=at_most(NRMSE_GOAL),
        evidence=evidence.errors_to_be_small, words=largest(".4f"), lines=beyond(".4f"),
    ),
    Criterion(
        "NRMSE on slice and corner / on test",
        f"must: {EDGE}; goal: {EDGE_GOAL}",
        must=at_most(EDGE), goal=at_most(EDGE_GOAL),
        evidence=evidence.errors_at_the_edges, words=largest(".2f"), lines=beyond(".2f"),
    ),
    Criterion(
        "HF-ratio against the truth and the specialist",
        f"must: {HF}; goal: {HF_GOAL} (jaggedness: ratios above one)",
        must=at_most(HF), goal=at_most(HF_GOAL),
        evidence=evidence.jaggedness, words=largest_and_smallest(".3f"), lines=beyond(".3f"),
    ),
    Criterion(
        "RMSE / floor RMSE in B1 and C",
        f"goal: {FLOOR_GOAL:.2f} (in C: responses from the state)",
        must=None, goal=at_most(FLOOR_GOAL),
        evidence=evidence.distances_to_the_floor,
        words=largest_and_intervals(".2f", FLOOR_GOAL), lines=each,
    ),
    Criterion(
        "coverage of 90 % bands, every world and regime",
        "goal: 88 to 92 %",
        must=None, goal=lambda figure: COVERAGE_GOAL[0] <= figure.value <= COVERAGE_GOAL[1],
        evidence=evidence.coverage_of_bands, words=span(".1%"), lines=outside(".1%"),
    ),
    Criterion(
        "samples of an unseen world to match a specialist at 2,000",
        "goal 200",
        must=None, goal=at_most(200),
        evidence=evidence.samples_of_an_unseen_world, words=largest(".0f"), lines=each,
    ),
    Criterion(
        "one checkpoint against single-regime checkpoints",
        f"goal: within {ONE_CHECKPOINT:.0%}".replace("%", " %"),
        must=None, goal=at_most(ONE_CHECKPOINT),
        evidence=evidence.against_single_regimes, words=largest("+.1%"), lines=beyond("+.1%"),
    ),
)  # fmt: skip


def judge(run: EvaluatedRun, others: Sequence[EvaluatedRun]) -> list[Finding]:
    """Every criterion, for a universal run beside the runs found with it."""
    same = [o for o in others if o.data == run.data and o.folder != run.folder]
    same = [o for o in same if not o.has_more_inputs]
    return [_judge(criterion, criterion.evidence(run, same)) for criterion in CRITERIA]


def _judge(criterion: Criterion, found: Found) -> Finding:
    if isinstance(found, str):
        must = Verdict.none if criterion.must is None else Verdict.not_measured
        return Finding(criterion.name, must, Verdict.not_measured, criterion.levels, found)
    level = criterion.must or criterion.goal  # the one that figures and details are told by
    return Finding(
        criterion.name,
        _settle(criterion.must, found),
        _settle(criterion.goal, found),
        criterion.levels,
        criterion.words(found, level) + found.note,
        [*criterion.lines(found, level), *_missing(found)],
    )


def _settle(level: Level | None, found: Evidence) -> Verdict:
    if level is None:
        return Verdict.none
    missing = [case for part in found.missing for case in part.cases]
    return settled(all(map(level, found.judged)), missing)


def _missing(found: Evidence) -> list[str]:
    """What is missing as lines of details, none where nothing is."""
    lines = []
    for cases, words, apart in found.missing:
        parts = cases if apart else [", ".join(cases)] if cases else []
        lines += [f"{words}: {part}" for part in parts]
    return lines
