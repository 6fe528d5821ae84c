"""`emulator publish PLAN`: what pages cite of a plan, into results/."""

from __future__ import annotations

import typer

from emulator.cli.commands.reproduce import PLAN_ARGUMENT

EXAMPLE = "emulator publish smoke"


def publish(name: str = PLAN_ARGUMENT) -> None:
    """Copy what README and docs cite of a carried out plan into results/PLAN.

    Leaderboard and plan.json, and of the run that the plan names its metrics, configuration, report
    and figures. A README.md there stays as it is.
    """
    from emulator.plans.plan import find_plan
    from emulator.plans.publish import publish as copy

    typer.echo(f"published: {copy(find_plan(name))}")
