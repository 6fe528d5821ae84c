"""A network of one's own: any world's responses, learned in minutes.

    from emulator.adapt import Order, adapt
    adapt(Order("gap.yaml", minutes=10), "runs/gap")

`draws.py` draws, `plan.py` says how often; `learner.py` is a network while it learns, `search.py`
chooses which and for how long, `run.py` trains one after the other and can be stopped;
`measured.py` finds how far off it is, `card.py` says it; `carry_out.py` does all of it.
"""

from __future__ import annotations

from emulator.adapt.carry_out import adapt
from emulator.adapt.order import Order

__all__ = ["Order", "adapt"]
