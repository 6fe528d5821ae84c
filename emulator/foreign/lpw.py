"""The benchmark `lpw`: responses of US series to a monetary shock, by estimators that see 200
quarters of five of them.

Data sets are drawn from the dynamic factor model (factor_model.py), as Li, Plagborg-Moller and Wolf
(2024) do: five series, the funds rate last among them, 200 quarters, horizons 0 to 20. Asked is

    observed    the response to the shock itself, which is a column beside the series
    recursive   the response to the funds rate's innovation, ordered last, that raises it by one

of one other series. A process is a choice of five series and of the one asked about; its error is
the squared one, mean over samples and horizons. Ratios are to the VAR's error in the same process.

Half of the processes, the sealed ones, are for estimators that are finished: scored once.
"""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from emulator.econometrics.question import FloatArray
from emulator.foreign import rivals
from emulator.foreign.factor_model import SERIES, FactorModel, draw_series
from emulator.foreign.linear_economy import (
    Economy,
    innovations,
    recursive,
    simulated,
    to_innovation,
)
from emulator.progress import Progress, silent
from emulator.provenance import commit
from emulator.storage import canonical_json, file_sha256, sealed, write_atomically

DATA = Path(__file__).with_name("lpw.npz")
QUARTERS, HORIZON, BURN_IN = 200, 20, 200
PROCESSES, SAMPLES = 500, 50
SEED = 20240  # of the processes and samples: the benchmark is one set of data, not many
QUESTIONS = ("observed", "recursive")
AT_ONCE = 10  # processes: what a stopped run loses at most

Half = Literal["open", "sealed"]


class Process(NamedTuple):
    """number: its place among all. series (5,): of the factor model. asked: the place among them of
    the one whose response is asked for."""

    number: int
    series: NDArray[np.int64]
    asked: int


def processes(half: Half) -> list[Process]:
    """Every second process: the open ones are those of even numbers."""
    rng = np.random.default_rng(SEED)
    series = draw_series(rng, PROCESSES)
    asked = rng.integers(0, SERIES - 1, PROCESSES)
    first = 0 if half == "open" else 1
    return [Process(k, series[k], int(asked[k])) for k in range(first, PROCESSES, 2)]


def samples(economy: Economy, number: int, count: int) -> tuple[FloatArray, FloatArray]:
    """`count` samples of a process: the series (B, T, n) and the observed shock (B, T)."""
    rng = np.random.default_rng([SEED, number])
    e = rng.standard_normal((count, BURN_IN + QUARTERS, economy.b.shape[1]))
    return np.stack([simulated(*economy, each, BURN_IN) for each in e]), e[:, BURN_IN:, 0]


def score_process(process: Process, count: int) -> pd.DataFrame:
    """A row a question and estimator: process, question, estimator, and the squared error at every
    horizon, mean over `count` samples, `h0` to `h20`."""
    economy = FactorModel.read(DATA).economy(process.series)
    y, shock = samples(economy, process.number, count)
    direction = np.eye(economy.b.shape[1])[0]
    last = SERIES - 1
    truth = {
        "observed": to_innovation(economy, direction, HORIZON),
        "recursive": recursive(economy, innovations(economy), last, HORIZON),
    }
    found = {
        "observed": rivals.estimates(
            np.concatenate([shock[..., None], y], axis=2),
            "observed",
            0,
            HORIZON,
            np.array([0.0] + [1.0] * 5),
        ),
        "recursive": rivals.estimates(y, "recursive", last, HORIZON, np.ones(SERIES)),
    }
    rows = []
    for question, by_name in found.items():
        place = process.asked + (question == "observed")
        exact = truth[question][:, process.asked]
        for name, responses in by_name.items():
            error = np.square(responses[:, :, place] - exact).mean(axis=0)
            by_horizon = {f"h{h}": value for h, value in enumerate(error)}
            rows.append(
                {"process": process.number, "question": question, "estimator": name, **by_horizon}
            )
    return pd.DataFrame(rows)


class Population(NamedTuple):
    """What is true of a process: the shares of the series' variance ratio and so on that the
    paper's Table 1 has. long_run: the long-run variance of changes over their variance, traces.
    late_lags: share of the VAR coefficients at lags 5 and beyond, by Frobenius norms.
    invertible: R^2 of the shock on the series' past and present."""

    long_run: float
    late_lags: float
    invertible: float


def population(process: Process) -> Population:
    """The paper's figures of a process."""
    economy = FactorModel.read(DATA).economy(process.series)
    a, b, c = economy
    found = innovations(economy)
    x, before, variance = b, np.zeros((SERIES, b.shape[1])), 0.0
    for _ in range(2_000):
        y = c @ x
        variance += float(np.square(y - before).sum())
        x, before = a @ x, y
    gain = a @ found.gain
    closed = a - gain @ c
    sizes, power = [], gain
    for _ in range(400):
        sizes.append(np.linalg.norm(c @ power))
        power = closed @ power
    impact = c @ b[:, 0]
    explained = impact @ np.linalg.solve(found.covariance, impact)
    return Population(
        float(np.square(before).sum()) / variance,
        float(sum(sizes[4:]) / sum(sizes)),
        float(explained),
    )


def bench(
    folder: Path,
    half: Half = "open",
    count: int = PROCESSES // 2,
    samples_each: int = SAMPLES,
    workers: int = 1,
    progress: Progress = silent,
) -> pd.DataFrame:
    """Errors of every rival in the first `count` processes of a half; see `score_process`.

    Written to `folder`/parts as they come, and read from there where a run goes on.
    """
    folder = folder / "parts"
    folder.mkdir(parents=True, exist_ok=True)
    chosen = processes(half)[:count]
    parts = [chosen[k : k + AT_ONCE] for k in range(0, len(chosen), AT_ONCE)]
    paths = [
        folder / f"{half}-{samples_each}-{part[0].number}-{part[-1].number}.csv" for part in parts
    ]
    pairs = list(zip(parts, paths, strict=True))
    todo = [(part, path) for part, path in pairs if not _is_whole(path, part)]
    done = len(parts) - len(todo)
    progress(done, len(parts), "")
    with ProcessPoolExecutor(max_workers=workers) as pool:
        jobs = [pool.submit(_score, part, samples_each, path) for part, path in todo]
        for k, job in enumerate(jobs):
            job.result()
            progress(done + k + 1, len(parts), "")
    return pd.concat([pd.read_csv(path) for path in paths], ignore_index=True)


def _is_whole(path: Path, part: list[Process]) -> bool:
    """Whether a file has what is asked of every process of a part."""
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError):
        return False
    wanted = {
        (process.number, question, name)
        for process in part
        for question in QUESTIONS
        for name in rivals.NAMES
    }
    keys = ["process", "question", "estimator"]
    whole = set(keys) < set(table) and not table.isna().to_numpy().any()
    return whole and set(table[keys].itertuples(index=False, name=None)) == wanted


def _score(part: list[Process], count: int, path: Path) -> None:
    with threadpool_limits(limits=1):
        table = pd.concat([score_process(process, count) for process in part])
    write_atomically(path, table.to_csv(index=False, float_format="%.9g").encode())


def ratios(table: pd.DataFrame) -> pd.DataFrame:
    """Errors over the VAR's, a row a process and question, a column an estimator."""
    horizons = [f"h{h}" for h in range(HORIZON + 1)]
    error = table.assign(error=table[horizons].mean(axis=1)).pivot(
        index=["question", "process"], columns="estimator", values="error"
    )
    return error.div(error[rivals.REFERENCE], axis=0)[list(rivals.NAMES)]


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """A row a question and estimator: mean ratio to the VAR with its 95 % interval over processes,
    median and ninth decile."""
    by_question = ratios(table).melt(ignore_index=False, value_name="ratio").reset_index()
    grouped = by_question.groupby(["question", "estimator"], sort=False)["ratio"]
    out = grouped.agg(mean="mean", median="median", decile=lambda r: r.quantile(0.9))
    half_width: pd.Series[float] = 1.96 * grouped.std() / np.sqrt(grouped.size())
    out.insert(1, "low", out["mean"] - half_width)
    out.insert(2, "high", out["mean"] + half_width)
    return out.reset_index()


def described(half: Half, count: int) -> pd.DataFrame:
    """Deciles .1, .5 and .9 over processes of what is true of them."""
    found = pd.DataFrame([population(process) for process in processes(half)[:count]])
    return found.quantile([0.1, 0.5, 0.9])


def record(
    folder: Path, half: Half, table: pd.DataFrame, quantiles: pd.DataFrame, samples_each: int
) -> dict[str, Any]:
    """Write bench.json: the summary, what is true of the processes, and where all came from."""
    found = {
        "benchmark": "lpw",
        "half": half,
        "processes": int(table["process"].nunique()),
        "samples": samples_each,
        "commit": commit(),
        "data_sha256": file_sha256(DATA),
        "population": json.loads(quantiles.to_json(orient="columns")),
        "summary": summary(table).to_dict("records"),
    }
    write_atomically(folder / "bench.json", canonical_json(sealed(found)).encode())
    return found
