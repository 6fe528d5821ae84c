"""Estimate parameters of a world from responses: impulse-response matching.

    python examples/match_responses.py [WEIGHTS]

Chooses theta so that the model's responses lie close to target ones (Rotemberg and Woodford 1997;
Christiano, Eichenbaum and Evans 2005, JPE 113(1)), once with the emulator and its gradients, once
with the exact solver and scipy. The target here is the exact response at known parameters, so that
both can be checked.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import least_squares

import emulator

TRUTH = {"kappa": 0.06, "phi_pi": 2.0, "phi_y": 0.3, "rho_i": 0.7, "rho_m": 0.3, "rho_a": 0.85}
HORIZON = 20
STARTS = 16  # drawn from the prior and followed side by side: one batch costs little more than one
STEPS = 30  # of Gauss-Newton; it has settled well before
DAMPING = 1e-3  # Levenberg's, in units of the scaled responses


def match(
    model: emulator.Emulator, world: str, target: np.ndarray, names: Sequence[str]
) -> dict[str, float]:
    """The named parameters whose emulated responses are nearest to target (S, H+1, 3).

    The others keep their defaults. Distances are in units of each response's own root mean square;
    Gauss-Newton from many starts, by the Jacobian that torch gives, inside the bounds.
    """
    economy = emulator.get_world(world)
    spec = model.spec(world)
    columns = [spec.parameter_names.index(name) for name in names]
    lower, upper = (
        torch.tensor([getattr(spec.parameters[c], end) for c in columns], dtype=torch.float64)
        for end in ("lower", "upper")
    )
    goal = torch.tensor(target)
    scale = goal.square().mean(dim=1, keepdim=True).sqrt()
    scale = torch.where(scale > 0, scale, 1.0)
    defaults = torch.tensor(economy.pack())
    model.model.requires_grad_(False)

    def distance(position: torch.Tensor) -> torch.Tensor:
        """Scaled errors (B, N) at positions (B, K) within the bounds, 0 to 1."""
        theta = defaults.repeat(len(position), 1)
        theta = theta.index_copy(1, torch.tensor(columns), lower + position * (upper - lower))
        out = model.irf_torch(world, theta, horizon=target.shape[1] - 1)
        return ((out - goal) / scale).flatten(1)

    def linearise(position: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The errors (B, N) and their derivatives (B, N, K)."""
        at = position.clone().requires_grad_()
        errors = distance(at)
        # With fewer parameters than errors, go forward: J' v is linear in v, and its derivative
        # with respect to v gives J t, for all rows of the batch at once.
        v = torch.zeros_like(errors, requires_grad=True)
        (pulled,) = torch.autograd.grad(errors, at, v, create_graph=True)
        tangents = torch.eye(len(columns), dtype=torch.float64)
        parts = [
            torch.autograd.grad(pulled, v, t.expand_as(at), retain_graph=True)[0] for t in tangents
        ]
        return errors.detach(), torch.stack(parts, dim=-1)

    rng = np.random.default_rng(0)
    position = torch.tensor(rng.random((STARTS, len(columns))))
    damping = torch.full((STARTS, 1, 1), DAMPING, dtype=torch.float64)
    identity = torch.eye(len(columns), dtype=torch.float64)
    error = distance(position).square().mean(dim=1)
    for _ in range(STEPS):
        residual, jac = linearise(position)
        left = jac.mT @ jac / residual.shape[1] + damping * identity
        right = jac.mT @ residual[..., None] / residual.shape[1]
        moved = (position - torch.linalg.solve(left, right)[..., 0]).clamp(0.0, 1.0)
        moved_error = distance(moved).square().mean(dim=1)
        better = moved_error < error
        position = torch.where(better[:, None], moved, position)
        error = torch.where(better, moved_error, error)
        # Levenberg's rule: trust the linear model more where it was right, less where it was not.
        damping = (damping * torch.where(better, 0.3, 5.0)[:, None, None]).clamp(1e-9, 1e3)
    best = lower + position[error.argmin()] * (upper - lower)
    return dict(zip(names, best.tolist(), strict=True))


def match_exactly(world: str, target: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """The same with the exact solver, scipy's least squares and numerical derivatives."""
    economy = emulator.get_world(world)
    lower, upper = np.array(
        [(p.lower, p.upper) for name in names for p in economy.parameters if p.name == name]
    ).T
    scale = np.sqrt((target**2).mean(axis=1, keepdims=True))
    scale = np.where(scale > 0, scale, 1.0)

    def distance(position: np.ndarray) -> np.ndarray:
        values = dict(zip(names, lower + position * (upper - lower), strict=True))
        out = economy.irf(economy.pack(values), horizon=target.shape[1] - 1).values[0]
        return np.nan_to_num((out - target) / scale, nan=1e3).ravel()

    rng = np.random.default_rng(0)
    fits = [
        least_squares(distance, start, bounds=(0.0, 1.0))
        for start in rng.random((STARTS, len(names)))
    ]
    best = min(fits, key=lambda fit: fit.cost).x
    return dict(zip(names, (lower + best * (upper - lower)).tolist(), strict=True))


def main() -> None:
    weights = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    torch.set_num_threads(1)
    model = emulator.load(weights)
    economy = emulator.get_world("nk")
    target = economy.irf(economy.pack(TRUTH), horizon=HORIZON).values[0]
    estimates = {}
    for label, fit in (
        ("emulator", lambda: match(model, "nk", target, list(TRUTH))),
        ("exact", lambda: match_exactly("nk", target, list(TRUTH))),
    ):
        start, cpu = time.perf_counter(), time.process_time()
        estimates[label] = fit()
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        print(f"{label}: {STARTS} starts in {wall:.2f} s ({cpu:.2f} s of CPU time)")
    print(f"{'parameter':10} {'truth':>8} {'emulator':>9} {'exact':>8}")
    for name, value in TRUTH.items():
        print(
            f"{name:10} {value:8.3f} {estimates['emulator'][name]:9.3f} "
            f"{estimates['exact'][name]:8.3f}"
        )


if __name__ == "__main__":
    main()
