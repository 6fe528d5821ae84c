"""How criteria are told: the figures in a sentence, the details a line each.

`Words` and `Lines` take what was found and the level it is told by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from emulator.evaluation.comparison.evidence import Evidence, Figure

Level = Callable[[Figure], bool]
Words = Callable[[Evidence, Level], str]
Lines = Callable[[Evidence, Level], list[str]]


def _ordered(figures: Sequence[Figure], falling: bool = True) -> list[Figure]:
    return sorted(figures, key=lambda figure: (figure.value, figure.case), reverse=falling)


def _largest(figures: Sequence[Figure], level: Level, form: str) -> str:
    worst = _ordered(figures)[0]
    within = sum(map(level, figures))
    return f"largest {worst.value:{form}} ({worst.case}), {within} of {len(figures)} within"


def largest(form: str) -> Words:
    """The largest figure, and how many are within the level."""
    return lambda found, level: _largest(found.judged, level, form)


def largest_and_smallest(form: str) -> Words:
    """And the smallest."""

    def words(found: Evidence, level: Level) -> str:
        smallest = _ordered(found.judged)[-1].value
        return f"{_largest(found.judged, level, form)}, smallest {smallest:{form}}"

    return words


def largest_and_intervals(form: str, limit: float) -> Words:
    """And how many have their whole interval within the limit."""

    def words(found: Evidence, level: Level) -> str:
        whole = sum(figure.upper <= limit for figure in found.judged)
        return f"{_largest(found.judged, level, form)}, {whole} with the whole 95 % interval"

    return words


def span(form: str) -> Words:
    """The smallest and the largest figure, and how many are within the level."""

    def words(found: Evidence, level: Level) -> str:
        ordered = _ordered(found.judged)
        most, least = ordered[0], ordered[-1]
        ends = f"{least.value:{form}} ({least.case}) to {most.value:{form}} ({most.case})"
        return f"{ends}, {sum(map(level, found.judged))} of {len(found.judged)} within"

    return words


def gaps(found: Evidence, level: Level) -> str:
    """The largest mean gap and the largest of all."""
    mean = max(figure.value for figure in found.judged)
    return f"mean at most {mean:+.1%}, max {max(f.upper for f in found.judged):+.1%}"


def won(found: Evidence, level: Level) -> str:
    """How many comparisons were won, and by more than chance."""
    beaten = [figure for figure in found.judged if level(figure)]
    clear = sum(figure.upper < 0 for figure in beaten)
    return f"{len(beaten)} of {len(found.judged)} comparisons won, {clear} clear of zero"


def each(found: Evidence, level: Level) -> list[str]:
    """Every figure."""
    return [f.line if f.judged else f"not judged: {f.line}" for f in found.figures]


def beyond(form: str) -> Lines:
    """Figures that do not meet the level, the largest first; those not judged in a line."""

    def lines(found: Evidence, level: Level) -> list[str]:
        missed = [f"{f.case}: {f.value:{form}}" for f in _ordered(found.judged) if not level(f)]
        beside = [figure for figure in found.figures if not figure.judged]
        return missed + ([f"not judged: {_largest(beside, level, form)}"] if beside else [])

    return lines


def outside(form: str) -> Lines:
    """Figures that do not meet the level, the smallest first."""
    return lambda found, level: [
        f"{f.case}: {f.value:{form}}" for f in _ordered(found.judged, False) if not level(f)
    ]


def unbeaten(found: Evidence, level: Level) -> list[str]:
    """Rivals that were not beaten, or not by more than chance."""
    beaten = [figure for figure in found.judged if level(figure)]
    lost = [figure for figure in found.judged if not level(figure)]
    beside = [figure for figure in found.figures if not figure.judged and not level(figure)]
    return [
        *(f"not beaten: {figure.line}" for figure in lost),
        *(f"not clear of zero: {figure.line}" for figure in beaten if figure.upper >= 0),
        *(f"not judged, not beaten: {figure.line}" for figure in beside),
    ]
