"""Marks beside the names of worlds and figures, the same in every table and figure."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.regimes import Task

MARKS: Mapping[Task, str] = {
    Task.steady_state: "",
    Task.state_dependent: "*",
    Task.trajectory: "†",
}
DAGGER = MARKS[Task.trajectory]
UNEQUAL = "‡"  # behind a gap

# What the marks mean, for the foot of a table.
NOTES: Mapping[str, str] = {
    MARKS[Task.state_dependent]: "responses from the state at the end of a history",
    DAGGER: "trajectories, in s.d.s of the observables",
    UNEQUAL: "the specialist saw another number of samples of the world; no criterion holds by it",
}


def marked(world: str, task: str) -> str:
    """A world's name with the mark of the task."""
    return world + MARKS[Task(task)]


def bare(name: str) -> str:
    """A world's name without marks."""
    return name.rstrip("".join(NOTES))
