"""Posteriors, evidence and responses of worlds given one history: what `emulator.estimate` does."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emulator.claim import LOCK, alone
from emulator.errors import InputError, unknown_name
from emulator.estimation import diagnostics
from emulator.estimation.arguments import (
    Asked,
    asked_of,
    check,
    dear_by,
    noise_of,
    sorted_folders,
)
from emulator.estimation.bands import Bands, averaged, bands, cumulated, responses, scaled
from emulator.estimation.caveats import caveats, turned
from emulator.estimation.drawn import Correction, Drawn, Sampling, draw
from emulator.estimation.instant import Instant
from emulator.estimation.predictive import Predictive, replicate
from emulator.estimation.priors import left_out
from emulator.estimation.quarter_by_quarter import QuarterByQuarter, quarter_by_quarter
from emulator.estimation.runs import target_of
from emulator.inference.histories import History, Observed, observe
from emulator.progress import Progress, silent
from emulator.seeding import derived_seed
from emulator.specs import OBSERVABLE_NAMES, WorldSpec
from emulator.worlds import get_world
from emulator.worlds.base import FloatArray

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from jaxtyping import Float64

PRIOR_DRAWS = 4000  # which describe the prior beside the posterior


@dataclass(frozen=True)
class Estimate:
    """The posterior of one world. R runs of N draws, P parameters, of which K `names` moved.

    log_likelihood: of draws. prior (M, P): draws of it; prior_share: the share of its draws that
    are admissible at all, to which it is cut. log_evidence: log p(history), with its Monte Carlo
    standard error. effective, r_hat (K,): see `diagnostics`. bands: responses to one s.d.
    predictive: whether the world makes such data. by_quarter: shocks that made the history, and
    forecasts, of linear worlds. correction: of draws through a network. instant: of draws of a
    learned posterior, which are the answer; log_likelihood and log_evidence are then NaN unless
    they are corrected. caveats: what makes all this less trustworthy, a sentence each.
    """

    spec: WorldSpec
    names: tuple[str, ...]
    draws: Float64[np.ndarray, "R N P"]
    log_likelihood: Float64[np.ndarray, "R N"]
    prior: Float64[np.ndarray, "M P"]
    prior_share: float
    log_evidence: float
    log_evidence_error: float
    effective: Float64[np.ndarray, " K"]
    r_hat: Float64[np.ndarray, " K"]
    bands: Bands
    predictive: Predictive
    by_quarter: QuarterByQuarter | None
    correction: Correction | None
    instant: Instant | None
    caveats: tuple[str, ...]

    @property
    def theta(self) -> Float64[np.ndarray, "RN P"]:
        """All draws, run after run."""
        return self.draws.reshape(-1, self.draws.shape[2])

    @property
    def posterior(self) -> xr.Dataset:
        """Draws of the parameters that moved by (chain, draw), all of equal weight."""
        return self._by_parameter(self.draws)

    def to_datatree(self) -> xr.DataTree:
        """What arviz reads, as groups: posterior, prior, log_likelihood of the whole history,
        observed_data and, of draws of the posterior, posterior_predictive."""
        import xarray as xr

        found = self.predictive
        dims = ("chain", "draw", "quarter", "observable")
        names = {"observable": [o.name for o in self.spec.observables]}
        return xr.DataTree.from_dict(
            {
                "posterior": self.posterior,
                "prior": self._by_parameter(self.prior[None]),
                "log_likelihood": xr.Dataset({"history": (dims[:2], self.log_likelihood)}),
                "observed_data": xr.Dataset({"history": (dims[2:], found.history)}, names),
                "posterior_predictive": xr.Dataset(
                    {"history": (dims, found.replicated[None])}, names
                ),
            }
        )

    def _by_parameter(self, draws: FloatArray) -> xr.Dataset:
        import xarray as xr

        chosen = {name: self.spec.parameter_names.index(name) for name in self.names}
        return xr.Dataset({n: (("chain", "draw"), draws[..., j]) for n, j in chosen.items()})

    @property
    def table(self) -> pd.DataFrame:
        """By parameter: mean, 5 and 95 % of prior and posterior, posterior s.d., ESS, R-hat."""
        import pandas as pd

        chosen = [self.spec.parameter_names.index(name) for name in self.names]
        prior, theta = self.prior[:, chosen], self.theta[:, chosen]
        low, high = np.quantile(theta, [0.05, 0.95], axis=0)
        prior_low, prior_high = np.quantile(prior, [0.05, 0.95], axis=0)
        columns = {
            "prior_mean": prior.mean(axis=0), "prior_5": prior_low, "prior_95": prior_high,
            "mean": theta.mean(axis=0), "sd": theta.std(axis=0), "q05": low, "q95": high,
            "ess": self.effective, "r_hat": self.r_hat,
        }  # fmt: skip
        return pd.DataFrame(columns, index=pd.Index(self.names, name="parameter"))


@dataclass(frozen=True)
class Estimates:
    """Posteriors by the worlds' names. probabilities: of the worlds, equally likely before, with
    Monte Carlo errors; NaN where the evidence of one of several is not known. averaged: by shock,
    responses averaged over the worlds that have it, where two or more do, by their probabilities.

    quarters: of the history, first to last where dates are known. noise: s.d.s by observable.
    normalize, cumulate: the impact to which responses are scaled, and the observables summed.
    """

    worlds: dict[str, Estimate]
    probabilities: dict[str, float]
    probability_errors: dict[str, float]
    averaged: dict[str, Bands]
    quarters: int
    first: str | None
    last: str | None
    noise: dict[str, float]
    normalize: dict[str, float]
    cumulate: tuple[str, ...]
    seconds: float

    def __getitem__(self, world: str) -> Estimate:
        if world not in self.worlds:
            raise unknown_name("estimated world", world, self.worlds)
        return self.worlds[world]


def estimate(
    worlds: str | Sequence[str],
    history: History,
    *,
    weights: Sequence[str | Path] = (),
    instant: bool = False,
    noise: Mapping[str, float] | None = None,
    draws: int = 2000,
    runs: int = 4,
    seed: int = 0,
    horizon: int = 40,
    normalize: Mapping[str, float] | None = None,
    cumulate: Sequence[str] = (),
    forecast: int = 0,
    output: str | Path | None = None,
    resume: bool = False,
    workers: int = 1,
    progress: Progress = silent,
) -> Estimates:
    """Estimate worlds on a history by sequential Monte Carlo, and compare them.

    worlds: one or several, by name or world file. history: as `Emulator.irf` takes one, of any
    length, NaN where a number is missing. weights: folders of those through which worlds that are
    dear to solve are drawn, instead of those shipped for them; their draws are then solved, and
    corrected. Of `adapt --from-data` they hold a learned posterior, from which the sampler starts.
    instant: draws of such posteriors are the answer, weighted by exact likelihoods where enough of
    them count. noise: s.d.s of measurement noise by observable, none unless given. draws: of each
    posterior, over all independent `runs`, whose disagreement is the Monte Carlo error. normalize:
    the impact to which the responses of each draw are scaled, such as {"rate": 1}. cumulate:
    observables to sum over quarters, annualised ones by a fourth. forecast: quarters after the
    history. output: a folder that keeps every stage and the results, with which `resume` goes on.
    workers: processes.

    Raises InputError for arguments that cannot be met and worlds without an exact likelihood,
    ClaimError where another process is at work in `output`.
    """
    began = time.perf_counter()
    names = [worlds] if isinstance(worlds, str) else list(worlds)
    found = {name: get_world(name) for name in names}
    if not names or len({world.name for world in found.values()}) < len(names):
        raise InputError(f"worlds: expected different ones, one or more, got {', '.join(names)!r}")
    observed = observe(history, gaps=True)
    if not observed.single:
        raise InputError("history: expected one history, got several")
    values = observed.values[0]
    sds = noise_of(noise)
    asked = asked_of(horizon, normalize, cumulate, forecast, observed)
    targets = {name: target_of(world, values, sds) for name, world in found.items()}
    networks, starts = sorted_folders(targets, tuple(map(str, weights)), instant)
    check(targets, draws, runs, instant)
    how = Sampling(
        dear_by(targets, networks), starts, instant, -(-draws // runs), runs, seed,
        None if output is None else Path(output) / "stages", workers, progress,
    )  # fmt: skip
    if output is None:
        return _gather(draw(targets, how), asked, seed, observed, sds, began, progress)
    from emulator.estimation.estimates_on_disk import begin_folder, write_estimates

    folder = Path(output)
    with alone(folder / LOCK, folder, "emulator estimate"):
        begin_folder(folder, resume)
        estimates = _gather(draw(targets, how), asked, seed, observed, sds, began, progress)
        write_estimates(folder, estimates)
        return estimates


def _gather(
    done: Mapping[str, Drawn],
    asked: Asked,
    seed: int,
    observed: Observed,
    noise: FloatArray,
    began: float,
    progress: Progress,
) -> Estimates:
    values: dict[str, FloatArray] = {}
    estimates: dict[str, Estimate] = {}
    for place, (name, found) in enumerate(done.items()):
        progress(place, len(done), f"{name}: responses, shocks and forecasts")
        one, drawn = _estimate(found, asked, seed)
        estimates[one.spec.name], values[one.spec.name] = one, drawn
    ones = list(estimates.values())
    shares, errors = diagnostics.probabilities(
        [one.log_evidence for one in ones], [one.log_evidence_error for one in ones]
    )
    return Estimates(
        estimates,
        dict(zip(estimates, shares.tolist(), strict=True)),
        dict(zip(estimates, errors.tolist(), strict=True)),
        _averaged(ones, values),
        observed.given,
        observed.first,
        observed.last,
        {name: sd for name, sd in zip(OBSERVABLE_NAMES, noise.tolist(), strict=True) if sd},
        {} if asked.impact is None else {OBSERVABLE_NAMES[asked.impact[0]]: asked.impact[1]},
        asked.summed,
        time.perf_counter() - began,
    )


def _averaged(ones: Sequence[Estimate], values: Mapping[str, FloatArray]) -> dict[str, Bands]:
    """By shock, responses averaged over the worlds that have it, where two or more do. values: by
    world, responses of its draws (R N, S, H+1, 3)."""
    out = {}
    for shock in dict.fromkeys(name for one in ones for name in one.spec.shock_names):
        having = [one for one in ones if shock in one.spec.shock_names]
        if len(having) > 1 and all(math.isfinite(one.log_evidence) for one in having):
            # Anew: beside a likelier world without the shock their shares may all round to zero.
            shares, _ = diagnostics.probabilities(
                [one.log_evidence for one in having], [0.0] * len(having)
            )
            some = [values[one.spec.name][:, _only(one.spec, shock)] for one in having]
            out[shock] = averaged((shock,), some, shares)
    return out


def _only(spec: WorldSpec, shock: str) -> slice:
    """Where the shock stands among the world's."""
    place = spec.shock_names.index(shock)
    return slice(place, place + 1)


def _estimate(found: Drawn, asked: Asked, seed: int) -> tuple[Estimate, FloatArray]:
    """The estimate of one world, and responses of all its draws (R N, S, H+1, 3)."""
    target, done = found.target, found.runs
    world = target.world
    draws = np.stack([p.theta for p in done])
    theta = draws.reshape(-1, draws.shape[2])
    moved = [world.parameter_names.index(name) for name in target.prior.names]
    rng = np.random.default_rng(derived_seed(seed, "prior", world.name))
    z, share = found.prior.draw(PRIOR_DRAWS, rng)
    drawn = responses(world, theta, asked.horizon)
    by_quarter = quarter_by_quarter(target, theta, drawn, asked.quarters)
    also: list[str] = []
    if asked.impact is not None:
        also = turned(world, drawn, asked.impact)
        drawn = scaled(drawn, *asked.impact)
    drawn = cumulated(drawn, asked.summed)
    log_evidence, error = diagnostics.evidence([p.log_evidence for p in done])
    effective = diagnostics.effective_size(draws[..., moved], np.stack([p.ancestors for p in done]))
    hats = diagnostics.r_hat(draws[..., moved])
    one = Estimate(
        world.spec, target.prior.names, draws, np.stack([p.log_l for p in done]),
        target.prior.theta(z), share * found.admitted, log_evidence, error,
        effective, hats, bands(world.shock_names, drawn), replicate(target, theta, rng), by_quarter,
        found.correction, found.instant,
        (*left_out(world), *caveats(found, error, effective, hats), *also),
    )  # fmt: skip
    return one, drawn
