"""Benchmarks of responses to a monetary shock, by estimators that see 200 quarters of five series.

Data sets are drawn from a dynamic factor model (factor_model.py), as Li, Plagborg-Moller and Wolf
(2024) do: five series, a short-term rate last among them, 200 quarters, horizons 0 to 20. Asked is

    observed    the response to the shock itself, which is a column beside the series
    recursive   the response to the rate's innovation, ordered last, that raises it by one

of one other series. A process is a choice of five series and of the one asked about; its error is
the squared one, mean over samples and horizons. Half of the processes, the sealed ones, are for
estimators that are finished: scored once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from emulator.econometrics.question import FloatArray
from emulator.estimation.in_processes import in_processes
from emulator.foreign import rivals
from emulator.foreign.factor_model import FactorModel
from emulator.foreign.grammar.series import sd_of_changes
from emulator.foreign.linear_economy import (
    Economy,
    innovations,
    recursive,
    simulated,
    to_innovation,
)
from emulator.progress import Progress, silent
from emulator.storage import file_sha256, write_atomically

SERIES, QUARTERS, HORIZON, BURN_IN = 5, 200, 20, 200
SAMPLES = 50
QUESTIONS = ("observed", "recursive")
AT_ONCE = 10  # processes: what a stopped run loses at most
ERRORS = tuple(f"h{h}" for h in range(HORIZON + 1))

Half = Literal["open", "sealed"]


@dataclass(frozen=True)
class Benchmark:
    """Processes drawn from the factor model in `file`, of these series, counted from zero.

    policy: a short-term rate. activity and prices: one of each is in every process. count: of
    processes, both halves. seed: of processes and samples, since a benchmark is one set of data.
    """

    file: Path
    policy: int
    activity: range
    prices: range
    count: int
    seed: int

    def processes(self, half: Half) -> list[Process]:
        """Every second process: the open ones are those of even numbers."""
        rng = np.random.default_rng(self.seed)
        there = len(FactorModel.read(self.file).loadings)
        series = [self._series(rng, there) for _ in range(self.count)]
        asked = rng.integers(0, SERIES - 1, self.count)
        first = 0 if half == "open" else 1
        return [Process(k, series[k], int(asked[k])) for k in range(first, self.count, 2)]

    def _series(self, rng: np.random.Generator, there: int) -> NDArray[np.int64]:
        """One of activity, one of prices, two of any of those that are `there`, and the rate."""
        while True:
            head = [rng.choice(self.activity), rng.choice(self.prices)]
            picked = [*head, *rng.integers(0, there, SERIES - 3)]
            if len({*picked, self.policy}) == SERIES:
                return np.array([*rng.permutation(picked), self.policy])

    def economy(self, process: Process) -> Economy:
        """The five series; their first innovation is the observed shock."""
        return FactorModel.read(self.file).economy(process.series, self.policy)

    def samples(self, process: Process, count: int) -> tuple[FloatArray, FloatArray]:
        """`count` samples of a process: the series (B, T, n) and the observed shock (B, T)."""
        economy = self.economy(process)
        rng = np.random.default_rng([self.seed, process.number])
        e = rng.standard_normal((count, BURN_IN + QUARTERS, economy.b.shape[1]))
        return np.stack([simulated(*economy, each, BURN_IN) for each in e]), e[:, BURN_IN:, 0]


class Process(NamedTuple):
    """number: its place among all. series (5,): of the factor model. asked: the place among them of
    the one whose response is asked for."""

    number: int
    series: NDArray[np.int64]
    asked: int


HERE = Path(__file__).parent
# Stock and Watson's (2016) 207 quarterly US series, as estimated for the paper: GDP, production,
# work, housing and orders; prices; the federal funds rate. And ten series of statsmodels'
# macrodata (python -m studies.macrodata_model).
BENCHMARKS = {
    "lpw": Benchmark(HERE / "lpw.npz", 141, range(86), range(94, 131), 500, 20240),
    "macrodata": Benchmark(HERE / "macrodata.npz", 9, range(4), range(5, 6), 100, 20260),
}


def score_process(
    benchmark: Benchmark, process: Process, count: int, method: str | None = None
) -> pd.DataFrame:
    """A row a question and estimator, that of `method` (FILE.py:FUNCTION) last: process, question,
    estimator; the squared error at every horizon, mean over `count` samples, `h0` to `h20`; of a
    band of 90 % the share of true responses in it, `held`, and its mean `width`, over quarters that
    are asked for, NaN where it has none."""
    economy = benchmark.economy(process)
    y, shock = benchmark.samples(process, count)
    direction = np.eye(economy.b.shape[1])[0]
    last = SERIES - 1
    truth = {
        "observed": to_innovation(economy, direction, HORIZON),
        "recursive": recursive(economy, innovations(economy), last, HORIZON),
    }
    seen = np.concatenate([shock[..., None], y], axis=2)
    persistent = np.array([0.0] + [1.0] * SERIES)
    found = {
        "observed": rivals.estimates(seen, "observed", 0, HORIZON, persistent),
        "recursive": rivals.estimates(y, "recursive", last, HORIZON, np.ones(SERIES)),
    }
    if method is not None:
        own = rivals.read_method(method)
        found["observed"][method] = rivals.by_method(own, seen, "observed", 0, HORIZON)
        found["recursive"][method] = rivals.by_method(own, y, "recursive", last, HORIZON)
    rows = []
    for question, by_name in found.items():
        place = process.asked + (question == "observed")
        exact = truth[question][:, process.asked]
        first = int(question == "recursive")  # ahead of the rate: nothing on impact
        for name, estimate in by_name.items():
            error = np.square(estimate.point[:, :, place] - exact).mean(axis=0)
            row = {"process": process.number, "question": question, "estimator": name}
            row |= dict(zip(ERRORS, error, strict=True))
            if estimate.band is not None:
                low, high = np.moveaxis(estimate.band[:, first:, place], -1, 0)
                held = (low <= exact[first:]) & (exact[first:] <= high)
                row |= {"held": held.mean(), "width": (high - low).mean()}
            rows.append(row)
    return pd.DataFrame(rows)


class Population(NamedTuple):
    """What is true of a process: the shares of the series' variance ratio and so on that the
    paper's Table 1 has. long_run: the long-run variance of changes over their variance, traces.
    late_lags: share of the VAR coefficients at lags 5 and beyond, by Frobenius norms.
    invertible: R^2 of the shock on the series' past and present."""

    long_run: float
    late_lags: float
    invertible: float


def population(economy: Economy) -> Population:
    """The paper's figures of a process."""
    a, b, c = economy
    found = innovations(economy)
    long_run = c @ np.linalg.matrix_power(a, 2_000) @ b
    gain = a @ found.gain
    closed = a - gain @ c
    sizes, power = [], gain
    for _ in range(400):
        sizes.append(np.linalg.norm(c @ power))
        power = closed @ power
    impact = c @ b[:, 0]
    explained = impact @ np.linalg.solve(found.covariance, impact)
    return Population(
        float(np.square(long_run).sum() / np.square(sd_of_changes(economy)).sum()),
        float(sum(sizes[4:]) / sum(sizes)),
        float(explained),
    )


def described(benchmark: Benchmark, half: Half, count: int) -> pd.DataFrame:
    """Deciles .1, .5 and .9 over processes of what is true of them."""
    chosen = benchmark.processes(half)[:count]
    found = pd.DataFrame([population(benchmark.economy(process)) for process in chosen])
    return found.quantile([0.1, 0.5, 0.9])


def scored(
    benchmark: Benchmark,
    folder: Path,
    half: Half,
    count: int,
    samples_each: int = SAMPLES,
    workers: int = 1,
    progress: Progress = silent,
    method: str | None = None,
) -> pd.DataFrame:
    """Errors of every estimator in the first `count` processes of a half; see `score_process`.

    Written to `folder`/parts as they come, and read from there where a run goes on, with a method
    whose file is as it was.
    """
    folder = folder / "parts"
    folder.mkdir(parents=True, exist_ok=True)
    chosen = benchmark.processes(half)[:count]
    parts = [chosen[k : k + AT_ONCE] for k in range(0, len(chosen), AT_ONCE)]
    own = "" if method is None else f"-{file_sha256(Path(method.rpartition(':')[0]))[:12]}"
    paths = [
        folder / f"{half}-{samples_each}-{part[0].number}-{part[-1].number}{own}.csv"
        for part in parts
    ]
    pairs = list(zip(parts, paths, strict=True))
    names = rivals.NAMES if method is None else (*rivals.NAMES, method)
    todo = [(part, path) for part, path in pairs if not _is_whole(path, part, names)]
    done = len(parts) - len(todo)
    progress(done, len(parts), "")
    jobs = [(benchmark, part, samples_each, path, method) for part, path in todo]
    for k, _ in enumerate(in_processes(_score, jobs, workers)):
        progress(done + k + 1, len(parts), "")
    return pd.concat([pd.read_csv(path) for path in paths], ignore_index=True)


def _is_whole(path: Path, part: list[Process], names: Sequence[str]) -> bool:
    """Whether a file has what is asked of every process of a part, of these estimators alone."""
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError):
        return False
    wanted = {
        (process.number, question, name)
        for process in part
        for question in QUESTIONS
        for name in names
    }
    keys = ["process", "question", "estimator"]
    if not {*keys, *ERRORS, "held", "width"} <= set(table):
        return False
    whole = not table[[*keys, *ERRORS]].isna().to_numpy().any()
    return whole and set(table[keys].itertuples(index=False, name=None)) == wanted


def _score(job: tuple[Benchmark, list[Process], int, Path, str | None]) -> None:
    benchmark, part, count, path, method = job
    with threadpool_limits(limits=1):
        rows = [score_process(benchmark, process, count, method) for process in part]
    table: Any = pd.concat(rows)
    write_atomically(path, table.to_csv(index=False, float_format="%.9g").encode())
