"""Comparing a world's responses with the frozen Dynare solutions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emulator.worlds import World

REFERENCES = Path(__file__).parent / "references"


def load(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((REFERENCES / name).read_text())
    return document


def largest_gap(
    world: World[Any],
    theta: np.ndarray,
    draws: Sequence[dict[str, Any]],
    shocks: Sequence[str],
    variables: Sequence[str],
    signs: Sequence[float] | None = None,
) -> float:
    """The largest distance between a response and its reference, in reported units.

    shocks, variables: the reference's names, in the world's order; signs: of each shock.
    """
    values = world.irf(theta).values
    reference = np.array(
        [[[draw["irf"][s][v] for v in variables] for s in shocks] for draw in draws]
    ).swapaxes(2, 3)
    if signs is not None:
        reference = reference * np.array(signs)[:, None, None]
    assert values.shape == reference.shape
    return float(np.abs(values - reference).max())
