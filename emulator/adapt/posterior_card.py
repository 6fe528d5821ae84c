"""The card of a learned posterior, in words."""

from __future__ import annotations

from typing import Any

from emulator.adapt.card import FILE, made_by, stages_in_words
from emulator.adapt.plan import Plan
from emulator.models.summaries import LONGEST, SHORTEST


def in_words(facts: dict[str, Any], plan: Plan) -> str:
    """The card as a page."""
    test, world = facts["test"], facts["world"]
    worst = min(test["p_values"], key=test["p_values"].get)
    lines = [
        f"# {facts['title']}",
        "",
        f"The posterior of the parameters of world `{world}` given a history of output, inflation "
        "and the interest rate, at once.",
        "",
        f"`emulator estimate {world} --history FILE.csv --weights FOLDER --instant` answers by it; "
        "without `--instant` the exact sampler starts from it.",
        "",
        *made_by(facts, plan),
        "",
        f"Learned from histories of {SHORTEST} to {LONGEST} quarters that the world makes long "
        "after rest, of every number and without measurement noise.",
        "",
        "## How good it is",
        "",
        f"On {test['draws']:,} test draws. Minus log densities are of the coordinates in which the "
        "prior is a standard normal, in nats; lower is better.",
        "",
        "| | posterior | prior |",
        "| --- | ---: | ---: |",
        f"| minus log density | {test['minus_log_density']:.2f} | "
        f"{test['prior_minus_log_density']:.2f} |",
        *_responses(test["responses"]),
        "",
        f"Over {test['ranked']} histories 90 % intervals hold {test['coverage_90']:.1%} of true "
        f"parameters (standard error {test['coverage_90_error']:.1%}). Ranks of the truth are "
        f"uniform with p = {test['p_value']:.2g} over all parameters, the smallest that of "
        f"`{worst}`. S.d.s by parameter are in `{FILE}`.",
        "",
        *stages_in_words(facts["stages"], "minus log density"),
        "",
    ]
    return "\n".join(lines)


def _responses(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    return [
        f"| NRMSE of mean responses, {found['histories']} histories | "
        f"{found['posterior_mean_nrmse']:.3f} | {found['prior_mean_nrmse']:.3f} |"
    ]
