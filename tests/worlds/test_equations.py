"""The published equations, written out again by hand, hold along what the worlds put out.

Nothing here reads a world's matrices. Models with expectations are checked along the path after one
shock from rest: no further shock arrives, so what was expected comes true, and E_t x_{t+1} is the
path's own next quarter, the impact quarter included. Statistical models are checked along paths
with shocks every quarter. Parameters come from the whole box, faces and corners included.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator import get_world
from emulator.worlds import Paths, Status, World

pytestmark = pytest.mark.fast

QUARTERS = 24
LONG = 200  # quarters of a path with shocks: both regimes come up, whatever their persistence
# Float64 rounding (1e-16) of some twenty terms, times the divisors that recover static variables
# from observed ones: shares and adjustment costs of .02 to .1, once or twice.
RECOVERED = 1e-11
# The same where every variable is observed.
OBSERVED = 1e-13

whole_box = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def draws(name: str, *, pulled: bool = False) -> st.SearchStrategy[np.ndarray]:
    """Points of a world's box; `pulled` moves some of them towards the default, which is stable."""
    world = get_world(name)
    lower = np.array([p.lower for p in world.parameters])
    upper = np.array([p.upper for p in world.parameters])
    position = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0.0, 1.0))
    points = st.lists(position, min_size=len(lower), max_size=len(lower)).map(
        lambda u: np.minimum(lower + (upper - lower) * np.array(u), upper)
    )
    if not pulled:
        return points
    default = world.pack()
    pull = st.sampled_from([0.1, 0.3, 0.6, 1.0])
    return st.tuples(points, pull).map(lambda x: default + x[1] * (x[0] - default))


def named(world: World[Any], theta: np.ndarray) -> dict[str, float]:
    return dict(zip(world.parameter_names, theta.tolist(), strict=True))


def after_one_shock(world: World[Any], theta: np.ndarray) -> Paths:
    """Paths (S, QUARTERS) from rest, each after one of the shocks."""
    count = len(world.shocks)
    eps = np.zeros((count, QUARTERS, count))
    eps[np.arange(count), 0, np.arange(count)] = 1.0
    paths = world.simulate(np.tile(theta, (count, 1)), eps)
    assert all(Status(int(s)).solved for s in paths.status)
    # These paths are the responses.
    scale = np.abs(paths.observables).max()
    responses = world.irf(theta, QUARTERS - 1).values[0]
    np.testing.assert_allclose(responses, paths.observables, rtol=0.0, atol=1e-12 * scale)
    return paths


def before(x: np.ndarray) -> np.ndarray:
    """The quarter before, at rest before the first."""
    return np.concatenate([np.zeros_like(x[:, :1]), x[:, :-1]], axis=1)


def innovation(shock: int, size: float, count: int) -> np.ndarray:
    """(S, QUARTERS): `size` on the impact of shock `shock`, zero else."""
    out = np.zeros((count, QUARTERS))
    out[shock, 0] = size
    return out


def assert_hold(residuals: dict[str, np.ndarray], scale: float, tolerance: float) -> None:
    """Every residual is zero to `tolerance` of the largest variable."""
    gaps = {name: float(np.abs(r).max()) / scale for name, r in residuals.items()}
    assert max(gaps.values()) < tolerance, gaps


@whole_box
@given(draws("nk"))
def test_nk(theta: np.ndarray) -> None:
    world = get_world("nk")
    p = named(world, theta)
    paths = after_one_shock(world, theta)
    x, pi, i = np.moveaxis(paths.observables / [100.0, 400.0, 400.0], -1, 0)
    state_i, m, a, u = np.moveaxis(paths.states, -1, 0)
    now, ahead = np.s_[:, :-1], np.s_[:, 1:]
    rule = p["phi_pi"] * pi + p["phi_y"] * x
    residuals = {
        "IS": x[now] - x[ahead] + (i[now] - pi[ahead]) / p["sigma"] - a[now],
        "Phillips": pi[now] - p["beta"] * pi[ahead] - p["kappa"] * x[now] - u[now],
        "Taylor": i - p["rho_i"] * before(i) - (1.0 - p["rho_i"]) * rule - m,
        "monetary": m - p["rho_m"] * before(m) - innovation(0, p["sigma_m"], 3),
        "demand": a - p["rho_a"] * before(a) - innovation(1, p["sigma_a"], 3),
        "cost push": u - p["rho_u"] * before(u) - innovation(2, p["sigma_u"], 3),
        "reported rate": i - state_i,
    }
    assert_hold(residuals, max(np.abs(v).max() for v in (x, pi, i, m, a, u)), OBSERVED)


@whole_box
@given(draws("rbc"))
def test_rbc(theta: np.ndarray) -> None:
    world = get_world("rbc")
    p = named(world, theta)
    paths = after_one_shock(world, theta)
    y, pi, ii = np.moveaxis(paths.observables / [100.0, 400.0, 400.0], -1, 0)
    k, a, b, m = np.moveaxis(paths.states, -1, 0)
    rental = 1.0 / p["beta"] - (1.0 - p["delta"])
    share_inv = p["delta"] * p["alpha"] / rental  # I/Y = delta K/Y
    share_c = 1.0 - share_inv
    # recovered from capital, resources, production, factor demands and marginal utility
    inv = (k - (1.0 - p["delta"]) * before(k)) / p["delta"]
    c = (y - share_inv * inv) / share_c
    n = (y - a - p["alpha"] * before(k)) / (1.0 - p["alpha"])
    w, rk = y - n, y - before(k)
    lam = b - p["gamma"] * c
    now, ahead = np.s_[:, :-1], np.s_[:, 1:]
    real_rate = lam[now] - lam[ahead]
    gross = 1.0 - p["beta"] * (1.0 - p["delta"])
    residuals = {
        "labour supply": b + n / p["nu"] - lam - w,
        "capital Euler": lam[now] - lam[ahead] - gross * rk[ahead],
        "Fisher": ii[now] - real_rate - pi[ahead],
        "Taylor": ii - p["phi_pi"] * pi - m,
        "technology": a - p["rho_a"] * before(a) - innovation(0, p["sigma_a"], 3),
        "preference": b - p["rho_b"] * before(b) - innovation(1, p["sigma_b"], 3),
        "monetary": m - p["rho_m"] * before(m) - innovation(2, p["sigma_m"], 3),
    }
    assert_hold(residuals, max(np.abs(v).max() for v in (y, pi, ii, inv, c, n, lam)), RECOVERED)


@whole_box
@given(draws("sw07"))
def test_sw07(theta: np.ndarray) -> None:
    world = get_world("sw07")
    p = named(world, theta)
    paths = after_one_shock(world, theta)
    y, pi, r = np.moveaxis(paths.observables / [1.0, 4.0, 4.0], -1, 0)
    s = dict(zip(world.state_names, np.moveaxis(paths.states, -1, 0), strict=True))
    c, inv, k, w, gap = s["c"], s["inv"], s["k"], s["w"], s["gap"]
    cf, invf, kf = s["cf"], s["invf"], s["kf"]
    ea, eb, eg, ei, er, ep, ew = (s[f"e{x}"] for x in "abgirpw")
    now, ahead = np.s_[:, :-1], np.s_[:, 1:]
    inner = np.s_[:, :-2]  # quarters with two more ahead, where q is recovered from investment

    # Steady state, as on pages 587 to 590 of the paper and in its appendix.
    tau, lamw, gy, curvature = 0.025, 1.5, 0.18, 10.0
    gamma, alpha, sigc, phi_p = 1.0 + p["gammabar"] / 100.0, p["alpha"], p["sigc"], p["Phi"]
    beta = 1.0 / (1.0 + p["betabar"] / 100.0)
    discount = beta * gamma ** (1.0 - sigc)
    habit = p["h"] / gamma
    rk_ss = gamma**sigc / beta - 1.0 + tau
    w_ss = (alpha**alpha * (1 - alpha) ** (1 - alpha) / (phi_p * rk_ss**alpha)) ** (1 / (1 - alpha))
    l_over_k = (1.0 - alpha) / alpha * rk_ss / w_ss
    k_y = phi_p * l_over_k ** (alpha - 1.0)
    i_y = (gamma - 1.0 + tau) * k_y
    c_y = 1.0 - gy - i_y
    z_y = rk_ss * k_y
    wl_c = (1.0 - alpha) / alpha * rk_ss * k_y / c_y / lamw

    def euler(c: Any, labour: Any, rate: Any) -> Any:
        """Equation (2); `rate` is the real rate less what eb adds to it."""
        c1 = habit / (1.0 + habit)
        c2 = (sigc - 1.0) * wl_c / (sigc * (1.0 + habit))
        c3 = (1.0 - habit) / (sigc * (1.0 + habit))
        return (
            c[now] - c1 * before(c)[now] - (1.0 - c1) * c[ahead]
            - c2 * (labour[now] - labour[ahead]) + c3 * rate - eb[now]
        )  # fmt: skip

    shifter = (1.0 - habit) / (sigc * (1.0 + habit))  # of the Euler equation, by which eb is scaled

    def tobins_q(inv: Any) -> Any:
        """Equation (3) solved for the value of capital."""
        i1 = 1.0 / (1.0 + discount)
        expected = i1 * before(inv)[now] + (1.0 - i1) * inv[ahead]
        return (inv[now] - expected - ei[now]) / (i1 / (gamma**2 * p["phi"]))

    def arbitrage(q: Any, rk: Any, rate: Any) -> Any:
        """Equation (4)."""
        q1 = (1.0 - tau) / (rk_ss + 1.0 - tau)
        return q[now] - q1 * q[ahead] - (1.0 - q1) * rk[:, 1:-1] + rate[now] - eb[inner] / shifter

    def accumulation(k: Any, inv: Any) -> Any:
        """Equation (8), with the authors' code's coefficient on ei."""
        k1 = (1.0 - tau) / gamma
        return k - k1 * before(k) - (1.0 - k1) * (inv + gamma**2 * p["phi"] * ei)

    def services(k: Any, y: Any, c: Any, inv: Any) -> tuple[Any, Any]:
        """Capital services and the rental rate from equations (1), (6) and (7)."""
        z = (y - c_y * c - i_y * inv - eg) / z_y
        return before(k) + z, p["psi"] / (1.0 - p["psi"]) * z

    # sticky prices and wages
    ks, rk = services(k, y, c, inv)
    labour = rk + ks - w  # equation (11)
    real = r[now] - pi[ahead]
    q = tobins_q(inv)
    mup = alpha * (ks - labour) + ea - w
    muw = w - p["sigl"] * labour - (c - habit * before(c)) / (1.0 - habit)
    xip, xiw, iotap, iotaw = p["xip"], p["xiw"], p["iotap"], p["iotaw"]
    kimball_p, kimball_w = (phi_p - 1.0) * curvature + 1.0, (lamw - 1.0) * curvature + 1.0
    slope_p = (1.0 - discount * xip) * (1.0 - xip) / (xip * kimball_p)
    slope_w = (1.0 - discount * xiw) * (1.0 - xiw) / (xiw * kimball_w)
    phillips = iotap * before(pi)[now] + discount * pi[ahead] - slope_p * mup[now]
    wages = (
        before(w)[now] + iotaw * before(pi)[now] - (1.0 + discount * iotaw) * pi[now]
        + discount * (w[ahead] + pi[ahead]) - slope_w * muw[now]
    )  # fmt: skip
    policy = (1.0 - p["rho"]) * (p["rpi"] * pi + p["ry"] * gap) + p["rdy"] * (gap - before(gap))
    # flexible prices and wages: no Phillips curves, and rf from consumption
    yf = y - gap
    ksf, rkf = services(kf, yf, cf, invf)
    labourf = (yf / phi_p - ea - alpha * ksf) / (1.0 - alpha)  # equation (5)
    wf = alpha * (ksf - labourf) + ea
    realf = -euler(cf, labourf, 0.0) / shifter
    supplyf = p["sigl"] * labourf + (cf - habit * before(cf)) / (1.0 - habit)
    residuals = {
        "production": y - phi_p * (alpha * ks + (1.0 - alpha) * labour + ea),
        "consumption": euler(c, labour, real),
        "value of capital": arbitrage(q, rk, real),
        "capital": accumulation(k, inv),
        "Phillips": pi[now] - phillips / (1.0 + discount * iotap) - ep[now],
        "wages": w[now] - wages / (1.0 + discount) - ew[now],
        "Taylor": r - p["rho"] * before(r) - policy - er,
        "reported inflation": pi - s["pi"],
        "reported rate": r - s["r"],
        "value of capital, flexible": arbitrage(tobins_q(invf), rkf, realf),
        "capital, flexible": accumulation(kf, invf),
        "rental rate, flexible": rkf - labourf + ksf - wf,
        "labour supply, flexible": wf - supplyf,
    }
    processes = {"a": ea, "b": eb, "g": eg, "i": ei, "r": er, "p": ep, "w": ew}
    for j, (x, process) in enumerate(processes.items()):
        news = innovation(j, -p["sigma_b"] if x == "b" else p[f"sigma_{x}"], 7)
        expected = p[f"rho_{x}"] * before(process) + news
        if x == "g":
            expected += p["rho_ga"] * innovation(0, p["sigma_a"], 7)
        if x in "pw":
            expected -= p[f"mu_{x}"] * before(news)
        residuals[f"process {x}"] = process - expected
    largest = max(np.abs(v).max() for v in (*s.values(), y, q, rk, labour, rkf, labourf))
    assert_hold(residuals, largest, RECOVERED)


def path_with_shocks(world: World[Any], theta: np.ndarray) -> tuple[Paths, np.ndarray, np.ndarray]:
    """A path of one draw from rest, its innovations (T, S) and uniforms (T,)."""
    rng = np.random.default_rng(8)
    eps = rng.standard_normal((1, LONG, len(world.shocks)))
    uniforms = rng.random((1, LONG))
    chain = uniforms if world.hidden_chain else None
    return world.simulate(theta, eps, uniforms=chain), eps[0], uniforms[0]


def lag(x: np.ndarray, quarters: int = 1) -> np.ndarray:
    """(T, ...) moved on, at rest before the first quarter."""
    return np.concatenate([np.zeros_like(x[:quarters]), x[:-quarters]])


@whole_box
@given(draws("var", pulled=True))
def test_var(theta: np.ndarray) -> None:
    world = get_world("var")
    p = named(world, theta)
    index = (1, 2, 3)
    a1, a2 = (np.array([[p[f"a{h}_{i}{j}"] for j in index] for i in index]) for h in (1, 2))
    companion = np.block([[a1, a2], [np.eye(3), np.zeros((3, 3))]])
    paths, eps, _ = path_with_shocks(world, theta)
    if np.abs(np.linalg.eigvals(companion)).max() >= 1.0:
        assert np.isnan(paths.observables).all()
        return
    relative = np.array(
        [[1.0, 0.0, 0.0], [p["l_21"], 1.0, 0.0], [p["l_31"], p["l_32"], 1.0]]
    )  # fmt: skip
    impact = np.diag([p["sd_1"], p["sd_2"], p["sd_3"]]) @ relative
    y = paths.observables[0]
    gap = y - lag(y) @ a1.T - lag(y, 2) @ a2.T - eps @ impact.T
    assert_hold({"var": gap}, np.abs(y).max(), OBSERVED)
    assert_hold({"state": paths.states[0] - np.hstack([y, lag(y)])}, np.abs(y).max(), OBSERVED)


@whole_box
@given(draws("lss"))
def test_lss(theta: np.ndarray) -> None:
    world = get_world("lss")
    p = named(world, theta)
    a = np.diag([p["lambda1"], p["lambda2"], 0.0, 0.0])
    turn = [[np.cos(p["w"]), -np.sin(p["w"])], [np.sin(p["w"]), np.cos(p["w"])]]
    a[2:, 2:] = p["m"] * np.array(turn)
    c = np.ones((3, 4))
    raw = np.zeros((4, 3))
    for i in range(4):
        for row in (2, 3):
            c[row - 1, i] = p[f"c_{row}{i + 1}"]
        for j in range(min(i, 2) + 1):
            raw[i, j] = p[f"b_{i + 1}{j + 1}"]
    # C B_raw = R' Q' by the QR decomposition of its transpose, so that B = B_raw Q, up to signs.
    q, upper = np.linalg.qr((c @ raw).T)
    b = raw @ (q * np.sign(np.diag(upper)))
    paths, eps, _ = path_with_shocks(world, theta)
    x, y = paths.states[0], paths.observables[0]
    scale = np.abs(x).max()
    assert_hold({"observables": y - x @ c.T}, scale, OBSERVED)
    # Q moves by rounding over the distance of C B from singularity, beyond which it is not unique.
    distance = np.linalg.cond(c @ raw)
    if distance < 1e6:
        gap = x - lag(x) @ a.T - eps @ b.T
        assert_hold({"states": gap}, scale, OBSERVED * max(1.0, distance))


@whole_box
@given(draws("switching", pulled=True))
def test_switching(theta: np.ndarray) -> None:
    world = get_world("switching")
    p = named(world, theta)
    paths, eps, uniforms = path_with_shocks(world, theta)
    if not Status(int(paths.status[0])).solved:
        assert np.isnan(paths.observables).all()
        return
    y, regime = paths.observables[0], paths.flags[0]
    leave_calm, leave_turbulent = 1.0 - p["p_stay_calm"], 1.0 - p["p_stay_turbulent"]
    probability = np.where(lag(regime) == 1, p["p_stay_turbulent"], leave_calm)
    probability[0] = leave_calm / (leave_calm + leave_turbulent)
    np.testing.assert_array_equal(regime, uniforms < probability)
    impact = np.array([[1.0, 0.0, 0.0], [p["l_21"], 1.0, 0.0], [p["l_31"], p["l_32"], 1.0]])
    names = ("calm", "turbulent")
    index = (1, 2, 3)
    lags = np.array([[[p[f"a_{s}_{i}{j}"] for j in index] for i in index] for s in names])
    scale = np.array([p["d_calm"], p["d_turbulent"]])
    gap = (
        y - np.einsum("tij,tj->ti", lags[regime], lag(y))
        - scale[regime, None] * (eps @ impact.T)
    )  # fmt: skip
    assert_hold({"switching": gap}, np.abs(y).max(), OBSERVED)
