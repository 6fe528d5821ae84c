"""The regression that stands in for unknown parameters, against economies where it is known."""

from __future__ import annotations

import pytest
import torch

from emulator.models.baselines.summary import ols_var
from emulator.models.regression import FARTHEST, LAGS, LARGEST, regress

pytestmark = pytest.mark.fast

QUARTERS = 160


def _var(rows: int = 6, quarters: int = QUARTERS, root: float = 0.9):
    """Paths (B, T, 3) of stable VAR(1)s from rest, their innovations (B, T, 3) and responses to
    each (B, 3, 41, 3), in units of each series' s.d."""
    generator = torch.Generator().manual_seed(3)
    a = torch.randn(rows, 3, 3, generator=generator, dtype=torch.float64)
    a = root * a / torch.linalg.eigvals(a).abs().amax(dim=1)[:, None, None]
    impact = 0.5 * torch.randn(rows, 3, 3, generator=generator, dtype=torch.float64).tril(-1)
    impact = impact + torch.eye(3, dtype=torch.float64)
    eps = torch.randn(rows, quarters, 3, generator=generator, dtype=torch.float64)
    path, now = [], torch.zeros(rows, 3, 1, dtype=torch.float64)
    for t in range(quarters):
        now = a @ now + impact @ eps[:, t, :, None]
        path.append(now[..., 0])
    series = torch.stack(path, dim=1)
    sd = series.std(dim=1)
    powers = [impact]
    for _ in range(40):
        powers.append(a @ powers[-1])
    responses = torch.stack(powers, dim=1).permute(0, 3, 1, 2) / sd[:, None, None]
    return series / sd[:, None], eps, responses


def test_with_innovations_a_linear_economy_is_identified() -> None:
    """No residual is left, so the prior counts for nothing and only rounding does."""
    z, eps, responses = _var()
    found = regress(z[:, -120:].float(), eps.float())
    both = torch.cat([responses, responses], dim=1).float()  # by either fit
    torch.testing.assert_close(found.responses(41), both, atol=1e-3, rtol=0)


def test_without_innovations_a_long_history_gives_the_least_squares_coefficients() -> None:
    z, _, _ = _var(quarters=20_000)
    found, plain = regress(z, None), ols_var(z, LAGS)
    # The prior is worth noise / .3^2 quarters at lag 1 and 16 times that at lag 4, of 20,000.
    torch.testing.assert_close(found.fit.lags, plain.coefficients, atol=0.02, rtol=0)
    torch.testing.assert_close(
        found.fit.factor, torch.linalg.cholesky(plain.covariance), atol=1e-3, rtol=0
    )


def test_short_histories_are_drawn_to_no_dynamics_at_far_lags() -> None:
    z, _, _ = _var(quarters=40)
    plain = ols_var(z, LAGS).coefficients
    assert (regress(z, None).fit.lags[:, 3].norm() < 0.5 * plain[:, 3].norm()).all()


def test_more_shocks_than_quarters_can_tell_apart_still_give_finite_responses() -> None:
    z, _, _ = _var(quarters=40)
    eps = torch.randn(6, 60, 7, generator=torch.Generator().manual_seed(0))
    out = regress(z.float(), eps).responses(81)
    assert out.shape == (6, 14, 81, 3)
    assert torch.isfinite(out).all()


def test_explosive_estimates_stay_bounded_and_small_ones_are_left_alone() -> None:
    t = torch.arange(60, dtype=torch.float64)
    z = torch.exp(0.2 * t)[None, :, None].expand(1, 60, 3) * torch.tensor([1.0, -1.0, 0.5])
    z = z + torch.randn(1, 60, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = regress(z / z.std(dim=1, keepdim=True), None)
    assert found.responses(81).abs().max() <= LARGEST
    assert found.forecast(40).abs().max() <= FARTHEST
    stable = regress(_var()[0], None)
    first = stable.fit.responses(1)[:, :, 0].mT.double()
    # Bent by 1e-4 of itself at .4 of the limit of 2, and responses rarely are above .8.
    small = stable.fit.factor.abs() < 0.8
    torch.testing.assert_close(first[small], stable.fit.factor[small], atol=0, rtol=2e-4)


def test_a_forecast_iterates_the_regression() -> None:
    z, _, _ = _var()
    found = regress(z, None)
    recent, expected = z[:, -LAGS:], []
    for _ in range(3):
        lagged = recent.flip(1)  # the last quarter first
        now = found.fit.constant + torch.einsum("bkij,bkj->bi", found.fit.lags, lagged)
        expected.append(now)
        recent = torch.cat([recent[:, 1:], now[:, None]], dim=1)
    torch.testing.assert_close(
        found.forecast(3), torch.stack(expected, dim=1).float(), atol=1e-5, rtol=1e-3
    )


def test_a_series_that_hardly_moves_spoils_its_own_row_alone() -> None:
    z, eps, _ = _var()
    good = regress(z, None).responses(41)
    z[1] = z[1] * 1e-9 + 5e6  # what a constant of 5 becomes over a floor of 1e-6
    out = regress(z, None).responses(41)
    assert torch.isnan(out[1]).any() or (out[1].abs() <= LARGEST).all()
    kept = [0, 2, 3, 4, 5]
    torch.testing.assert_close(out[kept], good[kept])
    z[1] = 0.0
    assert torch.isfinite(regress(z, eps).responses(41)).all()


def test_a_fit_that_uses_up_its_quarters_is_not_taken_for_an_exact_one() -> None:
    """Seven shocks and forty-five quarters, noise in every one: the prior must count."""
    generator = torch.Generator().manual_seed(1)
    z, eps, _ = _var(quarters=60)
    others = torch.randn(6, 60, 4, generator=generator, dtype=torch.float64)
    noisy = z + 0.3 * torch.randn(6, 60, 3, generator=generator, dtype=torch.float64)
    noisy = noisy / noisy.std(dim=1, keepdim=True)
    found = regress(noisy[:, -45:], torch.cat([eps, others], dim=2))
    # Shocks that do nothing get coefficients well below the prior's .5.
    assert found.shocks[:, :, :, 3:].square().mean().sqrt() < 0.25


def test_the_second_fit_keeps_what_the_prior_takes_away() -> None:
    """Series that move together have coefficients far beyond the tight prior's."""
    generator = torch.Generator().manual_seed(3)
    e = torch.randn(300, 1, 200, generator=generator).double()
    x = torch.zeros(300, 200, dtype=torch.float64)
    for t in range(1, 200):
        x[:, t] = 0.9 * x[:, t - 1] + e[:, 0, t]
    noise = torch.randn(300, 200, 3, generator=generator).double()
    z = x[..., None] + 0.05 * noise
    z = (z / z.std(dim=1, keepdim=True)).float()
    # y_t = 4 (y_{t-1} - x_{t-1}) + ..: the difference between two series that are nearly the same.
    y = z.clone()
    y[:, 1:, 0] = z[:, 1:, 0] + 4.0 * (z[:, :-1, 1] - z[:, :-1, 2])
    found = regress(y / y.std(dim=1, keepdim=True), None)
    other = found.apart.on(found.basis)
    tight, apart = (fit.lags[:, 0, 0, 1].mean() for fit in (found.fit, other))
    assert apart > 1.3 * tight > 0.0
    assert apart > 2.0


def test_changes_are_uncorrelated_in_the_second_fits_coordinates() -> None:
    z, _, _ = _var()
    found = regress(z, None)
    x = torch.linalg.solve_triangular(found.basis, z.mT, upper=False).mT
    changes = x.diff(dim=1)
    changes = changes - changes.mean(dim=1, keepdim=True)
    moments = changes.mT @ changes / changes.shape[1]
    torch.testing.assert_close(moments, torch.eye(3).double().expand(6, 3, 3), atol=1e-6, rtol=0)


def test_the_second_fit_says_the_same_in_either_coordinates() -> None:
    """Whatever the coordinates, the same residuals, and responses of the same series."""
    z, eps, responses = _var()
    found = regress(z, None)
    there = found.apart.on(found.basis)
    lagged = torch.stack([z[:, LAGS - k : QUARTERS - k] for k in range(1, LAGS + 1)], dim=1)
    explained = torch.einsum("bkij,bktj->bti", there.lags, lagged) + there.constant[:, None]
    torch.testing.assert_close(z[:, LAGS:] - explained, there.residuals, atol=1e-8, rtol=0)
    covariance = there.residuals.mT @ there.residuals / there.residuals.shape[1]
    torch.testing.assert_close(there.factor @ there.factor.mT, covariance, atol=1e-6, rtol=0)
    assert found.responses(41).shape == (6, 6, 41, 3)
    impact = there.factor.mT.float()  # bent where large
    small = impact.abs() < 0.8
    torch.testing.assert_close(
        found.responses(1)[:, 3:, 0][small], impact[small], atol=0, rtol=2e-4
    )
    # With innovations known a linear economy is identified, in these coordinates too.
    known = regress(z[:, -120:].float(), eps.float())
    there = known.apart.on(known.basis)
    torch.testing.assert_close(there.responses(41), responses.float(), atol=1e-3, rtol=0)


def test_where_there_is_no_second_fit_the_first_stands_in() -> None:
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(64, 40, 3, generator=generator)
    z[:, :, 2] = 1e6  # a series that does not move, over the s.d. that such a one is given
    found = regress(z, None)
    tight = found.fit.factor.isfinite().flatten(1).all(dim=1)
    assert tight.any()
    for part in (found.apart.lags, found.apart.factor, found.apart.residuals, found.basis):
        assert part[tight].isfinite().all()
    same = tight & (found.apart.lags == found.fit.lags).flatten(1).all(dim=1)
    assert same.any()
    assert (found.basis[same] == torch.eye(3)).all()


def test_the_order_of_series_does_not_matter_to_the_second_fit() -> None:
    """Its prior is the same in every direction."""
    z, _, _ = _var()
    order = [2, 0, 1]
    one, other = regress(z, None), regress(z[:, :, order], None)
    lags = one.apart.on(one.basis).lags[:, :, order][:, :, :, order]
    torch.testing.assert_close(other.apart.on(other.basis).lags, lags, atol=1e-8, rtol=0)
