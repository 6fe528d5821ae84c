"""How good a learned posterior is: its ranks, its intervals, and the responses that follow."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from emulator.adapt.histories import Told, minus_log_prior
from emulator.estimation.priors import Prior
from emulator.evaluation.floors.simulation_based_calibration import uniformity
from emulator.models.densities import Density
from emulator.seeding import derived_seed
from emulator.worlds.base import FloatArray, World

RANKED, DRAWS = 500, 200  # test histories, and draws of each one's posterior
ANSWERED, FEW = 100, 50  # histories whose responses are taken, and draws of each
HORIZON = 40
LEAST_MOVED = 1e-9  # an s.d. of responses below which an observable does not respond


def measured(density: Density, test: Told, prior: Prior, seed: int) -> dict[str, Any]:
    """On test draws: log densities beside the prior's; ranks of the truth and how often 90 %
    intervals hold it, parameter by parameter; the NRMSE of mean responses, the posterior's and the
    prior's, where solutions are cheap."""
    generator = torch.Generator().manual_seed(derived_seed(seed, "posterior", "test") % 2**63)
    some = test.rows(slice(RANKED))
    draws = np.stack(
        [density.sample(DRAWS, row[None], generator).double().numpy() for row in some.summary]
    )
    truth = some.z.double().numpy()
    ranks = (draws < truth[:, None]).mean(axis=1)
    low, high = np.quantile(draws, [0.05, 0.95], axis=1)
    held = (low <= truth) & (truth <= high)
    p_values = {n: float(uniformity(r)) for n, r in zip(prior.names, ranks.T, strict=True)}
    shares = held.mean(axis=1)
    return {
        "draws": len(test),
        "prior_minus_log_density": minus_log_prior(test),
        "ranked": len(some),
        "p_values": p_values,
        "p_value": min(1.0, len(p_values) * min(p_values.values())),
        "coverage_90": float(shares.mean()),
        "coverage_90_error": float(shares.std(ddof=1) / np.sqrt(len(shares))),
        "sd_over_prior_sd": {
            name: float(sd) for name, sd in zip(prior.names, draws.std(axis=1).mean(axis=0),
                                                strict=True)
        },
        "responses": None if prior.world.dear else _responses(draws, truth, prior),
    }  # fmt: skip


def _responses(draws: FloatArray, truth: FloatArray, prior: Prior) -> dict[str, Any]:
    count = min(ANSWERED, len(truth))
    world = prior.world
    exact = world.irf(prior.theta(truth), HORIZON).values
    means = []
    for some in draws[:count, :FEW]:
        values = responses_of(world, prior.theta(some))
        means.append(values.mean(axis=0) if len(values) else exact.mean(axis=0))
    sd = exact.std(axis=(0, 2))
    return {
        "histories": count,
        "posterior_mean_nrmse": nrmse(np.stack(means), exact[:count], sd),
        "prior_mean_nrmse": nrmse(exact.mean(axis=0)[None], exact[:count], sd),
    }


def responses_of(world: World[Any], theta: FloatArray) -> FloatArray:
    """Exact responses (M, S, H+1, 3) of the draws that have some."""
    values = world.irf(theta, HORIZON).values
    return np.asarray(values[np.isfinite(values).all(axis=(1, 2, 3))])


def nrmse(answers: FloatArray, exact: FloatArray, sd: FloatArray) -> float:
    """The root mean square over quarters of errors (B, S, H+1, 3) over s.d.s (S, 3), averaged over
    draws, shocks and the observables that they move."""
    root = np.sqrt(np.square(answers - exact).mean(axis=2))
    return float((root / np.maximum(sd, LEAST_MOVED))[:, sd > LEAST_MOVED].mean())
