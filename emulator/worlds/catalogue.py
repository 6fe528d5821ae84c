"""The catalogue of the world bank, written from the worlds themselves.

`python -m emulator.worlds.catalogue docs/` writes docs/worlds.md (equations, parameters, shocks,
units, and what the prior implies) and one panel of responses a world, docs/figures/world_NAME.png,
for the built-in worlds; names after the folder choose others, those of installed packages included.
Everything follows from the code and a fixed seed, so a rerun changes nothing unless a world does.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from emulator.limits import MAX_SIZE, QUARTERS, RUN_IN
from emulator.specs import Parameter
from emulator.storage import write_atomically, writing
from emulator.worlds.base import FloatArray, Status, World
from emulator.worlds.registry import BUILT_IN, get_world

SEED = 2007
DRAWS = 2_000  # a share of one half is then known to a percentage point
DEAR_DRAWS = 200  # of worlds that take long to solve: to four points
HORIZON = 40
LEAST_SHOWN = 12  # quarters: three years, below which a panel hides how a response ends
REGIME = "probability_turbulent"  # the state of worlds with a calm and a turbulent regime
LARGE = -MAX_SIZE  # the edge of the sizes drawn, where a lower bound bites

INTRODUCTION = """# The world bank

Written by `python -m emulator.worlds.catalogue docs/` from the worlds themselves; edit a world's
file, not this page. Quarterly throughout. Unless a world says otherwise, output is in percent and
inflation and the rate are in annualised percentage points, all as deviations from steady state.
A shock of size one is one standard deviation of its innovation. How to add a world:
[adding-a-world.md](adding-a-world.md).
"""


class Predictive(NamedTuple):
    """What a world's prior implies, from `DRAWS` draws with seed `SEED`.

    verdicts: counts by status before rejection. responses (B, S, H+1, 3): to one s.d. from rest.
    others: by label, responses that differ from those: per unit of a `LARGE` shock, or from a known
    regime. deviations (B, 3): s.d. of the observables along a path. persistence (B,): mean lag-one
    autocorrelation. flagged: share of flagged quarters.
    """

    verdicts: dict[Status, int]
    responses: FloatArray
    others: dict[str, FloatArray]
    deviations: FloatArray
    persistence: FloatArray
    flagged: float


def predictive(world: World[Any], draws: int = DRAWS, seed: int = SEED) -> Predictive:
    """Prior-predictive draws of `world`: responses and paths of the valid ones of `draws`."""
    rng = np.random.default_rng(seed)
    theta = world.from_uniforms(rng.random((draws, len(world.parameters))))
    status = world.check(theta)
    verdicts = {verdict: int((status == verdict).sum()) for verdict in Status}
    theta = theta[status == Status.OK]
    solution = world.solve(theta)
    responses = world.irf(theta, HORIZON, solution=solution).values
    others: dict[str, FloatArray] = {}
    if not world.linear:
        large = world.irf(theta, HORIZON, LARGE, solution=solution).values / LARGE
        # Equal up to rounding where responses are proportional to the size.
        if not np.allclose(large, responses, rtol=0.0, atol=1e-12 * np.abs(responses).max()):
            others[f"median, {LARGE:+.0f} s.d., per unit"] = large
    if REGIME in world.state_names:
        state = np.zeros((2, len(world.state_names)))
        state[1, world.state_names.index(REGIME)] = 1.0
        for regime, start in zip(("calm", "turbulent"), state, strict=True):
            values = world.irf(theta, HORIZON, state=start, solution=solution).values
            others[f"median, {regime} before the shock"] = values
    eps = rng.standard_normal((len(theta), QUARTERS, len(world.shocks)))
    uniforms = rng.random(eps.shape[:2]) if world.hidden_chain else None
    paths = world.simulate(theta, eps, uniforms=uniforms, solution=solution)
    found = paths.status == Status.OK  # a path may come to a quarter in which there is no plan
    y = paths.observables[found, RUN_IN:]
    y = y - y.mean(axis=1, keepdims=True)
    variance = (y**2).mean(axis=1)
    autocorrelation = (y[:, 1:] * y[:, :-1]).mean(axis=1) / variance
    return Predictive(
        verdicts,
        responses,
        others,
        np.sqrt(variance),
        autocorrelation.mean(axis=1),
        float(paths.flags[found, RUN_IN:].mean()),
    )


# ---------------------------------------------------------------------- text


def describe(world: World[Any]) -> str:
    """The part of a world's section that its code states: equations, names, bounds, signs."""
    module = inspect.getmodule(type(world))
    equations = inspect.cleandoc((module.__doc__ if module else None) or world.title)
    parameters = (
        (f"`{p.name}`", p.description, _unit(p.unit), _bounds(p), f"{p.default:.4g}", p.prior_text)
        for p in world.parameters
    )
    shocks = (
        (f"`{s.name}`", f"A positive one {s.description}", f"`{s.sigma}`" if s.sigma else "")
        for s in world.shocks
    )
    observables = ((f"`{o.name}`", o.label, _unit(o.unit)) for o in world.observables)
    kind = "linear" if world.linear else "responses depend on the state"
    flag = f"; paths flag: {world.flag}" if world.flag else ""
    restrictions = "".join(f"\n- {r}" for r in world.restrictions)
    joint = f" Draws must also satisfy:\n{restrictions}" if restrictions else ""
    return "\n\n".join(
        [
            f"## `{world.name}`: {world.title}",
            f"{kind.capitalize()}{flag}. State: {', '.join(f'`{n}`' for n in world.spec.states)}.",
            f"```text\n{equations}\n```",
            f"Parameters, quarterly.{joint}",
            _table(("parameter", "meaning", "unit", "bounds", "default", "prior"), parameters),
            _table(("shock", "sign", "s.d."), shocks),
            _table(("observable", "stands for", "unit"), observables),
        ]
    )


def summarise(world: World[Any], result: Predictive) -> str:
    """The part of a world's section that its prior implies: verdicts, sizes, persistence."""
    drawn = sum(result.verdicts.values())
    rejected = [
        f"{count / drawn:.1%} as {Status(verdict).message.partition(' (')[0]} "
        f"(`{Status(verdict).name}`)"
        for verdict, count in result.verdicts.items()
        if verdict != Status.OK and count
    ]
    rows = []
    for s, shock in enumerate(world.shocks):
        for v, observable in enumerate(world.observables):
            response = result.responses[:, s, :, v]
            peak = np.abs(response).max(axis=1)
            # Rounding leaves 1e-17 where the model says zero; the peaks are of order one.
            moved = np.abs(response[:, 0]) > 1e-12
            rises = f"{(response[moved, 0] > 0).mean():.0%}" if moved.any() else "none on impact"
            size = _interval(peak) if peak.max() > 1e-12 else "no reaction"
            rows.append((f"`{shock.name}`", observable.label, size, rises))
    moments = [
        (f"s.d. of {o.label.lower()}", _unit(o.unit), _interval(result.deviations[:, v]))
        for v, o in enumerate(world.observables)
    ]
    moments.append(("mean lag-one autocorrelation", "", _interval(result.persistence)))
    if world.flag:
        moments.append((f"share of quarters with {world.flag}", "", f"{result.flagged:.0%}"))
    return "\n\n".join(
        [
            f"Rejected of {drawn:,} prior draws: {', '.join(rejected) if rejected else 'none'}. "
            f"Below, medians over the valid draws with the 5 and 95 % quantiles; responses to one "
            f"s.d. from rest, moments over {QUARTERS - RUN_IN} simulated quarters.",
            _table(("shock", "observable", "largest response", "rises on impact"), rows),
            _table(("simulated moment", "unit", "median [5 %, 95 %]"), moments),
            f"![Responses of {world.name}](figures/world_{world.name}.png)",
        ]
    )


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(header)
    lines = [names, ["---"] * len(names), *(list(row) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _unit(unit: str) -> str:
    return "none" if unit == "1" else unit


def _bounds(p: Parameter) -> str:
    return f"[{p.lower:.4g}, {p.upper:.4g}]"


def _interval(values: FloatArray) -> str:
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    return f"{middle:.2g} [{low:.2g}, {high:.2g}]"


# ---------------------------------------------------------------------- figures


def draw_panel(world: World[Any], result: Predictive, path: Path) -> None:
    """Write the panel of responses: rows observables, columns shocks, bands over prior draws."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    columns = len(world.shocks)
    figure = Figure(figsize=(2.0 + 2.5 * columns, 6.6), dpi=100, layout="constrained")
    axes = figure.subplots(3, columns, sharex=True, squeeze=False)
    end = shown(result.responses)
    quarters = np.arange(end + 1)
    # Okabe and Ito (2008): told apart by all readers
    blue, further = "#0072B2", ("#D55E00", "#009E73")
    for s, shock in enumerate(world.shocks):
        for v, observable in enumerate(world.observables):
            axis = axes[v, s]
            low, lower, middle, upper, high = np.quantile(
                result.responses[:, s, : end + 1, v], [0.05, 0.25, 0.5, 0.75, 0.95], axis=0
            )
            axis.axhline(0.0, color="0.4", linewidth=0.7)
            axis.fill_between(
                quarters, low, high, color=blue, alpha=0.15, linewidth=0, label="90 %"
            )
            axis.fill_between(
                quarters, lower, upper, color=blue, alpha=0.35, linewidth=0, label="50 %"
            )
            axis.plot(quarters, middle, color=blue, linewidth=1.6, label="median")
            for (label, values), color in zip(result.others.items(), further, strict=False):
                axis.plot(
                    quarters,
                    np.median(values[:, s, : end + 1, v], axis=0),
                    color=color,
                    linewidth=1.6,
                    linestyle="--",
                    label=label,
                )
            if np.abs([low, high]).max() < 1e-12:
                axis.set_ylim(-1.0, 1.0)
                axis.text(end / 2, 0.1, "no reaction", ha="center", color="0.4")
            axis.yaxis.set_major_locator(MaxNLocator(5))
            axis.tick_params(labelsize=8)
            axis.spines[["top", "right"]].set_visible(False)
            axis.set_xlim(0, end)
            if v == 0:
                axis.set_title(shock.name.replace("_", " "), fontsize=11)
            if v == 2:
                axis.set_xlabel("quarters", fontsize=9)
            if s == 0:
                unit = "" if observable.unit == "1" else f"\n{_short(observable.unit)}"
                axis.set_ylabel(f"{observable.label}{unit}", fontsize=9)
    figure.suptitle(f"{world.title}: responses to one s.d. from rest, over prior draws")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=len(labels), fontsize=9, frameon=False
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with writing(path) as file:
        figure.savefig(file, format="png", metadata={"Software": None})


def shown(responses: FloatArray) -> int:
    """The last quarter worth drawing of responses (B, S, H+1, 3): until the 90 % bands died out.

    That is, until every panel's band stays within a tenth of its widest point: on paper, a line.
    """
    low, high = np.quantile(responses, [0.05, 0.95], axis=0)
    width = np.maximum(np.abs(low), np.abs(high))  # (S, H+1, 3)
    alive = (width > 0.1 * width.max(axis=1, keepdims=True)).any(axis=(0, 2))
    return max(LEAST_SHOWN, int(np.flatnonzero(alive).max(initial=0)))


def _short(unit: str) -> str:
    return unit.replace("percentage points", "pp")


# ---------------------------------------------------------------------- command


def write(folder: Path, names: Iterable[str], draws: int = DRAWS) -> None:
    """Write `folder`/worlds.md and the figures of the worlds called `names`."""
    sections = [INTRODUCTION]
    for name in names:
        world = get_world(name)
        result = predictive(world, min(draws, DEAR_DRAWS) if world.dear else draws)
        draw_panel(world, result, folder / "figures" / f"world_{name}.png")
        sections += [describe(world), summarise(world, result)]
        drawn = sum(result.verdicts.values())
        print(f"{name}: {len(result.responses)} of {drawn} draws", file=sys.stderr)
    text = "\n\n".join(part.strip() for part in sections) + "\n"
    write_atomically(folder / "worlds.md", text.encode())


def main() -> None:
    """Command line: `python -m emulator.worlds.catalogue FOLDER [NAME ...]`."""
    parser = argparse.ArgumentParser(description="Write the catalogue of worlds.")
    parser.add_argument("folder", type=Path, help="where worlds.md and figures/ go, such as docs/")
    parser.add_argument("names", nargs="*", default=BUILT_IN, help="worlds; the built-in ones")
    arguments = parser.parse_args()
    write(arguments.folder, arguments.names)


if __name__ == "__main__":
    main()
