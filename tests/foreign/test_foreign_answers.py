"""The network that ships: what its bands held, symmetries of answers, data unlike any it saw."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.econometrics.candidates import NAMES, Candidates, candidates
from emulator.foreign.grammar import draws
from emulator.foreign.knots import KNOTS, hats
from emulator.foreign.network import answers
from emulator.foreign.network.answers import WEIGHTS, Network, spread
from emulator.foreign.network.model import LEVELS
from emulator.foreign.network.typical import Typical
from emulator.storage import file_sha256, read_json
from studies import foreign_network as study
from tests.econometrics.test_candidates import series

pytestmark = pytest.mark.fast


def asked(kind: draws.Kind, unit: np.ndarray | float = 1.0) -> np.ndarray:
    """Quantiles (B, 9, 4, Q) of `series` in other units."""
    first = 1 if kind == "recursive" else 0
    to = {"recursive": first, "observed": 0, "proxy": 2}[kind]
    found = candidates(series(2) * unit, first, 8, np.ones(4))
    return Network.read().quantiles(kind, found, first, to)


def test_bands_held_what_they_say_in_draws_that_were_not_learned_from() -> None:
    record = read_json(study.RESULTS)
    assert record["weights_sha256"] == file_sha256(WEIGHTS)
    assert WEIGHTS.stat().st_size < 4e6
    for kind, checked in record["checked"].items():
        assert checked["held"]["0.68"] == pytest.approx(0.68, abs=0.03), kind
        assert checked["held"]["0.9"] == pytest.approx(0.9, abs=0.02), kind
        wanted = np.diff([0.0, *LEVELS, 1.0])
        np.testing.assert_allclose(checked["ranks"], wanted, atol=0.03)
        if kind != "proxy":
            for error in (checked["mean_error_over_var"], checked["median_error_over_var"]):
                assert error["network"] == min(error.values()), kind


@pytest.mark.parametrize("kind", draws.KINDS)
def test_quantiles_are_in_order_and_what_is_known_is_exact(kind: draws.Kind) -> None:
    found = asked(kind)
    assert (np.diff(found, axis=-1) >= 0.0).all()
    assert (np.diff(found[:, 1:, 1:], axis=-1) > 0.0).all()
    if kind == "recursive":
        assert (found[:, 0, 0] == 0.0).all()  # ahead of the series asked about
        assert (found[:, 0, 1] == 1.0).all()
    elif kind == "proxy":
        assert (found[:, 0, 2] == 1.0).all()
    else:
        assert (np.diff(found[:, :, 0], axis=-1) == 0.0).all()  # of a shock nothing is asked


@pytest.mark.parametrize("kind", ["observed", "recursive"])
def test_a_part_of_an_answer_is_always_that_of_usual_regressions(
    kind: draws.Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, share = int(kind == "recursive"), answers.USUAL_SHARE
    by_name = candidates(series(2), first, 8, np.ones(4)).responses.swapaxes(0, 1)
    usual = (by_name[list(NAMES).index("var")] + by_name[list(NAMES).index("bvar")]) / 2.0
    ships = asked(kind)[:, 1:, 1:, 2]
    monkeypatch.setattr(answers, "USUAL_SHARE", 0.0)
    alone = asked(kind)[:, 1:, 1:, 2]
    np.testing.assert_allclose(ships, (1.0 - share) * alone + share * usual[:, 1:, 1:])
    assert not np.allclose(ships, alone)


@pytest.mark.parametrize("kind", draws.KINDS)
def test_answers_follow_units_and_signs(kind: draws.Kind) -> None:
    unit = np.array([-40.0, 3.0, -0.01, 1.0])
    plain, other = asked(kind), asked(kind, unit)
    factor = (unit / unit[{"recursive": 1, "observed": 0, "proxy": 2}[kind]])[:, None]
    turned = np.where(factor < 0.0, plain[..., ::-1], plain) * factor
    some = slice(0 if kind == "recursive" else 1, None)  # of a shock nothing is asked
    np.testing.assert_allclose(other[:, :, some], turned[:, :, some], rtol=1e-5, atol=1e-7)


def test_an_instruments_unit_does_not_matter() -> None:
    plain, other = asked("proxy"), asked("proxy", np.array([-9.0, 1.0, 1.0, 1.0]))
    np.testing.assert_allclose(other[:, :, 1:], plain[:, :, 1:], rtol=1e-5, atol=1e-7)


def test_the_order_of_what_is_not_in_the_question_does_not_matter() -> None:
    y = series(2)
    network, order = Network.read(), [0, 1, 3, 2]
    plain = network.quantiles("recursive", candidates(y, 1, 8, np.ones(4)), 1, 1)
    turned = candidates(y[..., order], 1, 8, np.ones(4))
    other = network.quantiles("recursive", turned, 1, 1)
    np.testing.assert_allclose(other, plain[:, :, order], rtol=1e-6, atol=1e-8)


def drawn(count: int = 6) -> list[study.Answered]:
    return list(study.answered(study.SEED, 0, count))


def test_widths_are_those_that_hold_their_share() -> None:
    model = Network.read().model
    spreads = [
        (each, spread(model, each.sets.kind, each.found, each.sets.before, each.sets.to))
        for each in drawn(12)
    ]
    found = study.widths(spreads)
    for kind, widths in found.items():
        inside, all_of_them = 0, 0
        for (each, answered, there), answer in spreads:
            if each.kind == kind:
                wide = (widths @ hats(answered.error.shape[1] - 1).T)[1][:, None]
                low = answer.point - wide * answer.below[..., 1]
                high = answer.point + wide * answer.above[..., 1]
                held = (low <= each.truth) & (each.truth <= high)
                inside, all_of_them = (
                    inside + held[:, there].sum(),
                    all_of_them + held[:, there].size,
                )
        assert inside / all_of_them == pytest.approx(0.9, abs=0.05), kind


def test_quantiles_are_of_scores_near_a_knot() -> None:
    score = np.tile(np.linspace(0.0, 1.0, 2001), 41)
    quarter = np.repeat(np.arange(41), 2001)
    found = study.quantiles(score * (1.0 + quarter), quarter, 0.9)
    assert found[0] == pytest.approx(0.9, abs=2e-3)  # quarter 0 alone
    assert len(found) == len(KNOTS)
    assert (np.diff(found) > 0.0).all()


def test_the_grammars_data_are_typical_and_others_are_not() -> None:
    typical = Network.read().typical
    shares = np.concatenate([typical.share(each.found) for each in drawn(12)])
    assert 0.2 < shares.mean() < 0.8
    rng = np.random.default_rng(0)
    season = np.cos(np.pi * (np.arange(160)[:, None] / 2.0 + np.arange(3)))
    seasonal = season + 0.1 * rng.standard_normal((160, 3))  # no economy of the grammar has that
    assert typical.share(candidates(seasonal[None], 0, 8, np.ones(3)))[0] > 0.99


def test_the_share_is_between_percentiles() -> None:
    found = [each.found for each in drawn()]
    facts = Typical.of(found).facts() | {"distances": list(np.linspace(0.0, 1e4, 101))}
    typical = Typical.from_facts(facts)
    np.testing.assert_allclose(typical.share(found[0]), typical.distance(found[0]) / 1e4)


def test_distances_do_not_depend_on_the_units_of_descriptors() -> None:
    found = [each.found for each in drawn()]
    plain = Typical.of(found)
    scaled: list[Candidates] = [each._replace(descriptors=each.descriptors * 3.0) for each in found]
    np.testing.assert_allclose(Typical.of(scaled).distances, plain.distances, rtol=1e-8)
    again = Typical.from_facts(plain.facts())
    np.testing.assert_allclose(again.share(found[0]), plain.share(found[0]), atol=0.02)
