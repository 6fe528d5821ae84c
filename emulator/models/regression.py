"""A linear regression of the observables on their past, and on innovations where they are known.

    z_t = c + A_1 z_{t-1} + ... + A_4 z_{t-4} + B_0 e_t + ... + B_4 e_{t-4} + u_t, u_t ~ (0, Sigma)

z is the history over its s.d., e the innovations in s.d.s (without them, a VAR(4)).
Coefficients are posterior means under a prior of independent normals around zero, tighter for
longer lags (Litterman 1986), so short histories give estimates too.

A second fit is of the same series in other coordinates: x = G^-1 z with G G' the covariance of
their changes from quarter to quarter, so that changes in x are uncorrelated and of unit s.d. Series
that move together have coefficients on z far larger than a prior on them allows, and their small
differences, which say most, get lost in large sums; on x all are of order one. Fits have no
learned part; a network reads the coefficients of both and bends their responses.

Sources: Litterman (1986, JBES 4(1)); Ljung (1999), System Identification, ch. 4 (ARX models).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from jaxtyping import Float, Float64

LAGS = 4  # a year, as in the baselines' summary
# Prior s.d.s of A_k times k, of B_k and of c; z and e have unit s.d.
PRIOR_LAG, PRIOR_SHOCK, PRIOR_CONSTANT = 0.3, 0.5, 1.0
PRIOR_APART = 1.0  # PRIOR_LAG of the second fit
_FIRST = 1e-3  # prior precision while the residuals' variance is not known yet
_LEAST_VARIANCE = 1e-9  # of variances of residuals: an exact fit has none
# A response to one s.d. of one shock is at most the series' own s.d.; sampling error doubles it.
LARGEST = 2.0
FARTHEST = 5.0  # s.d.s from zero: a forecast beyond is an unstable estimate, not a prediction
_OVERFLOW = 1e9  # no path grows beyond this before it is bent


class Fit(NamedTuple):
    """lags: (B, 4, 3, 3). constant: (B, 3). shocks: (B, 5, 3, S), None without innovations.
    factor: (B, 3, 3), the Cholesky factor of Sigma. residuals: (B, L - 4, 3). All float64, in the
    units of the series fitted."""

    lags: Float64[torch.Tensor, "B 4 3 3"]
    constant: Float64[torch.Tensor, "B 3"]
    shocks: Float64[torch.Tensor, "B 5 3 S"] | None
    factor: Float64[torch.Tensor, "B 3 3"]
    residuals: Float64[torch.Tensor, "B fitted 3"]

    def responses(self, points: int) -> Float[torch.Tensor, "B J {points} 3"]:
        """(B, J, points, 3): to the innovations (J = S), or to the columns of the Cholesky factor
        (J = 3), in float32. Explosive ones are bent to at most `LARGEST`."""
        impulses = self.factor[:, None] if self.shocks is None else self.shocks
        past = impulses.new_zeros(len(impulses), 3 * LAGS, impulses.shape[3])
        path = []
        for h in range(points):
            now = self.companion @ past
            if h < impulses.shape[1]:
                now = now + impulses[:, h]
            now = now.clamp(-_OVERFLOW, _OVERFLOW)
            past = torch.cat([now, past[:, :-3]], dim=1)
            path.append(now)
        return _bent(torch.stack(path, dim=1), LARGEST).permute(0, 3, 1, 2)

    @property
    def companion(self) -> Float64[torch.Tensor, "B 3 12"]:
        """A_1 to A_4 side by side, (B, 3, 12)."""
        return self.lags.transpose(1, 2).flatten(2)

    def on(self, basis: Float64[torch.Tensor, "B 3 3"]) -> Fit:
        """This fit, of x, as one of `basis @ x`, basis (B, 3, 3) lower triangular: the same
        residuals in the other units."""
        inverse = torch.linalg.solve_triangular(
            basis, torch.eye(3, dtype=basis.dtype, device=basis.device), upper=False
        )
        return Fit(
            basis[:, None] @ self.lags @ inverse[:, None],
            (basis @ self.constant[..., None])[..., 0],
            None if self.shocks is None else basis[:, None] @ self.shocks,
            basis @ self.factor,
            self.residuals @ basis.mT,
        )


class Regression(NamedTuple):
    """fit: the one on z, which forecasts are of. apart: the one on x, whose changes are
    uncorrelated; the first again where series leave none, basis one. basis: (B, 3, 3),
    z = basis @ x, lower triangular. last: (B, 4, 3), the last quarters of z. All float64."""

    fit: Fit
    apart: Fit
    basis: Float64[torch.Tensor, "B 3 3"]
    last: Float64[torch.Tensor, "B 4 3"]

    @property
    def shocks(self) -> Float64[torch.Tensor, "B 5 3 S"] | None:
        """(B, 5, 3, S), None without innovations."""
        return self.fit.shocks

    def responses(self, points: int) -> Float[torch.Tensor, "B J {points} 3"]:
        """(B, J, points, 3), in the units of z and float32: of the first fit, then of the second,
        to the innovations (J = 2 S), or without them to the columns of their Cholesky factors
        (J = 6)."""
        other = self.apart.on(self.basis)
        return torch.cat([self.fit.responses(points), other.responses(points)], dim=1)

    def forecast(self, ahead: int) -> Float[torch.Tensor, "B {ahead} 3"]:
        """(B, ahead, 3): the quarters after the last, no innovations known, in float32. Explosive
        ones are bent to at most `FARTHEST`."""
        past = self.last.flip(1).flatten(1)[..., None]  # (B, 12, 1), the last quarter first
        constant = self.fit.constant[..., None]
        path = []
        for _ in range(ahead):
            now = (constant + self.fit.companion @ past).clamp(-_OVERFLOW, _OVERFLOW)
            past = torch.cat([now, past[:, :-3]], dim=1)
            path.append(now[..., 0])
        return _bent(torch.stack(path, dim=1), FARTHEST)


def _bent(values: torch.Tensor, limit: float) -> torch.Tensor:
    """`values` where well below `limit`, smoothly bounded by it (1e-4 off at .4 of it)."""
    return (values / (1.0 + (values / limit) ** 8) ** 0.125).float()


@torch.no_grad()
def regress(
    z: Float[torch.Tensor, "B L 3"], eps: Float[torch.Tensor, "B T S"] | None
) -> Regression:
    """z: (B, L, 3), of unit s.d. eps: (B, T, S), ending in the same quarter, T >= L.

    A history that the regression cannot be computed of, as one that hardly moves, gives NaN.
    """
    exact = z.double()
    changes = exact.diff(dim=1)
    basis = _covariance_factor(changes - changes.mean(dim=1, keepdim=True))
    x = torch.linalg.solve_triangular(basis, exact.mT, upper=False).mT
    fit, apart = _regress(exact, eps, PRIOR_LAG), _regress(x, eps, PRIOR_APART)
    one = torch.eye(3, dtype=basis.dtype, device=basis.device).expand_as(basis)
    there = _is_there(apart) & basis.isfinite().flatten(1).all(dim=1)
    # Where series leave no second fit, the first stands in.
    second, basis = _chosen_fit(there, apart, fit), _chosen(there, basis, one)
    return Regression(fit, second, basis, exact[:, -LAGS:])


def _regress(y: torch.Tensor, eps: torch.Tensor | None, prior_lag: float) -> Fit:
    """The fit of y (B, L, 3), with a prior s.d. of `prior_lag` on its first lag."""
    quarters = y.shape[1]
    columns = [y[:, LAGS - k : quarters - k] for k in range(1, LAGS + 1)]
    columns.append(torch.ones_like(y[:, LAGS:, :1]))
    if eps is not None:
        last = eps.shape[1]
        first = last - quarters + LAGS
        columns += [eps[:, first - k : last - k].double() for k in range(LAGS + 1)]
    x = torch.cat(columns, dim=2)
    precision = [k**2 / prior_lag**2 for k in range(1, LAGS + 1) for _ in range(3)]
    precision += [PRIOR_CONSTANT**-2] + [PRIOR_SHOCK**-2] * (x.shape[2] - len(precision) - 1)
    return _fit(x, y[:, LAGS:], torch.tensor(precision, dtype=x.dtype, device=x.device))


def _is_there(fit: Fit) -> torch.Tensor:
    """(B,): which rows have a fit."""
    return fit.factor.isfinite().flatten(1).all(dim=1) & fit.lags.isfinite().flatten(1).all(dim=1)


def _chosen(rows: torch.Tensor, yes: torch.Tensor, no: torch.Tensor) -> torch.Tensor:
    return torch.where(rows.view(-1, *[1] * (yes.dim() - 1)), yes, no)


def _chosen_fit(rows: torch.Tensor, yes: Fit, no: Fit) -> Fit:
    shocks = None
    if yes.shocks is not None and no.shocks is not None:
        shocks = _chosen(rows, yes.shocks, no.shocks)
    return Fit(
        _chosen(rows, yes.lags, no.lags),
        _chosen(rows, yes.constant, no.constant),
        shocks,
        _chosen(rows, yes.factor, no.factor),
        _chosen(rows, yes.residuals, no.residuals),
    )


def _fit(x: torch.Tensor, y: torch.Tensor, prior: torch.Tensor) -> Fit:
    """Of y (B, T, 3) on x (B, T, K) with the prior's precisions (K,)."""
    gram, moment = x.mT @ x, x.mT @ y
    both = torch.cat([moment, gram], dim=2)
    first = _solve(gram, both, _FIRST * prior)
    used = first[:, :, 3:].diagonal(dim1=1, dim2=2).sum(dim=1)  # degrees of freedom, tr(H)
    squares = (y - x @ first[:, :, :3]).square().sum(dim=(1, 2)) / 3.0
    noise = (squares / (y.shape[1] - used).clamp(min=1.0)).clamp(min=_LEAST_VARIANCE)
    # The prior counts against data as noisy as the first residuals; nearly exact fits ignore it.
    solution = _solve(gram, moment, noise[:, None] * prior)
    residuals = y - x @ solution
    factor = _covariance_factor(residuals)
    lags, constant = solution[:, : 3 * LAGS].reshape(-1, LAGS, 3, 3).mT, solution[:, 3 * LAGS]
    shocks = None
    if solution.shape[1] > 3 * LAGS + 1:
        shocks = solution[:, 3 * LAGS + 1 :].reshape(len(x), LAGS + 1, -1, 3).mT
    return Fit(lags, constant, shocks, factor, residuals)


def _covariance_factor(series: torch.Tensor) -> torch.Tensor:
    """The Cholesky factor of the second moments of (B, T, 3)."""
    floor = _LEAST_VARIANCE * torch.eye(3, dtype=series.dtype, device=series.device)
    return _factor(series.mT @ series / series.shape[1] + floor)


def _solve(gram: torch.Tensor, moment: torch.Tensor, prior: torch.Tensor) -> torch.Tensor:
    return torch.cholesky_solve(moment, _factor(gram + torch.diag_embed(prior)))


def _factor(matrix: torch.Tensor) -> torch.Tensor:
    """Cholesky factors; NaN for a row that has none, which must not stop the others."""
    factor, failed = torch.linalg.cholesky_ex(matrix)
    return torch.where((failed > 0)[:, None, None], torch.nan, factor)
