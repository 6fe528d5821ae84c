"""Marks beside the names of worlds and figures, the same in every table and figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from emulator.regimes import Task

MARKS: Mapping[Task, str] = {
    Task.steady_state: "",
    Task.state_dependent: "*",
    Task.trajectory: "†",
}
DAGGER = MARKS[Task.trajectory]

# What the marks mean, for the foot of a table.
NOTES: Mapping[str, str] = {
    MARKS[Task.state_dependent]: "responses from the state at the end of a history",
    DAGGER: "trajectories, in s.d.s of the observables",
}


def marked(world: str, task: str) -> str:
    """A world's name with the mark of the task."""
    return world + MARKS[Task(task)]


def told(gap: float, unmeasured: Sequence[str]) -> str:
    """A gap in words: a number where it is measured."""
    return f"not measured ({gap:+.1%})" if unmeasured else f"{gap:+.1%}"


def table_row(cells: Sequence[str]) -> str:
    """A row of a Markdown table."""
    return "| " + " | ".join(cells) + " |"


def bare(name: str) -> str:
    """A world's name without marks."""
    return name.rstrip("".join(NOTES))
