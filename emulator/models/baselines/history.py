"""What baselines on a history alone share: estimates of a VAR, and shocks found in its residuals.

    y_t = c + A_1 y_{t-1} + ... + A_p y_{t-p} + u_t,     u_t ~ (0, Sigma)

Response at horizon h to shock s: `multiplier_h d_s`. A VAR's multipliers are its moving-average
matrices, Phi_0 = I, Phi_h = sum_j A_j Phi_{h-j}; its forecasts are iterated.

The impact d_s is found in one of two ways. Chosen: Sigma is orthogonalised in each of the 6
orderings of the series, and ordering, column and sign are chosen for every world, task and shock by
the error of the responses on the validation split; a shock has the estimated s.d. Fitted: d_s = P
q_s, P the Cholesky factor in the order output, inflation, rate, and q_s fitted on the training
split by least squares.

Every world is stationary, and some estimates are not. `stable` scales the roots of those with a
root on or outside the unit circle, all by the same factor, A_j by its j-th power, until the largest
is 1 - 1/L: closer to one than that L quarters cannot tell a root from one. Their constant is the
one whose mean is that of the history. Other estimates stay as they are.

Sources: Sims (1980, Econometrica 48(1)); Lutkepohl (2005), ch. 2 to 4; Kilian (1998, REStat 80(2)),
who shrinks the same way until estimates are stationary.
"""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from emulator.errors import InputError
from emulator.models.abilities import ModelConfigBase
from emulator.models.base import Answered, SeparateModel
from emulator.models.baselines.summary import HISTORIES_AT_ONCE
from emulator.regimes import Inputs, Regime, tasks
from emulator.specs import WorldSpec

if TYPE_CHECKING:
    from jaxtyping import Float, Float64, Int64

MAX_LAGS = 8  # two years
ORDERINGS = tuple(itertools.permutations(range(3)))


class Estimates(NamedTuple):
    """VARs of B histories: lags (B,), constant (B, 3), coefficients (B, 8, 3, 3), zero beyond the
    row's lags, and the residual covariance (B, 3, 3)."""

    lags: Int64[torch.Tensor, " B"]
    constant: Float64[torch.Tensor, "B 3"]
    coefficients: Float64[torch.Tensor, "B 8 3 3"]
    covariance: Float64[torch.Tensor, "B 3 3"]


class HistoryConfig(ModelConfigBase):
    """What baselines on a history alone say of themselves: they need it, and go world by world."""

    regimes = (Regime.B1, Regime.C, Regime.D)
    reads = frozenset({"world", "history"})
    fitted_at_once = True


class HistoryBaseline(SeparateModel):
    """Estimates each history by itself; see the module docstring. Has no learned parameters."""

    def __init__(
        self, config: HistoryConfig, specs: Sequence[WorldSpec], horizon: int, *, fitted: bool
    ) -> None:
        super().__init__(config, specs, horizon)
        self.fitted = fitted
        self.shocks = nn.ModuleDict(
            {f"{s.name}_{task}": _Identification(len(s.shocks)) for s in specs for task in tasks(s)}
        )

    @abstractmethod
    def estimate(self, history: Float[torch.Tensor, "B L 3"], world: str) -> Estimates:
        """A stable VAR of each history of a world."""

    @abstractmethod
    def multipliers(
        self, history: Float[torch.Tensor, "B L 3"], estimates: Estimates, horizon: int
    ) -> Float64[torch.Tensor, "B {horizon}+1 3 3"]:
        """Responses (B, H+1, 3, 3) of the series (rows) to unit residuals (columns)."""

    @torch.no_grad()
    def fit(self, world: str, train: Answered, validation: Sequence[Answered]) -> None:
        shocks = self._shocks(train[0])
        sd = self.scales(world).sd.double()
        weight = torch.where(sd > 0, 1.0 / torch.where(sd > 0, sd, 1.0), 0.0)  # (S, 3)
        if self.fitted:
            shocks.rotate(_normal_equations(self._estimated([train]), weight))
        else:
            shocks.choose(_errors(self._estimated(validation), weight))

    @torch.no_grad()
    def respond(
        self, inputs: Inputs, horizon: int | None = None
    ) -> Float[torch.Tensor, "B S points 3"]:
        horizon = self.horizon if horizon is None else horizon
        shocks = self._shocks(inputs)
        out = []
        for history, estimates in self._estimates(inputs):
            impact = shocks(estimates.covariance, rotated=self.fitted)  # (B, 3, S)
            response = self.multipliers(history, estimates, horizon) @ impact[:, None]
            out.append(response.permute(0, 3, 1, 2))
        return torch.cat(out).to(inputs.size.dtype)

    def _estimates(self, inputs: Inputs) -> Iterator[tuple[torch.Tensor, Estimates]]:
        """Histories and their estimates, a chunk at a time."""
        for history in torch.split(history_of(inputs), HISTORIES_AT_ONCE):
            yield history, self.estimate(history, world_of(inputs))

    def _estimated(self, batches: Sequence[Answered]) -> Iterator[tuple[Estimates, torch.Tensor]]:
        """Estimates and targets (B, S, H+1, 3), a chunk at a time."""
        for inputs, target in batches:
            parts = torch.split(target, HISTORIES_AT_ONCE)
            for (_, estimates), part in zip(self._estimates(inputs), parts, strict=True):
                yield estimates, part.double()

    def _shocks(self, inputs: Inputs) -> _Identification:
        module = self.shocks[f"{world_of(inputs)}_{inputs.task}"]
        assert isinstance(module, _Identification)
        return module


class IteratedBaseline(HistoryBaseline):
    """Responses and forecasts follow from the estimated VAR, quarter by quarter."""

    def multipliers(
        self, history: Float[torch.Tensor, "B L 3"], estimates: Estimates, horizon: int
    ) -> Float64[torch.Tensor, "B {horizon}+1 3 3"]:
        return moving_average(estimates.coefficients, horizon)

    @torch.no_grad()
    def forecast(self, inputs: Inputs) -> Float[torch.Tensor, "B F 3"]:
        """Iterated forecasts without later innovations; known ones are not used."""
        out = []
        for history, estimates in self._estimates(inputs):
            path = list(history[:, -MAX_LAGS:].double().unbind(dim=1))  # oldest first
            for _ in range(inputs.ahead):
                recent = torch.stack(path[: -MAX_LAGS - 1 : -1], dim=1)[..., None]  # lag 1 first
                step = (estimates.coefficients @ recent).sum(dim=1)[..., 0]
                path.append(estimates.constant + step)
            out.append(torch.stack(path[MAX_LAGS:], dim=1))
        return torch.cat(out).to(inputs.size.dtype)


def world_of(inputs: Inputs) -> str:
    """The world named. Raises InputError where none is."""
    if inputs.world is None:
        raise InputError("this model answers world by world; the regime does not name it")
    return inputs.world


def history_of(inputs: Inputs) -> Float[torch.Tensor, "B L 3"]:
    """The history given. Raises InputError where none is."""
    if inputs.history is None:
        raise InputError("this model answers from a history; the regime gives none (use B1)")
    return inputs.history


class _Identification(nn.Module):
    """How the S shocks of a world are found in the residuals.

    choice (S, 3): ordering, as its place in ORDERINGS, column, and sign; sign 0 is not chosen yet.
    rotation (S, 3): weights on the columns of the Cholesky factor; NaN is not fitted yet.
    """

    choice: torch.Tensor
    rotation: torch.Tensor

    def __init__(self, shocks: int) -> None:
        super().__init__()
        self.register_buffer("choice", torch.zeros(shocks, 3, dtype=torch.int64))
        nan = torch.full((shocks, 3), torch.nan, dtype=torch.float64)
        self.register_buffer("rotation", nan)

    def choose(self, errors: torch.Tensor) -> None:
        """Take the candidate with the lowest error (S, 2, 18) for each shock."""
        best = errors.flatten(1).argmin(dim=1)
        sign, candidate = best // errors.shape[2], best % errors.shape[2]
        self.choice.copy_(torch.stack([candidate // 3, candidate % 3, 1 - 2 * sign], dim=1))

    def rotate(self, moments: tuple[torch.Tensor, torch.Tensor]) -> None:
        """Solve the normal equations (S, 3, 3), (S, 3)."""
        self.rotation.copy_(torch.linalg.solve(*moments))

    def forward(
        self, covariance: Float64[torch.Tensor, "B 3 3"], *, rotated: bool
    ) -> Float64[torch.Tensor, "B 3 S"]:
        """Impacts (B, 3, S) of the shocks."""
        if rotated:
            if self.rotation.isnan().any():
                raise InputError("this VAR was not fitted: train it first")
            fitted: torch.Tensor = torch.linalg.cholesky(covariance) @ self.rotation.T
            return fitted
        ordering, column, sign = self.choice.T
        if not sign.all():
            raise InputError("this model's orderings were not chosen: train it first")
        impact: torch.Tensor = candidates(covariance)[:, :, 3 * ordering + column] * sign
        return impact


def stable(estimates: Estimates, history: Float[torch.Tensor, "B L 3"]) -> Estimates:
    """Estimates (B,) without explosive ones: those with a root on or outside the unit circle have
    their roots scaled, until the largest is 1 - 1/L; see the module docstring."""
    radius = spectral_radius(estimates.coefficients, estimates.lags)
    explosive = radius >= 1.0
    if not explosive.any():
        return estimates
    factor = (1.0 - 1.0 / history.shape[1]) / radius[explosive]
    powers = torch.arange(1, MAX_LAGS + 1, dtype=factor.dtype, device=factor.device)
    coefficients, constant = estimates.coefficients.clone(), estimates.constant.clone()
    shrunk = coefficients[explosive] * (factor[:, None] ** powers)[..., None, None]
    mean = history[explosive].double().mean(dim=1)
    coefficients[explosive] = shrunk
    constant[explosive] = mean - (shrunk.sum(dim=1) @ mean[..., None])[..., 0]
    return estimates._replace(coefficients=coefficients, constant=constant)


def spectral_radius(
    coefficients: Float64[torch.Tensor, "B 8 3 3"], lags: Int64[torch.Tensor, " B"]
) -> Float64[torch.Tensor, " B"]:
    """The largest modulus of the eigenvalues of each companion matrix, (B,)."""
    radius = coefficients.new_zeros(len(coefficients))
    for count in sorted(set(lags.tolist())):
        rows = lags == count
        above = coefficients[rows, :count].transpose(1, 2).flatten(2)  # (b, 3, 3 p)
        below = torch.eye(3 * (count - 1), 3 * count, dtype=above.dtype, device=above.device)
        companion = torch.cat([above, below.expand(len(above), -1, -1)], dim=1)
        radius[rows] = torch.linalg.eigvals(companion).abs().amax(dim=1)
    return radius


def candidates(covariance: Float[torch.Tensor, "B 3 3"]) -> Float[torch.Tensor, "B 3 18"]:
    """Orthogonalised impacts (B, 3, 18): column 3 o + c is the shock to the c-th series of ordering
    o, in the original order of the series."""
    out = []
    for ordering in ORDERINGS:
        order = torch.tensor(ordering, device=covariance.device)
        factor = torch.linalg.cholesky(covariance[:, order][:, :, order])
        out.append(factor[:, order.argsort()])
    return torch.cat(out, dim=2)


def moving_average(
    coefficients: Float[torch.Tensor, "B p n n"], horizon: int
) -> Float[torch.Tensor, "B {horizon}+1 n n"]:
    """Phi (B, H+1, 3, 3) of VAR coefficients (B, p, 3, 3)."""
    rows, lags, n, _ = coefficients.shape
    phi = [torch.eye(n, dtype=coefficients.dtype, device=coefficients.device).expand(rows, n, n)]
    for h in range(1, horizon + 1):
        terms = [coefficients[:, j - 1] @ phi[h - j] for j in range(1, min(h, lags) + 1)]
        phi.append(torch.stack(terms).sum(dim=0))
    return torch.stack(phi, dim=1)


def _errors(parts: Iterator[tuple[Estimates, torch.Tensor]], weight: torch.Tensor) -> torch.Tensor:
    """Summed errors (S, 2, 18) of the candidates with sign + and -: weighted root mean squares over
    horizons, as the NRMSE has them."""
    total = torch.zeros(
        len(weight), 2, 3 * len(ORDERINGS), dtype=torch.float64, device=weight.device
    )
    for estimates, target in parts:
        phi = moving_average(estimates.coefficients, target.shape[2] - 1)
        response = phi @ candidates(estimates.covariance)[:, None]  # (B, H+1, 3, 18)
        own = response.square().mean(dim=1)[:, None] + target.square().mean(dim=2)[..., None]
        cross = 2.0 * torch.einsum("bhvk,bshv->bsvk", response, target) / target.shape[2]
        for place, sign in enumerate((1.0, -1.0)):
            # Rounding may leave a perfect match a hair below zero.
            error = (own - sign * cross).clamp(min=0).sqrt()  # (B, S, 3, 18)
            total[:, place] += (error * weight[..., None]).sum(dim=(0, 2))
    return total


def _normal_equations(
    parts: Iterator[tuple[Estimates, torch.Tensor]], weight: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Normal equations (S, 3, 3), (S, 3) of responses on those to the Cholesky columns, both
    divided by the s.d. of the training responses."""
    left = weight.new_zeros(len(weight), 3, 3)
    right = weight.new_zeros(len(weight), 3)
    for estimates, target in parts:
        phi = moving_average(estimates.coefficients, target.shape[2] - 1)
        response = phi @ torch.linalg.cholesky(estimates.covariance)[:, None]  # (B, H+1, 3, 3)
        squares = weight.square()
        left += torch.einsum("sv,bhvj,bhvk->sjk", squares, response, response)
        right += torch.einsum("sv,bhvj,bshv->sj", squares, response, target)
    return left, right
