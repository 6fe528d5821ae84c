"""Runs joined with floors, and refused where they do not belong together."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from emulator.errors import DatasetError
from emulator.evaluation.floors.distances import fill_floors, ratio, stored_ratios, table
from emulator.evaluation.floors.posterior_mean_errors import errors
from tests.evaluation.floors.toys import CASE, evaluated_at, others_than, theirs, toy


@pytest.mark.fast
def test_a_run_with_twice_the_error_has_ratio_two() -> None:
    floors = toy()
    found = ratio("run", floors, CASE, theirs(floors, 2.0)).compared
    assert found.ratio == pytest.approx(2.0)
    assert found.ci95 == pytest.approx((2.0, 2.0))  # pairing leaves nothing to chance
    assert found.histories == 40


@pytest.mark.fast
def test_the_ratio_is_of_roots_of_mean_squares_and_large_errors_rule_it() -> None:
    """Three times the floor's error in four histories of forty, its error in the others."""
    floors = toy()
    ours = errors(floors, CASE)
    worse = ours["sample"].isin(ours["sample"].unique()[:4])
    found = ratio("run", floors, CASE, ours.assign(mse=ours["mse"] * np.where(worse, 9.0, 1.0)))
    squares = ours["mse"] / ours["sigma"] ** 2
    expected = np.sqrt((squares * np.where(worse, 9.0, 1.0)).mean() / squares.mean())
    assert found.compared.ratio == pytest.approx(expected)
    assert found.compared.floor_rmse == pytest.approx(np.sqrt(squares.mean()))
    assert found.compared.run_rmse == pytest.approx(expected * found.compared.floor_rmse)
    low, high = found.compared.ci95
    assert 1.0 <= low < expected < high < 3.0


@pytest.mark.fast
def test_the_histories_of_both_are_compared_and_a_run_with_none_of_them_is_refused() -> None:
    floors = toy()
    twice = theirs(floors, 2.0)
    found = ratio("run", floors, CASE, twice[twice["sample"] > 9]).compared
    assert (found.histories, found.ratio) == (37, pytest.approx(2.0))
    with pytest.raises(DatasetError, match="errors of none of the 40 histories"):
        ratio("run", floors, CASE, twice[twice["sample"] < 7])


@pytest.mark.fast
def test_stored_errors_are_joined_where_data_and_length_agree(tmp_path: Path) -> None:
    floors = toy()
    run = evaluated_at(floors, 1.5, tmp_path)
    (found,) = stored_ratios(run, [floors, *others_than(floors)])
    rows = table([found])
    assert rows.loc[0, ["run", "world", "histories"]].tolist() == ["universal", "toy", 40]
    assert rows.loc[0, ["ratio", "hf_ratio"]].tolist() == pytest.approx([1.5, 1.0])
    assert "hf_ratio" not in table([dataclasses.replace(found, hf_ratio=None)])
    assert table([]).empty
    assert stored_ratios(run, others_than(floors)) == []


@pytest.mark.fast
def test_errors_of_an_exact_conditional_mean_need_no_floor(tmp_path: Path) -> None:
    run = evaluated_at(toy(), 1.5, tmp_path, best_mse=lambda errors: errors["mse"] / 9.0)
    assert stored_ratios(run, []) == []
    fill_floors(run, [])
    entry = run.entry("toy", "B1", "prior", "steady_state")
    assert entry is not None
    assert (entry["floor_ratio"], entry["floor_histories"]) == (pytest.approx(3.0), 40)
    assert "floor_hf_ratio" not in entry


@pytest.mark.fast
def test_an_evaluation_says_how_far_it_is_from_the_floor_and_forgets_floors_that_are_gone(
    tmp_path: Path,
) -> None:
    floors = toy()
    run = evaluated_at(floors, 1.5, tmp_path)
    entry = run.entry("toy", "B1", "prior", "steady_state")
    assert entry is not None
    fill_floors(run, [floors])
    assert entry["floor_ratio"] == pytest.approx(1.5)
    assert entry["floor_ratio_ci95"] == pytest.approx([1.5, 1.5])
    assert (entry["floor_histories"], entry["nrmse"]) == (40, 1.0)
    assert entry["floor_hf_ratio"] == pytest.approx(1.0)  # the toy run has the floor's energies
    assert run.metrics["floors"] == {"toy": floors.settings.sha}
    for absent in (others_than(floors), []):
        fill_floors(run, [floors])
        fill_floors(run, absent)
        assert entry == {"nrmse": 1.0}
        assert run.metrics["floors"] == {}
