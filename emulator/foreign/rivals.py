"""The estimators that a benchmark compares, by name.

Each takes data (B, T, n), the place of the series whose innovation is asked about, and which first
lags are expected to be one, and gives responses (B, H+1, n). Four lags where not said otherwise.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from emulator.econometrics.candidates import NAMES as CANDIDATES
from emulator.econometrics.candidates import candidates
from emulator.econometrics.question import FloatArray
from emulator.errors import InputError
from emulator.foreign.grammar.draws import Kind
from emulator.foreign.network.answers import Network
from emulator.foreign.stacking import learned, stacked
from emulator.storage import file_sha256

REFERENCE = "var"
NAMES = (
    "var", "var_corrected", "bvar", "lp", "lp_corrected", "lp_penalised", "mean", "stacked",
    "network", "zero",
)  # fmt: skip
NORMAL_90 = 1.6449  # standard errors


class Estimate(NamedTuple):
    """point (B, H+1, n), and band (B, H+1, n, 2), of 90 %, where there is one."""

    point: FloatArray
    band: FloatArray | None = None


# Takes data, kind, before and horizon as `estimates` does, and gives what an Estimate is made of.
Method = Callable[[FloatArray, Kind, int, int], Any]


def read_method(name: str) -> Method:
    """The function that FILE.py:FUNCTION names; the file is run, once while it stays as it is.
    Raises InputError."""
    path, _, function = name.rpartition(":")
    if not Path(path).is_file():
        raise InputError(f"method: expected FILE.py:FUNCTION, got {name!r}; no file {path!r}")
    return _function(path, function, file_sha256(Path(path)))


@lru_cache(maxsize=1)
def _function(path: str, function: str, _: str) -> Method:
    try:
        found = runpy.run_path(path).get(function)
    except Exception as error:  # whatever somebody's file does
        raise InputError(f"method: {path} fails: {_in_a_line(error)}") from error
    if not callable(found):
        raise InputError(f"method: {path} has no function {function!r}")
    method: Method = found
    return method


def by_method(method: Method, data: FloatArray, kind: Kind, before: int, horizon: int) -> Estimate:
    """The answer of a method of one's own. Raises InputError where there is none, or one of another
    shape, not finite, or with bands whose lower edge is above the upper."""
    try:
        said = method(data, kind, before, horizon)
        parts = [np.asarray(part, dtype=float) for part in (said if _is_pair(said) else (said,))]
    except Exception as error:  # whatever somebody's function does
        raise InputError(f"method: fails: {_in_a_line(error)}") from error
    expected = (len(data), horizon + 1, data.shape[2])
    for part, shape in zip(parts, (expected, (*expected, 2)), strict=False):
        if part.shape != shape or not np.isfinite(part).all():
            raise InputError(
                f"method: expected finite numbers of shape {shape}, got {part.shape}"
                f"{'' if part.shape != shape else ', not all of them finite'}"
            )
    if len(parts) > 1 and (parts[1][..., 0] > parts[1][..., 1]).any():
        raise InputError("method: bands whose lower edge is above the upper one")
    return Estimate(*parts)


def _is_pair(said: Any) -> bool:
    return isinstance(said, (tuple, list)) and len(said) == 2


def _in_a_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def estimates(
    data: FloatArray, kind: Kind, before: int, horizon: int, persistent: FloatArray
) -> dict[str, Estimate]:
    """Responses by every estimator, NAMES its keys. persistent (n,): the prior means of own first
    lags. `mean` is the equal one of VAR, Bayesian VAR and penalised local projections; `stacked`
    has weights learned on the grammar, the same for all data, and `network` weights that follow
    from them; `zero` says that nothing happens. Local projections' band is of normal errors."""
    answers = candidates(data, before, horizon, persistent)
    each = dict(zip(CANDIDATES, answers.responses.swapaxes(0, 1), strict=True))
    found = {name: Estimate(point) for name, point in each.items()}
    found["mean"] = Estimate((each["var"] + each["bvar"] + each["lp_penalised"]) / 3.0)
    found["stacked"] = Estimate(stacked(learned()[kind], answers, before))
    found["zero"] = Estimate(np.zeros_like(each["var"]))
    wide = NORMAL_90 * answers.error
    found["lp"] = Estimate(each["lp"], np.stack([each["lp"] - wide, each["lp"] + wide], axis=-1))
    quantiles = Network.read().quantiles(kind, answers, before, before)
    found["network"] = Estimate(quantiles[..., 2], quantiles[..., [0, -1]])
    return {name: found[name] for name in NAMES}
