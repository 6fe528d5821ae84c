"""sw07: the Smets and Wouters (2007) economy, log-linearised, in the published code's conventions.

Quarterly; every variable is in percent (rates: percent a quarter), deviations from steady state.
Composite coefficients, with gam = 1 + gammabar/100 and bet = 1/(1 + betabar/100), bg = bet
gam^{1-sigc}, hg = h/gam, are computed in `coefficients`. x' is E_t x_{t+1}, x_ is x_{t-1}:

    resources         y = cy c + iy inv + zy z + eg
    consumption       c = c1 c_ + (1-c1) c' + c2 (l - l') - c3 (r - pi') + eb
    investment        inv = i1 inv_ + (1-i1) inv' + i2 q + ei
    value of capital  q = q1 q' + (1-q1) rk' - (r - pi') + eb/c3
    production        y = Phi (alpha ks + (1-alpha) l + ea)
    capital services  ks = k_ + z
    utilisation       z = (1-psi)/psi rk
    capital           k = k1 k_ + (1-k1) inv + (1-k1) gam^2 phi ei
    price markup      mup = alpha (ks - l) + ea - w
    Phillips curve    pi = p1 pi_ + p2 pi' - p3 mup + ep
    rental rate       rk = l - ks + w
    wage markup       muw = w - sigl l - (c - hg c_)/(1-hg)
    wages             w = w1 w_ + (1-w1) (w' + pi') - w2 pi + w3 pi_ - w4 muw + ew
    Taylor rule       r = rho r_ + (1-rho) (rpi pi + ry gap) + rdy (gap - gap_) + er
    output gap        gap = y - yf

and the same economy with flexible prices and wages (names ending in f; real rate rf), which has no
markups, no Phillips curve, and the real wage wf = alpha (ksf - lf) + ea = sigl lf + (cf - hg cf_)
/(1-hg). Exogenous processes: ea, eb, ei, er AR(1); eg = rho_g eg_ + sigma_g eps^g + rho_ga sigma_a
eps^a; ep, ew ARMA(1,1), ep = rho_p ep_ + etap - mu_p etap_.

Conventions of the authors' code: eb is scaled as a shifter of the consumption Euler equation (and
raises output: the shock `risk_premium` is minus it); the capital equation lacks the factor
(1 + bet gam^{1-sigc}) printed in the paper. delta, lamw, gy, epsp and epsw are fixed; steady-state
inflation and hours move no deviation.

The prior is uniform within 25 percent of the posterior mode at two decimals, persistence at most
.97; that of technology, spending and the wage markup .99, as two of their modes are .97. Draws
whose unconditional s.d. of output exceeds 15 percent are inadmissible.

Observables: output y, inflation 4 pi, rate 4 r. State at the end of a quarter: the variables with a
lag, (c, inv, k, pi, w, r, cf, invf, kf, gap), then the exogenous ones.

Identities that must hold along a response, where what is expected comes true: with z recovered from
resources, l from the rental rate and q from investment, every other equation of the economy, and
its like with flexible prices; y = yf + gap, and the state's pi and r are the reported ones.

Source: Smets and Wouters (2007, AER 97(3)), equations 1 to 14 and table 1.
"""

from __future__ import annotations

import numpy as np

from emulator.specs import Parameter, Shock, Transform
from emulator.worlds import doubling
from emulator.worlds.base import FloatArray, Status, StatusArray
from emulator.worlds.equations import Equations, RationalExpectationsWorld
from emulator.worlds.lanes import LANES
from emulator.worlds.linear import StateSpace

# Fixed in the paper: depreciation, steady-state wage markup, spending share, Kimball curvatures.
DELTA, LAMW, GY, EPSP, EPSW = 0.025, 1.5, 0.18, 10.0, 10.0
# The s.d. of US output around its trend is 2 to 4 percent; beyond this a log-linearisation says
# little.
MAX_OUTPUT_SD = 15.0


def _near(
    name: str,
    description: str,
    mode: float,
    transform: Transform = "scaled",
    *,
    floor: float = 0.0,
    ceiling: float = np.inf,
    unit: str = "1",
) -> Parameter:
    """A parameter within 25 percent of its mode, the interval cut at floor and ceiling."""
    lower, upper = max(0.75 * mode, floor), min(1.25 * mode, ceiling)
    return Parameter(name, description, unit, lower, upper, mode, transform)


def _share(name: str, description: str, mode: float, ceiling: float = 0.97) -> Parameter:
    """A probability, a share, or an AR or MA coefficient."""
    return _near(name, description, mode, "bounded", floor=0.05, ceiling=ceiling)


def _sd(name: str, description: str, mode: float) -> Parameter:
    return _near(name, f"s.d. of the {description} innovation", mode, "log", unit="percent")


SHOCKS = (
    Shock(
        "technology", "raises productivity: output rises, inflation and the rate fall", "sigma_a"
    ),
    Shock("risk_premium", "raises the premium on bonds: output, inflation, rate fall", "sigma_b"),
    Shock("spending", "raises exogenous spending: output, inflation, rate rise", "sigma_g"),
    Shock(
        "investment",
        "makes investment more productive: output and the rate rise, inflation nearly always",
        "sigma_i",
    ),
    Shock("monetary", "raises the rule rate, and the rate; output and inflation fall", "sigma_r"),
    Shock(
        "price_markup",
        "raises inflation directly; output falls, if not in every draw, and the rate nearly "
        "always rises",
        "sigma_p",
    ),
    Shock(
        "wage_markup",
        "raises wages directly: inflation and the rate mostly rise; output rises on impact in two "
        "thirds of draws and falls later",
        "sigma_w",
    ),
)


class SmetsWouters(RationalExpectationsWorld):
    """The `sw07` world; equations, units and source are in the module docstring."""

    name = "sw07"
    title = "Smets and Wouters (2007)"
    source = "Smets and Wouters (2007, AER 97(3))"
    parameters = (
        _near("phi", "investment adjustment cost", 5.48),
        _near("sigc", "inverse elasticity of intertemporal substitution", 1.39, floor=1.01),
        _share("h", "external habit", 0.71, ceiling=0.9),
        _share("xiw", "Calvo probability of wages", 0.73),
        _near("sigl", "inverse elasticity of labour supply", 1.92),
        _share("xip", "Calvo probability of prices", 0.65),
        _share("iotaw", "indexation of wages", 0.59),
        _share("iotap", "indexation of prices", 0.22),
        _share("psi", "cost of capital utilisation", 0.54),
        _near("Phi", "one plus fixed costs in production", 1.61, floor=1.01),
        _near("rpi", "Taylor rule: reaction to inflation", 2.03, floor=1.1),
        _share("rho", "Taylor rule: interest-rate smoothing", 0.81),
        _near("ry", "Taylor rule: reaction to the output gap", 0.08),
        _near("rdy", "Taylor rule: reaction to the change in the output gap", 0.22),
        _near("betabar", "100 (1/beta - 1)", 0.16, unit="percent a quarter"),
        _near("gammabar", "trend growth", 0.43, unit="percent a quarter"),
        _share("alpha", "capital share", 0.19),
        _share("rho_a", "persistence of technology", 0.95, ceiling=0.99),
        _share("rho_b", "persistence of the risk premium", 0.18),
        _share("rho_g", "persistence of exogenous spending", 0.97, ceiling=0.99),
        _share("rho_i", "persistence of investment technology", 0.71),
        _share("rho_r", "persistence of the monetary shock", 0.12),
        _share("rho_p", "persistence of the price markup", 0.90),
        _share("rho_w", "persistence of the wage markup", 0.97, ceiling=0.99),
        _share("mu_p", "moving average of the price markup", 0.74),
        _share("mu_w", "moving average of the wage markup", 0.88),
        _share("rho_ga", "effect of technology on exogenous spending", 0.52),
        _sd("sigma_a", "technology", 0.45),
        _sd("sigma_b", "risk-premium", 0.24),
        _sd("sigma_g", "spending", 0.52),
        _sd("sigma_i", "investment", 0.45),
        _sd("sigma_r", "monetary", 0.24),
        _sd("sigma_p", "price-markup", 0.14),
        _sd("sigma_w", "wage-markup", 0.24),
    )
    shocks = SHOCKS
    state_names = (
        "c", "inv", "k", "pi", "w", "r", "cf", "invf", "kf", "gap",
        "ea", "eb", "eg", "ei", "er", "ep", "ew", "etap", "etaw",
    )  # fmt: skip
    restrictions = ("The unconditional s.d. of output is at most 15 percent.",)
    observed = ("y", "pi", "r")
    units = np.array([1.0, 4.0, 4.0])

    def model(self, theta: FloatArray) -> Equations:
        return model(dict(zip(self.parameter_names, theta.T, strict=True)))

    def admissible(self, theta: FloatArray, space: StateSpace) -> StatusArray:
        covariance = doubling.covariances(space.a, space.b, min(LANES, max(len(theta), 1)))
        c, d = space.c[:, 0], space.d[:, 0]
        variance = np.einsum("bi,bij,bj->b", c, covariance, c) + (d * d).sum(axis=1)
        # a row without a solution is NaN here and has its own verdict
        too_volatile = variance > MAX_OUTPUT_SD**2
        return np.where(too_volatile, Status.INADMISSIBLE, Status.OK).astype(np.int8)


def coefficients(p: dict[str, FloatArray]) -> dict[str, FloatArray]:
    """The composite coefficients (B,) each, from parameters by name."""
    gam = 1.0 + p["gammabar"] / 100.0
    bet = 1.0 / (1.0 + p["betabar"] / 100.0)
    alpha, sigc, phi_big, xip, xiw = p["alpha"], p["sigc"], p["Phi"], p["xip"], p["xiw"]
    bg = bet * gam ** (1.0 - sigc)
    hg = p["h"] / gam
    rental = gam**sigc / bet - (1.0 - DELTA)
    wage = (alpha**alpha * (1.0 - alpha) ** (1.0 - alpha) / (phi_big * rental**alpha)) ** (
        1.0 / (1.0 - alpha)
    )
    labour_capital = (1.0 - alpha) / alpha * rental / wage
    ky = phi_big * labour_capital ** (alpha - 1.0)
    iy = (gam - 1.0 + DELTA) * ky
    cy = 1.0 - GY - iy
    whlc = (1.0 - alpha) / alpha * rental * ky / cy / LAMW
    i1 = 1.0 / (1.0 + bg)
    p1 = 1.0 / (1.0 + bg * p["iotap"])
    return {
        "gam": gam,
        "hg": hg,
        "k1": (1.0 - DELTA) / gam,
        "iy": iy,
        "cy": cy,
        "zy": rental * ky,
        "c1": hg / (1.0 + hg),
        "c2": (sigc - 1.0) * whlc / (sigc * (1.0 + hg)),
        "c3": (1.0 - hg) / (sigc * (1.0 + hg)),
        "i1": i1,
        "i2": i1 / (gam**2 * p["phi"]),
        "q1": (1.0 - DELTA) / (rental + 1.0 - DELTA),
        "z1": (1.0 - p["psi"]) / p["psi"],
        "p1": p1 * p["iotap"],
        "p2": p1 * bg,
        "p3": p1 * (1.0 - bg * xip) * (1.0 - xip) / (xip * ((phi_big - 1.0) * EPSP + 1.0)),
        "w1": i1,
        "w2": (1.0 + bg * p["iotaw"]) * i1,
        "w3": p["iotaw"] * i1,
        "w4": i1 * (1.0 - bg * xiw) * (1.0 - xiw) / (xiw * ((LAMW - 1.0) * EPSW + 1.0)),
    }


def model(p: dict[str, FloatArray]) -> Equations:
    """The equations of the module docstring, everything on one side; parameters by name, (B,)."""
    eq = Equations(
        len(p["phi"]),
        (
            "c", "inv", "k", "pi", "w", "r", "cf", "invf", "kf", "gap",
            "y", "q", "ks", "z", "rk", "mup", "muw", "l",
            "yf", "qf", "ksf", "zf", "rkf", "wf", "lf", "rf",
        ),
        ("ea", "eb", "eg", "ei", "er", "ep", "ew", "etap", "etaw"),
        [s.name for s in SHOCKS],
    )  # fmt: skip
    k = coefficients(p)
    _sticky(eq, p, k)
    _flexible(eq, p, k)
    for name in "abgir":
        lag = {f"e{name}": p[f"rho_{name}"]}
        eq.process(f"e{name}", lag=lag, innovation=_innovation(name, p))
    for name in "pw":
        lag = {f"e{name}": p[f"rho_{name}"], f"eta{name}": -p[f"mu_{name}"]}
        eq.process(f"e{name}", lag=lag, innovation=_innovation(name, p))
        eq.process(f"eta{name}", innovation=_innovation(name, p))
    return eq


def _innovation(name: str, p: dict[str, FloatArray]) -> dict[str, FloatArray]:
    """What moves the exogenous process e{name} within the quarter."""
    shock = {s.sigma: s.name for s in SHOCKS}[f"sigma_{name}"]
    if name == "b":
        return {shock: -p["sigma_b"]}
    if name == "g":
        return {shock: p["sigma_g"], "technology": p["rho_ga"] * p["sigma_a"]}
    return {shock: p[f"sigma_{name}"]}


def _sticky(eq: Equations, p: dict[str, FloatArray], k: dict[str, FloatArray]) -> None:
    """The economy with sticky prices and wages, and its monetary policy."""
    alpha, rho, k1, hg = p["alpha"], p["rho"], k["k1"], k["hg"]
    # resources
    eq.add({"y": -1.0, "c": k["cy"], "inv": k["iy"], "z": k["zy"]}, exogenous={"eg": 1.0})
    # consumption
    eq.add(
        {"c": -1.0, "l": k["c2"], "r": -k["c3"]},
        lag={"c": k["c1"]},
        lead={"c": 1.0 - k["c1"], "l": -k["c2"], "pi": k["c3"]},
        exogenous={"eb": 1.0},
    )
    # investment
    eq.add(
        {"inv": -1.0, "q": k["i2"]},
        lag={"inv": k["i1"]},
        lead={"inv": 1.0 - k["i1"]},
        exogenous={"ei": 1.0},
    )
    # value of capital
    eq.add(
        {"q": -1.0, "r": -1.0},
        lead={"q": k["q1"], "rk": 1.0 - k["q1"], "pi": 1.0},
        exogenous={"eb": 1.0 / k["c3"]},
    )
    # production
    eq.add(
        {"y": -1.0, "ks": p["Phi"] * alpha, "l": p["Phi"] * (1.0 - alpha)},
        exogenous={"ea": p["Phi"]},
    )
    # capital services, utilisation
    eq.add({"ks": -1.0, "z": 1.0}, lag={"k": 1.0})
    eq.add({"z": -1.0, "rk": k["z1"]})
    # capital
    eq.add(
        {"k": -1.0, "inv": 1.0 - k1},
        lag={"k": k1},
        exogenous={"ei": (1.0 - k1) * k["gam"] ** 2 * p["phi"]},
    )
    # price markup, Phillips curve
    eq.add({"mup": -1.0, "ks": alpha, "l": -alpha, "w": -1.0}, exogenous={"ea": 1.0})
    eq.add(
        {"pi": -1.0, "mup": -k["p3"]},
        lag={"pi": k["p1"]},
        lead={"pi": k["p2"]},
        exogenous={"ep": 1.0},
    )
    # rental rate
    eq.add({"rk": -1.0, "ks": -1.0, "l": 1.0, "w": 1.0})
    # wage markup, wages
    eq.add(
        {"muw": -1.0, "w": 1.0, "l": -p["sigl"], "c": -1.0 / (1.0 - hg)},
        lag={"c": hg / (1.0 - hg)},
    )
    eq.add(
        {"w": -1.0, "pi": -k["w2"], "muw": -k["w4"]},
        lag={"w": k["w1"], "pi": k["w3"]},
        lead={"w": 1.0 - k["w1"], "pi": 1.0 - k["w1"]},
        exogenous={"ew": 1.0},
    )
    # Taylor rule, output gap
    eq.add(
        {"r": -1.0, "pi": (1.0 - rho) * p["rpi"], "gap": (1.0 - rho) * p["ry"] + p["rdy"]},
        lag={"r": rho, "gap": -p["rdy"]},
        exogenous={"er": 1.0},
    )
    eq.add({"gap": -1.0, "y": 1.0, "yf": -1.0})


def _flexible(eq: Equations, p: dict[str, FloatArray], k: dict[str, FloatArray]) -> None:
    """The same economy with flexible prices and wages."""
    alpha, k1, hg = p["alpha"], k["k1"], k["hg"]
    # resources
    eq.add({"yf": -1.0, "cf": k["cy"], "invf": k["iy"], "zf": k["zy"]}, exogenous={"eg": 1.0})
    # consumption
    eq.add(
        {"cf": -1.0, "lf": k["c2"], "rf": -k["c3"]},
        lag={"cf": k["c1"]},
        lead={"cf": 1.0 - k["c1"], "lf": -k["c2"]},
        exogenous={"eb": 1.0},
    )
    # investment
    eq.add(
        {"invf": -1.0, "qf": k["i2"]},
        lag={"invf": k["i1"]},
        lead={"invf": 1.0 - k["i1"]},
        exogenous={"ei": 1.0},
    )
    # value of capital
    eq.add(
        {"qf": -1.0, "rf": -1.0},
        lead={"qf": k["q1"], "rkf": 1.0 - k["q1"]},
        exogenous={"eb": 1.0 / k["c3"]},
    )
    # production
    eq.add(
        {"yf": -1.0, "ksf": p["Phi"] * alpha, "lf": p["Phi"] * (1.0 - alpha)},
        exogenous={"ea": p["Phi"]},
    )
    # capital services, utilisation
    eq.add({"ksf": -1.0, "zf": 1.0}, lag={"kf": 1.0})
    eq.add({"zf": -1.0, "rkf": k["z1"]})
    # capital
    eq.add(
        {"kf": -1.0, "invf": 1.0 - k1},
        lag={"kf": k1},
        exogenous={"ei": (1.0 - k1) * k["gam"] ** 2 * p["phi"]},
    )
    # labour demand, rental rate, labour supply
    eq.add({"wf": -1.0, "ksf": alpha, "lf": -alpha}, exogenous={"ea": 1.0})
    eq.add({"rkf": -1.0, "ksf": -1.0, "lf": 1.0, "wf": 1.0})
    eq.add(
        {"wf": -1.0, "lf": p["sigl"], "cf": 1.0 / (1.0 - hg)},
        lag={"cf": -hg / (1.0 - hg)},
    )
