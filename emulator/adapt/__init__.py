"""A network of one's own: any world's responses, or its posterior, learned in minutes.

    from emulator.adapt import Order, adapt
    adapt(Order("gap.yaml", minutes=10), "runs/gap")

`plan.py` says how often draws are made; `learner.py` is a network while it learns, `search.py`
chooses which and for how long, `run.py` trains one after the other and can be stopped;
`carry_out.py` does all of it. Of responses given parameters: `draws.py` draws, `matter.py` is what
networks are made of, `measured.py` finds how far off they are, `card.py` says it,
`from_parameters.py` has them together. Of posteriors given histories: `histories.py`,
`from_data.py`, `posterior_measured.py` and `posterior_card.py`.
"""

from __future__ import annotations

from emulator.adapt.carry_out import adapt
from emulator.adapt.order import Order

__all__ = ["Order", "adapt"]
