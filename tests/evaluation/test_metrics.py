"""Metrics: known answers on toy cases, and identities between two of them."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from emulator.evaluation.scoring.metrics import derived as metrics
from emulator.evaluation.scoring.metrics.derived import nrmse_per_sample, summarise
from emulator.evaluation.scoring.statistics import error_by_horizon, mean_spectrum, statistics
from tests.evaluation.toys import SIGMA, bands, frame, scored

pytestmark = pytest.mark.fast

SHAPE = (4, 2, 7, 3)


def noise(seed: int = 1, shape: tuple[int, ...] = (6, 2, 9, 3)) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def test_nrmse_of_a_known_error() -> None:
    """Off by 0.3 everywhere: 0.3 / sigma, averaged over the five responses that are not zero."""
    expected = 0.3 * np.mean([1 / 1, 1 / 2, 1 / 0.5, 1 / 1, 1 / 4])
    summary = summarise(frame(np.full(SHAPE, 0.3)))
    assert summary["nrmse"] == pytest.approx(expected, rel=1e-12)
    assert summary["samples"] == 4
    assert summary["ci95"] == pytest.approx([expected, expected], rel=1e-12)
    pooled = 0.3 * np.mean([1 / 1, 1 / 2, 1 / 1, 1 / 2, 1 / 4])
    assert summary["nrmse_pooled"] == pytest.approx(pooled, rel=1e-12)
    assert summary["by_observable"]["rate"] == pytest.approx(0.3 / 4, rel=1e-12)
    assert summary["by_shock"]["first"] == pytest.approx(0.3 * (1 / 1 + 1 / 2) / 2, rel=1e-12)


def test_nrmse_is_the_mean_over_responses_of_the_root_over_horizons() -> None:
    """One horizon of seven off by 0.7: the root mean square over horizons is 0.7 / sqrt(7)."""
    error = np.zeros((3, 2, 7, 3))
    error[1, 0, 4, 0] = 0.7
    error[0, 1, 4, 1] = error[2, 1, 4, 1] = 0.07  # no sample may be exact
    per_sample = nrmse_per_sample(frame(error))
    assert per_sample[0] == pytest.approx(0.07 / np.sqrt(7) / 5, rel=1e-12)
    assert per_sample[1] == pytest.approx(0.7 / np.sqrt(7) / 5, rel=1e-12)
    by_horizon = error_by_horizon(scored(error))
    assert by_horizon[4] == pytest.approx(np.sqrt((0.7**2 + 2 * 0.07**2) / (3 * 5)), rel=1e-12)
    assert (np.delete(by_horizon, 4) == 0).all()


def test_mean_square_by_response_and_by_horizon_agree() -> None:
    """Both average the same squares, (error / sigma)^2."""
    case = scored(noise())
    table = statistics(case)
    by_response = (table["mse"] / table["sigma"] ** 2).mean()
    assert np.square(error_by_horizon(case)).mean() == pytest.approx(by_response, rel=1e-12)


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


def test_a_constant_bias_shows_alike_in_iae_and_in_the_cumulative_response() -> None:
    table = frame(np.full(SHAPE, -0.2))
    expected = 7 * 0.2 * np.mean([1 / 1, 1 / 2, 1 / 0.5, 1 / 1, 1 / 4])
    assert metrics.iae(table) == pytest.approx(expected)
    assert metrics.cumulative_error(table) == pytest.approx(expected)


def test_iae_is_never_below_the_error_of_the_cumulative_response() -> None:
    table = frame(noise())
    gap = (table["cumulative"] - table["cumulative_truth"]).abs()
    assert (table["iae"] >= gap - 1e-12).all()
    assert (table["iae"] > gap + 0.1).any()


def test_iae_lies_between_the_bounds_that_mse_sets() -> None:
    """Jensen: (iae / points)^2 <= mse, and iae >= sqrt(points mse)."""
    table = frame(noise())
    assert (table["iae"] / 9 <= np.sqrt(table["mse"]) + 1e-12).all()
    assert (table["iae"] >= np.sqrt(9 * table["mse"]) - 1e-12).all()


def test_sign_at_impact_counts_clear_impacts_alone() -> None:
    """Half of the samples flipped: one half. A negligible impact of the wrong sign is no error."""
    case = scored(np.zeros((4, 2, 7, 3)) + 1e-3)
    truth = np.ones((4, 2, 7, 3))
    truth[..., 0, 1] = 1e-5
    prediction = 1.01 * truth
    prediction[:2, :, 0] *= -1.0
    flipped = statistics(scored(np.zeros(SHAPE), prediction=prediction, truth=truth))
    assert metrics.sign_at_impact(flipped) == 0.5
    assert metrics.sign_at_impact(statistics(case)) > 0.9


def test_peak_errors_of_a_shifted_and_scaled_response() -> None:
    truth = np.zeros((4, 2, 9, 3))
    truth[:, :, 2] = 1.0
    prediction = np.zeros_like(truth)
    prediction[:, :, 5] = 1.5
    table = frame(np.zeros_like(truth), truth=truth, prediction=prediction)
    assert metrics.peak_time_error(table) == 3.0
    expected = 0.5 * np.mean([1 / 1, 1 / 2, 1 / 0.5, 1 / 1, 1 / 4])
    assert metrics.peak_error(table) == pytest.approx(expected)
    assert metrics.half_life_error(table) == 0.0


def test_energy_is_the_sum_of_squares_and_bounds_its_high_part() -> None:
    case = scored(noise())
    table = statistics(case)
    squares = np.square(case.prediction).sum(axis=2)[:, case.sigma > 0]
    assert np.sort(table["energy"]) == pytest.approx(np.sort(squares.ravel()))
    assert (table["energy_high"] <= table["energy"]).all()


def test_hf_ratio_is_one_for_any_scale_and_larger_with_jaggedness() -> None:
    smooth = np.exp(-np.arange(41) / 10)[None, None, :, None] * np.ones((5, 2, 41, 3))
    jagged = 0.05 * ((-1.0) ** np.arange(41))[None, None, :, None]
    empty = np.zeros_like(smooth)
    scaled = frame(empty, truth=smooth, prediction=1.3 * smooth)
    assert metrics.hf_ratio(scaled) == pytest.approx(1.0, rel=1e-12)
    rough = frame(empty, truth=smooth, prediction=smooth + jagged)
    assert metrics.hf_ratio(rough) > 1.1
    assert metrics.hf_share(rough) / metrics.hf_share_truth(rough) == metrics.hf_ratio(rough)


def test_the_mean_spectrum_and_the_stored_energies_agree() -> None:
    case = scored(noise())
    table = statistics(case)
    stored = (table["energy"] / table["sigma"] ** 2).mean()
    assert mean_spectrum(case.prediction, SIGMA).sum() == pytest.approx(stored, rel=1e-12)


def test_bands_are_summarised_and_missing_bands_leave_their_metrics_out() -> None:
    case = scored(noise())
    summary = summarise(frame(noise(), quantiles=bands(case.truth, (-2.0, -1.0, 0.5, 1.0, 2.0))))
    assert summary["coverage_50"] == summary["coverage_90"] == 1.0
    assert summary["calibration"] == [0.0, 0.0, 1.0, 1.0, 1.0]
    assert summary["width_90"] == pytest.approx(
        4.0 * np.mean([1 / 1, 1 / 2, 1 / 0.5, 1 / 1, 1 / 4])
    )
    assert "coverage_90" not in summarise(frame(noise()))


def test_crps_of_a_model_without_bands_is_its_absolute_error() -> None:
    table = frame(noise())
    assert metrics.crps(table) == pytest.approx(metrics.iae(table) / 9)


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


def test_every_metric_says_what_it_is() -> None:
    """The report prints these; a rationale or unit takes more than a few words."""
    for name, metric in {**metrics.METRICS, **metrics.BAND_METRICS}.items():
        text = inspect.getdoc(metric)
        assert text, name
        assert len(text.split()) >= 6, name
