"""What a metric is: statistics of single responses, and a formula over many of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Answers:
    """Responses per s.d. of the shock beside the exact ones, in the observable's unit.

    prediction, truth: (..., H+1), horizons last; one curve predicted may stand for many. quantiles:
    (..., H+1, 5) at the levels of `limits.QUANTILES`; None of a model without bands. curves: the
    same, of bands that are to hold whole curves.
    """

    prediction: Array
    truth: Array
    quantiles: Array | None = None
    curves: Array | None = None


class Table(StrEnum):
    """The tables of the report, by heading."""

    errors = "Errors people feel"
    shapes = "Shapes and bands"


Statistic = Callable[[Answers], NDArray[Any]]  # a number a response, (...)
Formula = Callable[[pd.DataFrame], Any]  # a number, or numbers ready for JSON


@dataclass(frozen=True)
class Metric:
    """A metric. Its name in metrics.json is that of the formula, its words are the docstring.

    place: where it stands among the others, in tens a file. unit: in words. heading: of its column
    in the report's table, none where empty. beside: the metric of the exact responses that is shown
    in brackets. digits: shown after the point. of_bands: whether only models with bands have it.
    """

    formula: Formula
    place: int
    unit: str
    heading: str = ""
    beside: str = ""
    digits: int = 3
    of_bands: bool = False
    table: Table = Table.shapes

    @property
    def name(self) -> str:
        return self.formula.__name__

    @property
    def words(self) -> str:
        """What it is, in a line."""
        return " ".join((inspect.getdoc(self.formula) or "").split())


def of_both(name: str, measure: Callable[[Array], NDArray[Any]]) -> dict[str, Statistic]:
    """A measure (..., H+1) -> (...) of the prediction and, `_truth` behind the name, the truth."""
    return {
        name: lambda answers: measure(answers.prediction),
        f"{name}_truth": lambda answers: measure(answers.truth),
    }


@dataclass(frozen=True)
class InBands:
    """A statistic of truth and quantiles; NaN of a model without bands. of_curves: of the bands
    that are to hold whole curves."""

    measure: Callable[[Array, Array], NDArray[Any]]
    of_curves: bool = False

    def __call__(self, answers: Answers) -> NDArray[Any]:
        quantiles = answers.curves if self.of_curves else answers.quantiles
        if quantiles is None:
            return np.full(answers.truth.shape[:-1], np.nan, dtype=np.float32)
        return self.measure(answers.truth, quantiles)


def means_by(values: pd.Series[float], key: pd.Series[str]) -> dict[str, float]:
    """The mean of values by key, in the order in which keys appear."""
    means = values.groupby(key, sort=False).mean()
    return {str(name): float(value) for name, value in means.items()}
