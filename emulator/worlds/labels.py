"""Numbers that come with names, read by their names whatever order they come in.

Mappings, named tuples, pandas' Series and DataFrames, tables that Arrow can read (polars, DuckDB),
xarray's DataArrays and Datasets, NumPy's structured arrays; and lists of any of these. What has no
names is not touched here: `arguments.real` takes it by position.
"""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import numpy as np
from numpy.typing import NDArray

from emulator.errors import InputError, nearest, unknown_name
from emulator.worlds.arguments import NO_REAL, NOT_NUMBERS, plain_digits, real

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_ARROW = ("__arrow_c_stream__", "__arrow_c_array__")


class Named(NamedTuple):
    """Columns with names. column: the j-th one, of any shape. rows: the labels of its entries,
    where there are some."""

    names: list[str]
    column: Callable[[int], Any]
    rows: pd.Index | None = None


@dataclass(frozen=True)
class Wanted:
    """The names that an argument may come with: `noun`s of `owner`. defaults: (N,), what those
    left out take; without them all must be there."""

    argument: str
    noun: str
    owner: str
    names: tuple[str, ...]
    defaults: NDArray[np.float64] | None = None

    def read(self, values: Any) -> NDArray[np.float64] | None:
        """(..., N) in the order of `names`, missing and masked entries as NaN; None where `values`
        has no names.

        Raises UnknownNameError for a name that is not among them, and InputError for one that is
        given twice or left out, for other than numbers, and for lists of things unlike each other.
        """
        parts = parts_of(values, self.names)
        if parts is not None:
            rows = [self.read(part) for part in parts]
            if any(row is None or row.shape != _shape(rows[0]) for row in rows):
                raise InputError(
                    f"{self.argument}: expected a list of things alike, each with the names and "
                    "number of rows of the others"
                )
            return np.stack([row for row in rows if row is not None])
        found = named(self.argument, values, self.names)
        if found is None:
            return None
        self._check(found.names)
        columns = []
        for k, name in enumerate(self.names):
            if name in found.names:
                columns.append(self._numbers(name, found.column(found.names.index(name))))
            elif self.defaults is not None:
                columns.append(self.defaults[k])
        if all(np.ndim(column) == 0 for column in columns):
            return np.array(columns, dtype=np.float64)
        return np.stack(np.broadcast_arrays(*columns), axis=-1)

    def _check(self, given: list[str]) -> None:
        if self.defaults is None:
            for name in self.names:
                if name not in given:
                    raise InputError(
                        f"{self.argument}: {self.noun} {name!r} is missing; names must be all of "
                        f"{', '.join(self.names)}"
                        + (" (pack fills in defaults)" if self.noun == "parameter" else "")
                    )
        for name in given:
            if name not in self.names:
                raise unknown_name(f"{self.noun} of {self.owner}", name, self.names)
            if given.count(name) > 1:
                raise InputError(f"{self.noun} {name!r} is given twice")

    def _numbers(self, name: str, column: Any) -> NDArray[np.float64]:
        try:
            return column_numbers(column)
        except NOT_NUMBERS:
            one = np.ndim(column) == 0 or not hasattr(column, "dtype")
            what = f"a number, got {reprlib.repr(column)}" if one else "a column of numbers"
            raise InputError(f"{self.noun} {name!r}: expected {what}") from None


def _shape(row: NDArray[np.float64] | None) -> tuple[int, ...]:
    return () if row is None else row.shape


def column_numbers(column: Any) -> NDArray[np.float64]:
    """A column as float64, missing values as NaN; one of NOT_NUMBERS for other than real ones."""
    if is_pandas(column, "Series"):
        if column.dtype.kind in NO_REAL:
            raise TypeError(f"expected real numbers, got {column.dtype}")
        plain_digits(column)
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    if column is None:  # NaN to NumPy
        raise TypeError("expected a number, got None")
    return real(column)


def is_pandas(value: Any, kind: str) -> bool:
    """Whether value is pandas' `kind`. Who made one has imported pandas, so this need not."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, getattr(pandas, kind))


def _is_xarray(value: Any) -> TypeGuard[xr.DataArray]:
    xarray = sys.modules.get("xarray")
    return xarray is not None and isinstance(value, xarray.DataArray)


def has_names(value: Any) -> bool:
    """Whether `value` is of a kind that names its entries."""
    if type(value) in (float, int, list, np.float64):
        return False
    return (
        isinstance(value, Mapping)
        or hasattr(value, "_asdict")
        or is_pandas(value, "Series")
        or is_pandas(value, "DataFrame")
        or (_is_xarray(value) and value.ndim > 0)
        or getattr(getattr(value, "dtype", None), "names", None) is not None
        or _table(value) is not None
    )


def parts_of(values: Any, names: Sequence[str]) -> list[Any] | None:
    """The entries of a list of things with names, each for itself; None for anything else, as for
    Series that are columns, called by some of `names`."""
    if not isinstance(values, (list, tuple)) or hasattr(values, "_asdict"):
        return None
    if not any(has_names(value) for value in values) or _are_columns(values, names):
        return None
    return list(values)


def _are_columns(values: Any, names: Sequence[str]) -> bool:
    return (
        isinstance(values, (list, tuple))
        and bool(values)
        and all(
            is_pandas(value, "Series") and value.name in names and names[0] not in value.index
            for value in values
        )
    )


def named(argument: str, values: Any, names: Sequence[str]) -> Named | None:
    """The columns of what has names, or None. names: those looked for, which tell the axis of an
    array whose axes all have labels. Raises InputError where names are not told."""
    if hasattr(values, "_asdict"):
        values = values._asdict()
    xarray = sys.modules.get("xarray")
    if xarray is not None and isinstance(values, xarray.Dataset):
        values = values.to_dataarray("name")
    if _are_columns(values, names):
        import pandas as pd

        values = pd.concat(list(values), axis=1)
    if isinstance(values, Mapping):
        if all(_is_scalar(value) for value in values.values()):
            return Named(_texts(values), list(values.values()).__getitem__)
        values = _frame(argument, values)
    if is_pandas(values, "Series"):
        return Named(_texts(values.index), values.iloc.__getitem__)
    if _is_xarray(values) and values.ndim:
        return _of_array(argument, values, names)
    fields = getattr(getattr(values, "dtype", None), "names", None)
    if fields is not None:
        return Named(_texts(fields), lambda j: values[fields[j]])
    frame = values if is_pandas(values, "DataFrame") else _table(values)
    if frame is None:
        return None
    return Named(_texts(frame.columns), lambda j: frame.iloc[:, j], frame.index)


def _texts(labels: Iterable[Any]) -> list[str]:
    return [str(label) for label in labels]


def _is_scalar(value: Any) -> bool:
    try:
        return np.ndim(value) == 0
    except NOT_NUMBERS:  # lists of unequal lengths
        return False


def _frame(argument: str, values: Mapping[Any, Any]) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.DataFrame(dict(values))  # Series are put side by side by their own labels
    except NOT_NUMBERS as error:
        raise InputError(f"{argument}: no columns of one table ({error})") from None


def _table(values: Any) -> pd.DataFrame | None:
    """A table of another library, through Arrow, as a DataFrame; None for what is no table."""
    if not any(hasattr(values, method) for method in _ARROW) or is_pandas(values, "Series"):
        return None
    import pyarrow

    try:
        frame: pd.DataFrame = pyarrow.table(values).to_pandas()
    except (pyarrow.ArrowException, TypeError, ValueError):  # a column alone
        return None
    return frame


def _of_array(argument: str, values: xr.DataArray, names: Sequence[str]) -> Named:
    """A DataArray's columns: along the axis that has most of the names as labels."""

    def known(axis: Hashable) -> int:
        return len({str(label) for label in values.indexes.get(axis, ())}.intersection(names))

    axis = max(values.dims, key=known)
    if not known(axis):
        close = next((n for d in values.dims for label in values.indexes.get(d, ())
                      if (n := nearest(str(label), names))), None)  # fmt: skip
        raise InputError(
            f"{argument}: no axis of the DataArray has labels among {', '.join(names)}"
            + (f" (is one of them {close!r}?)" if close else "")
            + "; label it, or hand over its to_numpy()"
        )
    others = [d for d in values.dims if d != axis]
    rows = values.indexes.get(others[-1]) if others else None
    return Named(
        _texts(values.indexes[axis]), lambda j: values.isel({axis: j}).transpose(*others).data, rows
    )
