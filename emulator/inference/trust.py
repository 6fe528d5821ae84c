"""What makes an answer less trustworthy than most: every caveat, decided here and nowhere else.

`judge` finds the caveats of an answer. Python's `attrs`, the command line and the explorer show
them; none of them decides any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emulator.errors import EmulatorError, InputError
from emulator.inference.likeness import Likeness
from emulator.inference.request import Request
from emulator.limits import (
    ENOUGH_QUARTERS,
    LARGEST_MEAN,
    LARGEST_SD,
    MANY_QUARTERS,
    MAX_SIZE,
    MIN_SIZE,
    ONE_SIDE,
    OWN_MEAN,
    SMALLEST_SD,
)
from emulator.models.base import Model
from emulator.models.described import HeldOut
from emulator.specs import OBSERVABLE_NAMES, WorldSpec, same_names

if TYPE_CHECKING:
    from emulator.worlds.base import World

SOLVED_AT_ONCE = 4096  # draws solved at once; bounds memory, does not change the result
# Draws whose persistence is simulated: a second in `zlb`, where it is a hundred times an answer.
SIMULATED_AT_MOST = 500

# A trend is left in a series of which a straight line explains this share over 20 years. Fewer than
# 1 in 1,000 histories drawn from any world's prior, of 40 to 200 quarters, are such.
LARGEST_TREND = 0.95
# What is merely unusual: each bound is crossed by 0 to 2 in 100 of the histories drawn from a
# world's prior (5 in 100 of sw07's for the share at 80 quarters).
HIGH_SD, LOW_SD, HIGH_MEAN = 6.0, 1.0 / 20.0, 3.0
ROUNDING = 0.005  # of published data, in the observables' units

Array = NDArray[np.float64]


class Severity(StrEnum):
    """What the command line does: say it beside the answer, or refuse the answer unless told to
    extrapolate."""

    warning = "warning"
    refused = "refused"


class Caveat(Enum):
    """A reason for mistrust: its severity, and the sentence that says it."""

    OTHER_UNITS = (
        Severity.refused,
        "history: the s.d. of {series} is far from that of the histories trained on (over "
        f"{LARGEST_SD:g} times or under a {1 / SMALLEST_SD:g}th); expected output in percent, not "
        "a fraction, inflation and rate in annualised percentage points",
    )
    LEVEL = (
        Severity.refused,
        "history: {series} {what}; expected the deviation from its mean or trend",
    )
    IMPOSSIBLE = (
        Severity.refused,
        "history: {series} falls to {least:.4g}{where}, below {floor:.4g}, and in no economy of "
        "world {world!r} does it fall below -{parameter}",
    )
    OUT_OF_BOUNDS = (
        Severity.refused,
        "{parameter}{where}, not in [{lower:g}, {upper:g}], the bounds trained on",
    )
    SIZE = (
        Severity.refused,
        f"a size of {{size:g}} s.d., not {MIN_SIZE:g} to {MAX_SIZE:g} of either sign, as trained "
        "on: here responses are not in proportion to it",
    )
    HORIZON = (
        Severity.refused,
        "extrapolated after quarter {trained}, the last one trained on; no bands are given there",
    )
    NO_SOLUTION = (
        Severity.refused,
        "world {world!r} {where}: {reason}; the weights were trained on none such, and the "
        "emulator's answer means nothing",
    )
    INADMISSIBLE = (
        Severity.refused,
        "world {world!r} {where}: {reason}, see `emulator worlds {world}`; the weights were "
        "trained on none such",
    )
    UNCHECKED = (Severity.warning, "{what} was not checked: {reason}")
    HELD_OUT = (
        Severity.warning,
        "{part}{where} was {mostly}held out of training: errors are larger there, and bands, where "
        "there are any, too narrow",
    )
    UNUSUAL = (Severity.warning, "unlike the histories trained on: {what}")

    def __init__(self, severity: Severity, template: str) -> None:
        self.severity = severity
        self.template = template

    def found(self, **words: Any) -> Found:
        """This caveat of one answer, its sentence filled in."""
        return Found(self, self.template.format(**words))


@dataclass(frozen=True)
class Found:
    """A caveat of one answer, in a sentence. As text it begins with the caveat's name."""

    caveat: Caveat
    sentence: str

    @property
    def name(self) -> str:
        return self.caveat.name.lower()

    @property
    def refused(self) -> bool:
        """Whether the command line refuses the answer unless told to extrapolate."""
        return self.caveat.severity is Severity.refused

    def __str__(self) -> str:
        return f"{self.name}: {self.sentence}"

    def to_dict(self) -> dict[str, str]:
        """For JSON."""
        return {
            "caveat": self.name, "severity": self.caveat.severity.value, "sentence": self.sentence,
        }  # fmt: skip


def judge(
    request: Request,
    model: Model,
    provenance: Mapping[str, Any],
    theta: Array | None = None,
    history: Likeness | None = None,
    solve: bool = True,
) -> tuple[Found, ...]:
    """The caveats of an answer to a request about theta (B, P) and histories, in the order of
    `Caveat`.

    With `solve` the world is solved at the parameters, by chunks, where it is installed as the
    weights know it. Of many draws that takes from a fifth (`lss`) to sixteen times (`sw07`) what
    the answer takes; worlds so dear to solve that data are drawn by siblings are not solved. Where
    nothing is solved the answer says so. The first time in a process compiled code is loaded, which
    takes up to a second; at a world's defaults nobody asks.
    """
    found: list[Found] = []
    spec = request.world
    if history is not None:
        found += _of_history(history)
        if spec is not None and not spec.linear:  # shocks of either size move linear ones anywhere
            found += _impossible(spec, theta, history.values, provenance)
    if spec is not None and theta is not None:
        found += _out_of_bounds(spec, theta)
        records = provenance.get("held_out", {}).get(spec.name, ())
        regions = [HeldOut.model_validate(record) for record in records]
        found += _beyond_parameters(spec, theta, regions)
        regions = [r for r in regions if r.parameter is None]
        found += _of_solution(spec, theta, regions, solve, provenance)
    if not (spec and spec.linear) and not MIN_SIZE <= abs(request.size) <= MAX_SIZE:
        found.append(Caveat.SIZE.found(size=request.size))
    found += of_horizon(model, request.horizon)
    order = list(Caveat)
    return tuple(sorted(found, key=lambda one: order.index(one.caveat)))


def of_horizon(model: Model, horizon: int | None) -> list[Found]:
    """The caveat of an answer beyond the horizon trained on; None is that horizon."""
    if horizon is None or horizon <= model.horizon:
        return []
    return [Caveat.HORIZON.found(trained=model.horizon)]


def check_bands(model: Model, horizon: int) -> None:
    """Raise InputError for bands of a model that gives none, and for bands beyond the horizon
    trained on, where nothing says how wide."""
    if not model.config.bands:
        raise InputError("bands: this model gives none; use a universal model's weights")
    if horizon > model.horizon:
        raise InputError(
            f"bands: there are none after quarter {model.horizon}, the last one trained on; ask "
            "up to there, or without bands"
        )


def _of_history(history: Likeness) -> Iterator[Found]:
    """What sets histories apart from those trained on."""
    ratio, mean = history.sd_ratio, np.abs(history.mean_ratio)
    one_side, trend = history.one_side, history.trend
    own = np.abs(history.values.mean(axis=1)) / history.values.std(axis=1)
    many = history.values.shape[1] >= MANY_QUARTERS
    enough = history.values.shape[1] >= ENOUGH_QUARTERS
    far = np.any((ratio > LARGEST_SD) | (ratio < SMALLEST_SD), axis=0)
    if far.any():
        names = [name for name, strange in zip(OBSERVABLE_NAMES, far, strict=True) if strange]
        yield Caveat.OTHER_UNITS.found(series=", ".join(names))
    for j, name in enumerate(OBSERVABLE_NAMES):
        if not far[j] and (ratio[:, j].max() > HIGH_SD or ratio[:, j].min() < LOW_SD):
            furthest = ratio[np.abs(np.log(ratio[:, j])).argmax(), j]
            yield Caveat.UNUSUAL.found(
                what=f"{name} has {furthest:.2g} times the s.d. of the training histories"
            )
        level = False
        apart = f"has a mean {mean[:, j].max():.2g} times the s.d. of the training histories"
        if mean[:, j].max() > LARGEST_MEAN:
            level = True
            yield Caveat.LEVEL.found(series=name, what=apart)
        elif mean[:, j].max() > HIGH_MEAN:
            yield Caveat.UNUSUAL.found(what=f"{name} {apart}")
        if enough and trend[:, j].max() > LARGEST_TREND:
            level = True
            yield Caveat.LEVEL.found(series=name, what="follows a straight line")
        if level:
            continue
        if many and own[:, j].max() >= OWN_MEAN:
            yield Caveat.UNUSUAL.found(
                what=f"{name} has a mean {own[:, j].max():.2g} times its own s.d.: take the "
                "deviation from its mean, and levels rather than growth rates"
            )
        elif enough and one_side[:, j].max() >= ONE_SIDE:
            yield Caveat.UNUSUAL.found(
                what=f"{name} is on one side of zero in {100 * one_side[:, j].max():.0f} % of the "
                "quarters: take the deviation from its mean or trend"
            )


def _impossible(
    spec: WorldSpec, theta: Array | None, history: Array, provenance: Mapping[str, Any]
) -> Iterator[Found]:
    """Series that fall below what the world says it never does: at theta, or anywhere within the
    bounds where it is not given."""
    try:
        world = _installed(spec, provenance)
    except EmulatorError as error:
        yield Caveat.UNCHECKED.found(what="whether its economies have such data", reason=error)
        return
    for series, parameter in world.floors:
        place, column = OBSERVABLE_NAMES.index(series), spec.parameter_names.index(parameter)
        least = history[:, :, place].min(axis=1)
        upper = np.array([spec.parameters[column].upper])
        floor = -(upper if theta is None else theta[:, column])
        rows = least < floor - ROUNDING
        if rows.any():
            row = int(np.argmax(rows))
            below = int((history[row % len(least), :, place] < floor[row % len(floor)]).sum())
            where = _share(rows) or f" ({below} of {history.shape[1]} quarters are too low)"
            yield Caveat.IMPOSSIBLE.found(
                series=series, least=least[row % len(least)], floor=floor[row % len(floor)],
                where=where, world=spec.name, parameter=parameter,
            )  # fmt: skip


def _out_of_bounds(spec: WorldSpec, theta: Array) -> Iterator[Found]:
    lower, upper, _ = spec.box
    outside = (theta < lower) | (theta > upper)
    for column in np.flatnonzero(outside.any(axis=0)):
        p, value = spec.parameters[column], theta[0, column]
        where = f" = {value:g}" if len(theta) == 1 else _share(outside[:, column])
        yield Caveat.OUT_OF_BOUNDS.found(
            parameter=p.name, where=where, lower=p.lower, upper=p.upper
        )


def _beyond_parameters(
    spec: WorldSpec, theta: Array, regions: Sequence[HeldOut]
) -> Iterator[Found]:
    """The half-lines of parameters, within the bounds, that training left out and some draw lies
    on."""
    for region in regions:
        if region.parameter not in spec.parameter_names:
            continue
        column = spec.parameter_names.index(region.parameter)
        p, values = spec.parameters[column], theta[:, column]
        rows = (values >= p.lower) & (values <= p.upper) & _beyond(values, region)
        yield from _left_out(region, rows)


def _beyond(values: Array, region: HeldOut) -> NDArray[np.bool_]:
    """On which side of the half-line they are; NaN is on neither."""
    if region.above is not None:
        return np.asarray(values > region.above)
    assert region.below is not None
    return np.asarray(values < region.below)


def _left_out(region: HeldOut, rows: NDArray[np.bool_]) -> Iterator[Found]:
    if rows.any():
        mostly = "mostly " if region.of == "trajectories" else ""
        yield Caveat.HELD_OUT.found(part=region, where=_share(rows), mostly=mostly)


def _of_solution(
    spec: WorldSpec,
    theta: Array,
    regions: Sequence[HeldOut],
    solve: bool,
    provenance: Mapping[str, Any],
) -> Iterator[Found]:
    """Draws without a unique stable solution, those that the prior leaves out, and those that
    training left out by what the solution tells."""
    what = f"whether there is a solution{' and whether training left it out' if regions else ''}"
    defaults = spec.box[2]
    if (theta == defaults).all():  # solved when the world was made, and placed when it was drawn
        for region in regions:
            yield from _left_out(region, np.full(len(theta), region.default))
        if spec.name in provenance.get("world_files", ()):
            try:
                _installed(spec, provenance)
            except EmulatorError as error:
                yield Caveat.UNCHECKED.found(what=what, reason=error)
        return
    if not solve:
        yield Caveat.UNCHECKED.found(what=what, reason="nobody asked for it (check=False)")
        return
    if spec.siblings > 1:  # to solve it would cost a thousand times what the answer does
        check = f"`check` of emulator.get_world({spec.name!r}) says whether it can be solved"
        yield Caveat.UNCHECKED.found(what=what, reason=f"that takes long; {check}")
        return
    from emulator.worlds.base import Status
    from emulator.worlds.population import has_state_space

    try:
        world = _installed(spec, provenance)
        simulated = regions and len(theta) > SIMULATED_AT_MOST and not has_state_space(world)
        asked = [] if simulated else regions
        chunks = range(0, len(theta), SOLVED_AT_ONCE)
        parts = [_solved(world, theta[k : k + SOLVED_AT_ONCE], asked) for k in chunks]
    except EmulatorError as error:
        yield Caveat.UNCHECKED.found(what=what, reason=error)
        return
    status = np.concatenate([part[0] for part in parts])
    for verdict in sorted(
        {Status(int(s)) for s in np.unique(status)} - {Status.OK, Status.OUT_OF_BOUNDS}
    ):
        caveat = Caveat.NO_SOLUTION if not verdict.solved else Caveat.INADMISSIBLE
        where = _share(status == verdict).strip() or "at these parameters"
        reason = verdict.message.partition(" (")[0]
        yield caveat.found(world=spec.name, where=where, reason=reason)
    for k, region in enumerate(asked):
        yield from _left_out(region, np.concatenate([part[1][k] for part in parts]))
    if simulated:
        yield Caveat.UNCHECKED.found(
            what=f"whether {' or '.join(map(str, regions))} was held out of training",
            reason=f"of more than {SIMULATED_AT_MOST} draws of world {spec.name!r} that takes long",
        )


def _solved(
    world: World[Any], theta: Array, regions: Sequence[HeldOut]
) -> tuple[NDArray[np.int8], list[NDArray[np.bool_]]]:
    """The status (B,) of each draw, and of each region which valid draws (B,) are in it."""
    from emulator.worlds.base import Status
    from emulator.worlds.population import largest_root, population_moments

    solution = world.solve(theta)
    corners = any(region.statistic is None for region in regions)
    moments = population_moments(world, theta, solution) if corners else None
    rows = []
    for region in regions:
        if moments is None or region.statistic is not None:
            inside = _beyond(largest_root(solution), region)
        else:
            inside = (moments.persistence > region.persistence) & (
                moments.volatility > region.volatility
            )
        rows.append(inside & (solution.status == Status.OK))
    return solution.status, rows


def _installed(spec: WorldSpec, provenance: Mapping[str, Any]) -> World[Any]:
    """The world that a spec describes; InputError where it is not installed as the weights know
    it, or, of an imported model, where another is found by its name than lies beside them."""
    from emulator.worlds import get_world, has_world

    if not has_world(spec.name):
        raise InputError(f"world {spec.name!r} is not installed")
    world = get_world(spec.name)
    if not same_names(spec, world.spec):
        raise InputError(f"the installed world {spec.name!r} is another than the weights know")
    beside = provenance.get("world_files", {}).get(spec.name)
    if beside is not None:
        from emulator.worlds.identity import same_model

        if not same_model(world, get_world(beside)):
            raise InputError(
                f"the model of that name here is another than the weights were trained on, {beside}"
            )
    return world


def _share(rows: NDArray[np.bool_]) -> str:
    """In how many draws, where there are several."""
    return "" if len(rows) == 1 else f" in {rows.sum():,} of {len(rows):,} draws"
