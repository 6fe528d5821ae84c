"""Responses from anybody's data: what is asked, and a network's answer beside other estimators."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emulator.econometrics.autoregressions import follows
from emulator.econometrics.candidates import NAMES, Candidates, candidates, lags_for
from emulator.econometrics.gaps import filled
from emulator.econometrics.projections import enough
from emulator.econometrics.question import FloatArray, sample
from emulator.errors import InputError, short, unknown_name
from emulator.foreign.grammar.draws import (
    HORIZONS,
    LEAST_QUARTERS,
    LEAST_SERIES,
    LONG_FROM,
    MOST_QUARTERS,
    MOST_SERIES,
    Kind,
)
from emulator.foreign.knots import KNOTS
from emulator.foreign.network.answers import WEIGHTS, Network
from emulator.foreign.network.model import LEVELS
from emulator.foreign.tables import Table, read_table
from emulator.storage import file_sha256

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

BESIDE = {"var": "var", "bvar": "bvar", "lp": "lp", "penalised": "lp_penalised"}
UNLIKE = 0.99  # share of the grammar's data sets
_AMOUNTS = (
    "{}: growing as amounts and price indices do; take 100 times the logarithm, if it is none yet, "
    "so that changes are alike early and late, and responses in percent"
)
WEAK = 10.0  # an instrument's F below it (Staiger and Stock 1997, Econometrica 65(3))


class Asked(NamedTuple):
    """A question: its kind, the order of the series in regressions, the place of the one whose
    innovation is asked about, and of the one that rises by one on impact."""

    kind: Kind
    order: tuple[str, ...]
    before: int
    to: int


def estimate_responses(
    data: str | os.PathLike[str] | pd.DataFrame,
    *,
    to: str | None = None,
    after: Sequence[str] = (),
    shock: str | None = None,
    instrument: str | None = None,
    columns: Sequence[str] | None = None,
    differences: Sequence[str] = (),
    horizon: int = 20,
    unit: float = 1.0,
    beside: Sequence[str] = (),
) -> xr.Dataset:
    """Responses of every series to a shock that data alone can tell, with bands.

    One of three questions:

    - `to`: the response to the innovation of this series, those in `after` held fixed (ordered
      before it), scaled to raise it by `unit` on impact;
    - `shock`: the response to this column, an observed shock, of size `unit`;
    - `instrument` with `to`: the response to the shock that this column measures with noise, scaled
      to raise the series `to` by `unit` on impact.

    data: the name of a CSV file, or a DataFrame; a row a quarter, oldest first; 2 to 8 series, of
    which up to a tenth may be missing.
    columns: those to use, all unless given. differences: series that are changes or growth rates;
    the others are taken to be levels, which may be random walks. horizon: the last quarter, up to
    40. beside: answers of other estimators, out of var, bvar, lp and penalised.

    Returns a Dataset: `response` (horizon, series, quantile) in the units of the columns, quantiles
    .05, .16, .5, .84 and .95, the middle one the answer; `beside` (estimator, horizon, series) if
    asked for. The answer is a network's that mixes and corrects regressions, as it learned on a
    grammar of random economies; bands are as wide as held 68 and 90 % of true responses there.
    attrs: `caveats` says what makes the answer less trustworthy, `unlike` which share of the
    grammar's data sets are more typical of it than these data. Raises InputError and
    UnknownNameError.
    """
    for name in beside:
        if name not in BESIDE:
            raise unknown_name("estimator", name, BESIDE)
    _check_numbers(horizon, unit)
    given = {"to": to, "shock": shock, "instrument": instrument}
    _check_question(given, after)
    asked_for = [name for name in (*after, *given.values()) if name is not None]
    table = read_table(data, columns, asked_for)
    for name in differences:
        if name not in table.names:
            raise unknown_name("series in differences", name, table.names)
    asked = ordered(table.names, to, after, shock, instrument)
    values = table.values[:, [table.names.index(name) for name in asked.order]]
    persistent = np.array([name not in differences for name in asked.order], dtype=float)
    if asked.kind != "recursive":
        persistent[0] = 0.0  # a shock or instrument is no level
    raw = [n for n, y, level in zip(asked.order, values.T, persistent, strict=True)
           if level and _grows(y)]  # fmt: skip
    missing = np.isnan(values).sum(axis=0)
    _check_moves(values, asked.order)
    last = _last_learned(len(values), values.shape[1], asked.before, horizon)
    lags = lags_for(len(values), values.shape[1], last)
    _check_innovations(values, asked.order, lags)
    if missing.any():
        values = filled(values, lags, persistent)
    found = candidates(values[None], asked.before, last, persistent)
    network = Network.read()
    quantiles = network.quantiles(asked.kind, found, asked.before, asked.to)[0, : horizon + 1]
    others = {name: _other(found, asked, BESIDE[name])[: horizon + 1] for name in beside}
    unlike = float(network.typical.share(found)[0])
    caveats = [
        *table.left_out,
        *(
            f"missing in {name}: {count} of {len(values)}, filled in by what all others say of them"
            for name, count in zip(asked.order, missing, strict=True)
            if count
        ),
        *([_AMOUNTS.format(", ".join(raw))] if raw else ()),
        *_caveats(table, asked, found, unlike, last),
    ]
    return _dataset(asked, table, unit, quantiles, others, caveats).assign_attrs(unlike=unlike)


def ordered(
    names: Sequence[str], to: str | None, after: Sequence[str], shock: str | None,
    instrument: str | None,
) -> Asked:  # fmt: skip
    """The question as regressions take it, of a table's series."""
    first = [name for name in (shock, instrument) if name is not None]
    head = first or [*after, *([] if to is None else [to])]
    order = (*head, *(name for name in names if name not in head))
    if shock is not None:
        return Asked("observed", order, 0, 0)
    assert to is not None
    if instrument is not None:
        return Asked("proxy", order, 0, order.index(to))
    return Asked("recursive", order, len(after), len(after))


def _last_learned(quarters: int, n: int, before: int, horizon: int) -> int:
    """The last quarter of the answer that `horizon` is cut from. The network learned to answer at
    HORIZONS, of short data at the first of them: asked up to another, it would say other things of
    the same quarters. What no data of this length was asked about, or could be, is answered up to
    `horizon`."""
    learned = HORIZONS[:1] if quarters < LONG_FROM else HORIZONS
    for last in learned:
        if horizon <= last and enough(quarters, n, before, lags_for(quarters, n, last), last):
            return last
    return horizon


def _check_numbers(horizon: int, unit: float) -> None:
    if isinstance(horizon, bool) or not isinstance(horizon, int | np.integer):
        raise InputError(f"horizon: expected a whole number of quarters, got {short(horizon)}")
    if not 0 <= horizon <= KNOTS[-1]:
        raise InputError(f"horizon: expected 0 to {KNOTS[-1]} quarters, got {horizon}")
    if not isinstance(unit, int | float | np.number) or not math.isfinite(unit) or unit == 0.0:
        raise InputError(f"unit: expected a number other than 0, got {short(unit)}")


def _check_question(given: dict[str, str | None], after: Sequence[str]) -> None:
    if isinstance(after, str):
        raise InputError(f"after: expected a list of names, got {after!r}")
    to, shock, instrument = given["to"], given["shock"], given["instrument"]
    if shock is None and to is None:
        raise InputError(
            "expected a question: `to` a series (its innovation, `after` those it reacts to at "
            "once), a `shock` that is a column, or an `instrument` with `to`"
        )
    if shock is not None and (to is not None or instrument is not None or after):
        raise InputError(
            f"shock: the response is to {shock!r} itself; expected neither to, after nor instrument"
        )
    if instrument is not None and after:
        raise InputError("after: expected with `to` alone; an instrument needs no order of series")
    named = [name for name in (*after, to, instrument) if name is not None]
    if len(set(named)) != len(named):
        raise InputError(f"expected different series in the question, got {', '.join(named)}")


def _check_moves(values: FloatArray, names: Sequence[str]) -> None:
    if not LEAST_SERIES <= len(names) <= MOST_SERIES:
        raise InputError(
            f"columns: expected {LEAST_SERIES} to {MOST_SERIES} series, got {len(names)}: "
            f"{', '.join(names)}; name those to use"
        )
    values = values[np.isfinite(values).all(axis=1)]
    still = np.ptp(values, axis=0) <= 1e-12 * np.abs(values).max(axis=0)
    if still.any():
        raise InputError(
            f"{names[int(still.argmax())]}: expected a series that moves; it is constant"
        )
    apart = (values - values.mean(axis=0)) / values.std(axis=0)
    if np.linalg.cond(apart) > 1e8:
        raise InputError(
            f"expected series of which none follows from the others, got {', '.join(names)}, which "
            "are collinear; leave one out"
        )


def _check_innovations(values: FloatArray, names: Sequence[str], lags: int) -> None:
    """InputError where, given `lags` quarters before, a series is known or follows from those named
    ahead of it, as a change from its level. Judged by quarters without gaps, before any is filled:
    what is filled in follows from nothing exactly."""
    z, y = sample((values - np.nanmean(values, axis=0))[None] / np.nanstd(values, axis=0), lags)
    whole = np.isfinite(z[0]).all(axis=1) & np.isfinite(y[0]).all(axis=1)
    found = follows(z[:, whole], y[:, whole])
    if found.past.any():
        name = names[int(found.past[0].argmax())]
        raise InputError(
            f"{name}: it follows from {lags} quarters before (a trend, or the lag of another "
            "series?); leave it out"
        )
    if found.ahead.any():
        place = int(found.ahead[0].argmax())
        raise InputError(
            f"{names[place]}: given {lags} quarters before, it follows from "
            f"{', '.join(names[:place])} (a level and its own change?); leave one out"
        )


def _grows(series: FloatArray) -> bool:
    """Whether a level looks like one whose logarithm was not taken: always positive, at the end
    twice what it was, and rising in three quarters of four. So do real GDP and prices over some
    decades, while rates and shares turn, and 100 times a logarithm gains a tenth, unless it began
    near zero."""
    known = series[np.isfinite(series)]
    return bool(
        len(known) > 1
        and known.min() > 0.0
        and known[-1] > 2.0 * known[0]
        and (np.diff(known) > 0.0).mean() >= 0.75
    )


def _other(found: Candidates, asked: Asked, name: str) -> FloatArray:
    """One candidate's answer (H+1, n)."""
    each = found.responses[0, list(NAMES).index(name)]
    return np.asarray(each / each[0, asked.to] if asked.kind == "proxy" else each)


def _caveats(table: Table, asked: Asked, found: Candidates, unlike: float, last: int) -> list[str]:
    """last: the last quarter answered."""
    out = []
    quarters = len(table.values)
    if last > HORIZONS[0] and quarters < LONG_FROM:
        out.append(
            f"horizon: of fewer than {LONG_FROM} quarters the network learned responses up to "
            f"{HORIZONS[0]} quarters"
        )
    if not LEAST_QUARTERS <= quarters <= MOST_QUARTERS:
        out.append(
            f"{quarters} quarters: the network learned from {LEAST_QUARTERS} to {MOST_QUARTERS}"
        )
    if unlike > UNLIKE:
        out.append(
            f"{unlike:.1%} of the economies that the network learned from are more like each other "
            "than these series are like them; the bands may be too narrow"
        )
    if asked.kind == "proxy":
        lp = found.responses[0, list(NAMES).index("lp"), 0, asked.to]
        strength = float(np.square(lp / found.error[0, 0, asked.to]))
        if strength < WEAK:
            out.append(
                f"the instrument is weak: F {strength:.1f} on {asked.order[asked.to]}, below "
                f"{WEAK:g}; the bands are too narrow then"
            )
    return out


def _dataset(
    asked: Asked, table: Table, unit: float, quantiles: FloatArray, others: dict[str, FloatArray],
    caveats: list[str],
) -> xr.Dataset:  # fmt: skip
    """Without the column of a shock or instrument, of which nothing is asked."""
    import xarray as xr

    hidden = asked.kind != "recursive"
    names = list(asked.order[1:] if hidden else asked.order)
    shown = slice(1 if hidden else 0, None)
    sized = np.sort(quantiles[:, shown] * unit, axis=-1)  # a negative unit turns bands over
    values = {"response": (("horizon", "series", "quantile"), sized)}
    labels = {
        "horizon": np.arange(len(quantiles)),
        "series": names,
        "quantile": list(LEVELS),
    }
    if others:
        blocks = np.stack([each[:, shown] * unit for each in others.values()])
        values["beside"] = (("estimator", "horizon", "series"), blocks)
        labels["estimator"] = list(others)
    attrs = {
        "question": asked.kind,
        "shock": asked.order[asked.before],
        "unit": float(unit),
        "raises": "" if asked.kind == "observed" else asked.order[asked.to],
        "held_fixed": ", ".join(asked.order[: asked.before]),
        "data": table.describe(),
        "bands": "calibrated on the grammar of economies",
        "caveats": "; ".join(caveats),
        "weights_sha256": file_sha256(WEIGHTS),
    }
    return xr.Dataset(values, labels, attrs)
