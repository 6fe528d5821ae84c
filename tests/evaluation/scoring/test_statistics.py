"""Statistics of responses: which rows there are, and what goes with them."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.evaluation.scoring.statistics import statistics
from emulator.evaluation.scoring.summarise import summarise
from tests.evaluation.toys import SHAPE, SIGMA, frame, noise, scored

pytestmark = pytest.mark.fast


def test_responses_that_are_identically_zero_are_not_scored() -> None:
    error = np.zeros(SHAPE)
    error[:, 0, :, 2] = 100.0  # sigma is zero here
    error[:, 0, 0, 0] = 1.0
    table = frame(error)
    assert len(table) == 4 * 5
    assert table["mse"].max() == pytest.approx(1 / 7)


def test_a_row_count_is_samples_by_scored_responses_and_keys_are_unique() -> None:
    table = frame(noise())
    assert len(table) == 6 * 5
    assert not table.duplicated(["sample", "shock", "observable"]).any()


def test_the_null_model_is_scored_on_the_same_responses() -> None:
    """The toy training mean is zero, so its mean squared error is that of the truth."""
    case = scored(noise())
    table = statistics(case)
    row = table[(table["sample"] == 2) & (table["shock"] == "second")]
    row = row[row["observable"] == "inflation"]
    expected = np.square(case.truth[2, 1, :, 1]).mean()
    assert row["null_mse"].item() == pytest.approx(expected, rel=1e-12)


def test_a_model_without_bands_has_no_metrics_of_bands() -> None:
    assert "coverage_90" not in summarise(frame(noise()))


def test_binding_responses_are_those_that_depart_from_the_linear_ones() -> None:
    case = scored(np.full(SHAPE, 0.1))
    linear = case.truth.copy()
    linear[1, 1] += 0.3
    summary = summarise(frame(np.full(SHAPE, 0.1), linear=linear))
    binding = summary["binding"]
    assert binding["share"] == pytest.approx(3 / 20)  # three observables of one response
    assert binding["binds"]["responses"] == 3
    expected = 0.3 * np.mean([1 / 0.5, 1 / 1, 1 / 4])
    assert binding["binds"]["linear_nrmse"] == pytest.approx(expected)
    assert binding["slack"]["linear_nrmse"] == 0.0
    assert "binding" not in summarise(frame(np.full(SHAPE, 0.1)))


def test_every_response_that_binds_weighs_the_same() -> None:
    """One response of sample 1 binds, both of sample 2; errors of 0.1 and 0.4 in s.d.s."""
    error = np.full(SHAPE, 0.1) * SIGMA[:, None]
    error[2] *= 4.0
    error[..., 0, :, 2] = 0.0  # sigma is zero here
    linear = scored(error).truth.copy()
    linear[1, 1] += 0.3
    linear[2] += 0.3
    binds = summarise(frame(error, linear=linear))["binding"]["binds"]
    assert (binds["responses"], binds["samples"]) == (3 + 2 + 3, 2)
    assert binds["nrmse"] == pytest.approx((3 * 0.1 + 5 * 0.4) / 8)  # not (0.1 + 0.4) / 2
    assert binds["ci95"] == pytest.approx([0.1, 0.4])  # resamples of one of the two alone


def test_an_entry_says_that_siblings_were_resampled_together() -> None:
    table = frame(noise())  # six samples: two groups of three
    alone, together = summarise(table), summarise(table, siblings=3)
    assert "siblings" not in alone
    assert together["siblings"] == 3
    differing = {key for key in alone if alone[key] != together[key]}
    assert differing == {"ci95"}
