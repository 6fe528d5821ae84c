"""Arguments that come with names go by them, whatever holds them and in whatever order."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import xarray as xr

import emulator
from emulator.errors import InputError, UnknownNameError
from emulator.worlds.base import Status

pytestmark = pytest.mark.fast

WORLD = emulator.get_world("nk")
NAMES = list(WORLD.parameter_names)[::-1]
THETA = WORLD.sample_parameters(3, np.random.default_rng(0))
FRAME = pd.DataFrame(THETA, columns=list(WORLD.parameter_names))[NAMES]
Draw = namedtuple("Draw", NAMES)  # type: ignore[misc]


class Foreign:
    """A table of another library: all that is known of it is that Arrow can read it."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.table = pa.Table.from_pandas(frame)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


NAMED: dict[str, Callable[[pd.DataFrame], Any]] = {
    "frame": lambda frame: frame,
    "table": Foreign,
    "arrow": pa.Table.from_pandas,
    "array": lambda frame: xr.DataArray(frame, dims=("draw", "parameter")),
    "array on its side": lambda frame: xr.DataArray(frame, dims=("draw", "parameter")).T,
    "set of arrays": lambda frame: xr.DataArray(frame, dims=("draw", "p")).to_dataset("p"),
    "mapping": lambda frame: {name: frame[name].tolist() for name in frame},
    "mapping of series": dict,
    "list of series": lambda frame: [row for _, row in frame.iterrows()],
    "list of columns": lambda frame: [frame[name] for name in frame],
    "list of mappings": lambda frame: frame.to_dict("records"),
    "named tuples": lambda frame: [Draw(*row) for row in frame.to_numpy()],
    "records": lambda frame: frame.to_records(index=False),
    "nullable": lambda frame: frame.astype("Float64"),
}


@pytest.mark.parametrize("kind", NAMED)
def test_parameters_go_by_their_names(kind: str) -> None:
    given = NAMED[kind](FRAME)
    np.testing.assert_array_equal(WORLD.irf(given, 4).values, WORLD.irf(THETA, 4).values)
    np.testing.assert_array_equal(WORLD.check(given), WORLD.check(THETA))


def test_one_draw_goes_by_its_names() -> None:
    expected = WORLD.irf(THETA[0], 4).values
    row = FRAME.iloc[0]
    for given in (row, row.to_dict(), Draw(*row), xr.DataArray(row, dims="p"), FRAME.iloc[:1]):
        np.testing.assert_array_equal(WORLD.irf(given, 4).values, expected)


def test_shocks_sizes_and_states_go_by_their_names() -> None:
    shocks, states = list(WORLD.shock_names), list(WORLD.state_names)
    eps = np.random.default_rng(0).normal(size=(3, 8, 3))
    size, state = np.arange(1.0, 10.0).reshape(3, 3), np.full((3, len(states)), 0.01) * THETA[:, :1]
    state *= np.arange(1, 1 + len(states))
    series = xr.DataArray(eps, dims=("draw", "t", "shock"), coords={"shock": shocks})
    turned = series[..., ::-1].transpose("shock", "t", "draw").transpose("draw", "shock", "t")
    np.testing.assert_array_equal(
        WORLD.simulate(THETA, turned).observables, WORLD.simulate(THETA, eps).observables
    )
    one = pd.DataFrame(eps[0], columns=shocks)[shocks[::-1]]
    np.testing.assert_array_equal(
        WORLD.simulate(THETA[0], one).observables[0], WORLD.simulate(THETA, eps).observables[0]
    )
    sizes = pd.DataFrame(size, columns=shocks)[shocks[::-1]]
    np.testing.assert_array_equal(
        WORLD.irf(THETA, 4, sizes).values, WORLD.irf(THETA, 4, size).values
    )
    start = pd.DataFrame(state, columns=states)[states[::-1]]
    np.testing.assert_array_equal(
        WORLD.simulate(THETA, eps, start).observables, WORLD.simulate(THETA, eps, state).observables
    )


def test_names_that_do_not_fit_are_refused() -> None:
    for given, error, expected in (
        (FRAME.drop(columns="kappa"), InputError, "theta: parameter 'kappa' is missing"),
        (FRAME.assign(kapa=1.0), UnknownNameError, "did you mean 'kappa'"),
        (FRAME[[*NAMES, "kappa"]], InputError, "parameter 'kappa' is given twice"),
        (
            FRAME.set_axis([pd.NA, *NAMES[1:]], axis=1),
            InputError,
            f"parameter {NAMES[0]!r} is missing",
        ),
        (FRAME.assign(kappa="a"), InputError, "'kappa': expected a column of numbers"),
        (FRAME.assign(kappa=pd.NaT), InputError, "'kappa': expected a column of numbers"),
        (FRAME.iloc[0].to_dict() | {"kappa": "a"}, InputError, "'kappa': expected a number"),
        (pd.DataFrame(THETA), InputError, "theta: parameter 'beta' is missing"),
        (pd.Series(THETA[0]), InputError, "theta: parameter 'beta' is missing"),
        (xr.DataArray(THETA), InputError, "no axis of the DataArray has labels among beta"),
        ([FRAME.iloc[0], THETA[0]], InputError, "theta: expected a list of things alike"),
        ([FRAME, FRAME[:2]], InputError, "theta: expected a list of things alike"),
        ({**FRAME.iloc[0], "kappa": [1.0], "beta": [1.0, 2.0]}, InputError, "columns of one table"),
    ):
        with pytest.raises(error, match=expected):
            WORLD.irf(given)


def test_what_is_masked_is_missing() -> None:
    masked = np.ma.array(THETA, mask=False)
    np.testing.assert_array_equal(WORLD.irf(masked, 4).values, WORLD.irf(THETA, 4).values)
    masked[1, 2] = np.ma.masked
    missing = FRAME.astype("Float64")
    missing.loc[1, "kappa"] = pd.NA
    for given in (masked, list(masked), missing):
        assert WORLD.check(given).tolist() == [Status.OK, Status.NOT_FINITE, Status.OK]
    with pytest.raises(InputError, match="eps: expected finite"):
        WORLD.simulate(THETA[0], np.ma.masked_less(np.ones((8, 3)), 2.0))


def test_views_that_run_backwards_say_the_same() -> None:
    np.testing.assert_array_equal(WORLD.irf(THETA[::-1]).values, WORLD.irf(THETA).values[::-1])


@pytest.mark.parametrize("text", ["1_0", "١", "１.5"])
def test_numbers_in_texts_are_in_plain_digits(text: str) -> None:
    draw: dict[str, Any] = dict(zip(WORLD.parameter_names, THETA[0], strict=True))
    plain = WORLD.irf({**draw, "phi_pi": "2.5"}).values
    np.testing.assert_array_equal(plain, WORLD.irf({**draw, "phi_pi": 2.5}).values)
    wrong = {**draw, "phi_pi": text}
    for values in (wrong, pd.Series(wrong), pd.DataFrame([wrong])):
        with pytest.raises(InputError, match="phi_pi"):
            WORLD.irf(values)
