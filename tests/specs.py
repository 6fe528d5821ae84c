"""Small made-up worlds for model tests: they share a parameter and a shock, and differ in size."""

from __future__ import annotations

import torch

from emulator.specs import MACRO_OBSERVABLES, Parameter, Shock, WorldSpec, normal

SMALL = WorldSpec(
    name="small",
    title="Two parameters, two shocks",
    source="made up",
    linear=True,
    hidden_chain=False,
    flag=None,
    state_names=("x",),
    parameters=(
        Parameter("rho", "persistence", "1", 0.0, 0.9, 0.5, "bounded"),
        Parameter("sigma_e", "s.d.", "percent", 0.1, 1.0, 0.3, "log", "log_uniform"),
    ),
    shocks=(Shock("first", "raises everything", "sigma_e"), Shock("second", "lowers everything")),
    observables=MACRO_OBSERVABLES,
)
LARGE = WorldSpec(
    name="large",
    title="Four parameters, three shocks, state dependent",
    source="made up",
    linear=False,
    hidden_chain=False,
    flag="binding",
    state_names=("x", "y"),
    parameters=(
        Parameter("phi", "reaction", "1", 1.0, 3.0, 1.5),
        Parameter("rho", "persistence", "1", 0.0, 0.95, 0.5, "bounded"),
        normal("gap", "gap", 0.0, 0.3),
        Parameter("psi", "cost", "1", 0.0, 1.0, 0.5, "bounded"),
    ),
    shocks=(Shock("first", "up"), Shock("third", "up"), Shock("fourth", "down")),
    observables=MACRO_OBSERVABLES,
)
SPECS = (SMALL, LARGE)


def sample(spec: WorldSpec, rows: int = 5, seed: int = 0) -> dict[str, torch.Tensor]:
    """A batch of data-set fields within bounds; the histories are noise."""
    rng = torch.Generator().manual_seed(seed)
    lower = torch.tensor([p.lower for p in spec.parameters])
    upper = torch.tensor([p.upper for p in spec.parameters])
    uniform = torch.rand(rows, len(lower), generator=rng)
    return {
        "theta": lower + (upper - lower) * uniform,
        "shock_size": 0.25 + 2.75 * torch.rand(rows, len(spec.shocks), generator=rng),
        "trajectories": torch.randn(rows, 240, 3, generator=rng),
        "eps": torch.randn(rows, 240, len(spec.shocks), generator=rng),
        "flags": (torch.rand(rows, 240, generator=rng) < 0.3).float(),
    }
