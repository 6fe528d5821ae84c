"""Stacking: weights in the package, their learning, and interpolation between knots."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.econometrics.candidates import NAMES, Candidates, candidates
from emulator.foreign.knots import KNOTS, hats
from emulator.foreign.stacking import learned, stacked
from studies import stacking as study
from tests.econometrics.test_candidates import series

pytestmark = pytest.mark.fast


def test_weights_are_interpolated_between_knots() -> None:
    np.testing.assert_allclose(hats(40).sum(axis=1), 1.0)
    np.testing.assert_array_equal(hats(40)[list(KNOTS)], np.eye(len(KNOTS)))
    np.testing.assert_array_equal(hats(8), hats(40)[:9])


def test_the_weights_in_the_package_are_whole() -> None:
    assert set(learned()) == {"observed", "recursive"}
    for weights in learned().values():
        assert weights.shape == (len(NAMES), len(KNOTS))
        assert (weights >= 0.0).all()
        assert (weights.sum(axis=0) < 1.5).all()  # late ones undo shrinkage


def test_what_is_known_on_impact_is_answered_exactly() -> None:
    y = series()
    every = stacked(learned()["recursive"], candidates(y, 1, 12, np.ones(4)), 1)
    assert every.shape == (2, 13, 4)
    assert (every[:, 0, 0] == 0.0).all()  # ahead of the series asked about
    assert (every[:, 0, 1] == 1.0).all()


def test_learning_finds_the_weights_that_made_the_truth() -> None:
    made = np.zeros((len(NAMES), len(KNOTS)))
    made[0], made[9] = np.linspace(0.2, 0.8, len(KNOTS)), 0.3
    answered = []
    for each, answer, asked in study.answered(study.SEED, 0, 14):
        point = stacked(made, answer, each.before)
        one = Candidates(*(part[:1] for part in answer))
        answered.append(
            study.Answered(each._replace(truth=point[0], data=each.data[:1]), one, asked)
        )
    found = study.weights(answered)
    known = slice(1, 6)  # on impact several candidates are the same; few draws reach quarter 40
    for weights in found.values():
        np.testing.assert_allclose(weights[:, known], made[:, known], atol=0.02)
