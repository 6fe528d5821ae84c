"""Figures that are saved without being drawn, which takes most of a second each."""

from __future__ import annotations

import pytest

from emulator.evaluation.report import canvas

BLANK = b"\x89PNG, not drawn"


def leave_blank(patch: pytest.MonkeyPatch) -> None:
    """Build figures and save them as `BLANK`."""
    patch.setattr(canvas, "png", lambda figure: BLANK)
