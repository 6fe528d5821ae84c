"""Points of a world's prior that people ask for: calibrations of the literature, defaults, edges.

Values are in the world's units; what a source leaves open keeps the world's default. A calibration
is of a world as the weights know it, so that all of this works without the world's code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from emulator.errors import InputError, unknown_name
from emulator.specs import WorldSpec

DEFAULT = "default"


@dataclass(frozen=True)
class Calibration:
    """Parameters of a world by a name. values: those that are not the default. source: whose they
    are, in words. parameter: the one that is at an end of its range, empty where none is."""

    world: str
    name: str
    values: Mapping[str, float]
    source: str = ""
    parameter: str = ""

    def theta(self, spec: WorldSpec) -> list[float]:
        """All parameters of the world. Raises UnknownNameError for a name it does not have,
        InputError for a value beyond its bounds."""
        for name in self.values:
            if name not in spec.parameter_names:
                raise unknown_name(f"parameter of world {spec.name!r}", name, spec.parameter_names)
        for p in spec.parameters:
            value = self.values.get(p.name, p.default)
            if not p.lower <= value <= p.upper:
                raise InputError(
                    f"calibration {self.name!r} of {spec.name}: expected {p.name} within "
                    f"[{p.lower:g}, {p.upper:g}], got {value:g}"
                )
        return [self.values.get(p.name, p.default) for p in spec.parameters]


def _declare(world: str, name: str, source: str, **values: float) -> Calibration:
    return Calibration(world, name, MappingProxyType(values), source)


CUSTOMARY = (
    # kappa = (1 - theta)(1 - beta theta) / theta (1 - alpha) / (1 - alpha + alpha eps)
    # (sigma + (phi + alpha) / (1 - alpha)), at theta .75, alpha .25, eps 9, phi 5.
    _declare(
        "nk", "Gali", "Gali (2015), ch. 3: a quarter point of money, rho_v .5, discount rate .5",
        beta=0.99, sigma=1.0, kappa=0.1717, phi_pi=1.5, phi_y=0.125, rho_i=0.0, rho_m=0.5,
        rho_a=0.5, sigma_m=0.0025,
    ),
    _declare(
        "nk", "flat Phillips curve, smoothing", "kappa of Rotemberg and Woodford (1997); rule of "
        "Clarida, Gali and Gertler (2000), Volcker and after, the reaction to output a quarter",
        kappa=0.024, rho_i=0.79, phi_pi=2.15, phi_y=0.2325,
    ),
    _declare(
        "rbc", "persistent technology", "Cooley and Prescott (1995): rho .95, s.d. .007",
        rho_a=0.95, sigma_a=0.007,
    ),
    _declare(
        "rbc", "Hansen", "Hansen (1985); labour as elastic as the world has it",
        beta=0.99, alpha=0.36, delta=0.025, gamma=1.0, nu=3.0, rho_a=0.95, sigma_a=0.00712,
    ),
    _declare(
        "zlb", "r_ss 2 %", "a nominal rate of 2 % at rest: a real rate near zero (Holston, "
        "Laubach and Williams 2017) and a target of 2 %",
        r_ss=2.0,
    ),
    _declare("sw07", "mode", "Smets and Wouters (2007), table 1: the world's defaults"),
)  # fmt: skip


def default(spec: WorldSpec) -> Calibration:
    """A world's own default."""
    return Calibration(spec.name, DEFAULT, {}, "the world's")


def edges(spec: WorldSpec) -> Iterator[Calibration]:
    """Each parameter at each end of its range, the others at their defaults."""
    for p in spec.parameters:
        for value in (p.lower, p.upper):
            if value != p.default:
                yield Calibration(
                    spec.name, f"{p.name} = {value:.4g}", {p.name: value}, parameter=p.name
                )


def customary(specs: Sequence[WorldSpec]) -> list[Calibration]:
    """Those declared of these worlds, and each world's default where none declared is it."""
    found = []
    for spec in specs:
        own = [calibration for calibration in CUSTOMARY if calibration.world == spec.name]
        rest = default(spec)
        alike = any(calibration.theta(spec) == rest.theta(spec) for calibration in own)
        found += own if alike else [*own, rest]
    return found
