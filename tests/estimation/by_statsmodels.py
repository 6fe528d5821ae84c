"""A linear world as statsmodels' state space, for its filter and smoother."""

from __future__ import annotations

import numpy as np
from statsmodels.tsa.statespace.kalman_smoother import KalmanSmoother

from emulator.estimation.kalman_parts import rest_to_start

RUN_IN = 4000  # quarters after which the state has its long-run variance


def bound(space, row: int, history: np.ndarray, noise: np.ndarray) -> KalmanSmoother:
    """One row of a solution, with the state (x_{t-1}, eps_t), given a history."""
    a, b, c, d = (part[row] for part in space[:4])
    n, shocks = b.shape
    steady = rest_to_start(a[..., None].copy(), b[..., None].copy(), RUN_IN)[0][..., 0]
    model = KalmanSmoother(k_endog=3, k_states=n + shocks, k_posdef=shocks, tolerance=0.0)
    model.bind(history)
    model["design"] = np.hstack([c, d])
    model["obs_cov"] = np.diag(np.square(noise))
    model["transition"] = np.block([[a, b], [np.zeros((shocks, n + shocks))]])
    model["selection"] = np.vstack([np.zeros((n, shocks)), np.eye(shocks)])
    model["state_cov"] = np.eye(shocks)
    start = np.block([[steady, np.zeros((n, shocks))], [np.zeros((shocks, n)), np.eye(shocks)]])
    model.initialize_known(np.zeros(n + shocks), start)
    return model
