"""Stacking: its bands hold what they say on the grammar, its answer follows units and signs."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.econometrics.candidates import NAMES, Candidates, candidates
from emulator.foreign import stacking
from emulator.foreign.grammar import draws
from emulator.foreign.stacking import KNOTS, LEVELS, Stack, hats
from emulator.storage import read_json
from studies import stacking as study
from tests.econometrics.test_candidates import series

pytestmark = pytest.mark.fast


def found(y: np.ndarray, horizon: int = 12) -> Candidates:
    return candidates(y, 1, horizon, np.ones(y.shape[2]))


def test_weights_are_interpolated_between_knots() -> None:
    np.testing.assert_allclose(hats(40).sum(axis=1), 1.0)
    np.testing.assert_array_equal(hats(40)[list(KNOTS)], np.eye(len(KNOTS)))
    np.testing.assert_array_equal(hats(8), hats(40)[:9])


def test_the_stack_in_the_package_is_whole() -> None:
    stack = Stack.read()
    assert set(stack.weights) == set(stack.variance) == {"observed", "recursive"}
    assert set(stack.widths) == set(draws.KINDS)
    for weights in stack.weights.values():
        assert weights.shape == (len(NAMES), len(KNOTS))
        assert (weights >= 0.0).all()
        assert (weights.sum(axis=0) < 1.5).all()  # late ones undo shrinkage
    for widths in stack.widths.values():
        assert (widths[0] > 0.0).all()
        assert (widths[0] < widths[1]).all()


def test_bands_held_what_they_say_in_draws_that_were_not_learned_from() -> None:
    for kind, checked in read_json(stacking.FILE)["checked"].items():
        assert checked["held"]["0.68"] == pytest.approx(0.68, abs=0.05), kind
        assert checked["held"]["0.9"] == pytest.approx(0.9, abs=0.03), kind
        if kind != "proxy":
            error = checked["median_error_over_var"]
            assert error["stacked"] == min(error.values()), kind


def test_what_is_known_on_impact_is_answered_exactly() -> None:
    every = Stack.read().quantiles("recursive", found(series()), 1, 1)
    assert every.shape == (2, 13, 4, len(LEVELS))
    assert (every[:, 0, 0] == 0.0).all()  # ahead of the series asked about
    assert (every[:, 0, 1] == 1.0).all()
    assert (np.diff(every[:, 1:], axis=-1) > 0.0).all()


@pytest.mark.parametrize("kind", draws.KINDS)
def test_answers_follow_units_and_signs(kind: draws.Kind) -> None:
    y, unit = series(2), np.array([-40.0, 3.0, -0.01, 1.0])
    stack = Stack.read()
    if kind == "recursive":
        before, to = 1, 1
    else:
        before, to = 0, 2 if kind == "proxy" else 0
    prior = np.ones(4)
    plain = stack.quantiles(kind, candidates(y, before, 8, prior), before, to)
    other = stack.quantiles(kind, candidates(y * unit, before, 8, prior), before, to)
    factor = (unit / unit[to])[:, None]
    turned = np.where(factor < 0.0, plain[..., ::-1], plain) * factor
    np.testing.assert_allclose(other, turned, rtol=1e-5, atol=1e-7)


def test_an_instruments_unit_does_not_matter() -> None:
    y = series(3)
    stack, prior = Stack.read(), np.ones(4)
    plain = stack.quantiles("proxy", candidates(y, 0, 8, prior), 0, 2)
    scaled = y * np.array([-9.0, 1.0, 1.0, 1.0])
    other = stack.quantiles("proxy", candidates(scaled, 0, 8, prior), 0, 2)
    np.testing.assert_allclose(other[:, :, 1:], plain[:, :, 1:], rtol=1e-5, atol=1e-7)
    assert (plain[:, 0, 2] == 1.0).all()


def test_learning_finds_the_weights_that_made_the_truth() -> None:
    made = np.zeros((len(NAMES), len(KNOTS)))
    made[0], made[9] = np.linspace(0.2, 0.8, len(KNOTS)), 0.3
    answered = []
    for each, answer, asked in study.answered(0, 14):
        exact = Stack({study.LEARNED[0]: made, study.LEARNED[1]: made}, {}, {})
        point = exact.point(each.kind, answer, each.before)
        one = Candidates(*(part[:1] for part in answer))
        answered.append(
            study.Answered(each._replace(truth=point[0], data=each.data[:1]), one, asked)
        )
    learned = study.weights(answered)
    known = slice(1, 6)  # on impact several candidates are the same; few draws reach quarter 40
    for weights in learned.values():
        np.testing.assert_allclose(weights[:, known], made[:, known], atol=0.02)


def test_widths_are_quantiles_near_a_knot() -> None:
    score = np.tile(np.linspace(0.0, 1.0, 2001), 41)
    quarter = np.repeat(np.arange(41), 2001)
    found = study.widths({"observed": (score * (1.0 + quarter), quarter)})["observed"]
    np.testing.assert_allclose(found[:, 0], stacking.SHARES, atol=2e-3)  # quarter 0 alone
    assert (np.diff(found, axis=1) > 0.0).all()
