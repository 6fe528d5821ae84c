"""Timing one piece of work, and writing what was timed to results/speed/worlds.json."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from threadpoolctl import threadpool_limits

from studies import records

RESULTS = Path(__file__).parents[2] / "results" / "speed" / "worlds.json"
OURS = "emulator"

Timed = Callable[..., Any]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def table() -> Iterator[list[dict[str, Any]]]:
    """Rows of timings, written when the session ends."""
    rows: list[dict[str, Any]] = []
    yield rows
    if rows:
        write(rows)


@pytest.fixture
def timed(benchmark: Any, table: list[dict[str, Any]]) -> Timed:
    """Time `function`, which does `work` for `draws` draws with `tool`; returns its result."""

    def run(
        function: Callable[[], Any],
        *,
        world: str,
        work: str,
        tool: str,
        draws: int,
        rounds: int = 5,
    ) -> Any:
        benchmark.group = f"{world}: {work}"
        result = benchmark.pedantic(function, rounds=rounds, warmup_rounds=1)
        if benchmark.stats is not None:  # None under --benchmark-disable
            stats = benchmark.stats.stats
            per_draw = 1e6 / draws
            table.append(
                {
                    "world": world,
                    "work": work,
                    "tool": tool,
                    "draws": draws,
                    "rounds": rounds,
                    "microseconds_a_draw": round(stats.median * per_draw, 3),
                    "fastest": round(stats.min * per_draw, 3),
                    "slowest": round(stats.max * per_draw, 3),
                }
            )
        return result

    return run


def write(rows: list[dict[str, Any]]) -> None:
    """The timings, each outside tool's over ours on the same work, and where they were taken."""
    ours = {(r["world"], r["work"]): r["microseconds_a_draw"] for r in rows if r["tool"] == OURS}
    for row in rows:
        base = ours.get((row["world"], row["work"]))
        if row["tool"] != OURS and base:
            row["times_ours"] = round(row["microseconds_a_draw"] / base, 1)
    facts = {
        "machine": records.machine(("numpy", "numba", "scipy"), threads_used=1),
        "unit": "microseconds a draw, median over rounds",
        "timings": rows,
    }
    records.write(RESULTS, facts)
