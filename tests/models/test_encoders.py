"""What the universal model reads of the past, and what it makes of a regression."""

from __future__ import annotations

import pytest
import torch

from emulator.models.encoders import FADING, RECENT, StateEncoder, regressions, scale_of
from emulator.models.heads import DAMPED
from emulator.models.universal import Universal, UniversalConfig
from emulator.regimes import Regime, Task, build_inputs
from tests.specs import LARGE, SMALL, SPECS, sample

pytestmark = pytest.mark.fast


def _model() -> Universal:
    torch.manual_seed(0)
    config = UniversalConfig(hidden_dim=16, world_embed_dim=4, param_embed_dim=8, poles=4)
    model = config.build(SPECS, 10).eval()
    trunk = model.pathways["from_data"]
    for head in (trunk.modal.residue, trunk.direct.out):  # leave the regression alone
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.zeros_(head.bias)
    return model


@torch.no_grad()
def test_where_innovations_are_known_answers_begin_at_the_regressions_own_responses() -> None:
    inputs = build_inputs(sample(LARGE), LARGE, Regime.D, history_length=120)
    (found,) = regressions([inputs])
    scale = scale_of(inputs.history)[:, None, None]
    first, second = (own * scale for own in found.responses(11).chunk(2, dim=1))
    model = _model()
    # Begin with a fading of exp(-6) a quarter: 2.5 % over ten.
    fade = torch.exp(-torch.nn.functional.softplus(torch.tensor(-6.0)) * torch.arange(11))[:, None]
    torch.testing.assert_close(model(inputs), second * fade)
    model.identified.out.bias[0] = 1.0  # for every shock a share of what the first fit says of it
    share = DAMPED * first + second
    torch.testing.assert_close(model(inputs), share * fade)


@torch.no_grad()
def test_without_innovations_the_columns_of_a_regression_are_mixed_by_shock() -> None:
    model = _model()
    inputs = build_inputs(sample(LARGE), LARGE, Regime.B1, history_length=120)
    assert not model(inputs).any()  # to begin with, no share is taken
    for column in range(6):  # three of each fit
        torch.nn.init.zeros_(model.rotated.out.weight)
        torch.nn.init.normal_(model.rotated.out.weight[column])
        assert model(inputs).any(dim=(0, 2, 3)).all()


@torch.no_grad()
def test_what_a_worlds_responses_never_do_no_estimate_makes_them_do() -> None:
    model = _model()
    model.scales("small").sd[1, 0] = 0.0
    out = model(build_inputs(sample(SMALL), SMALL, Regime.D))
    assert not out[:, 1, :, 0].any()
    assert out[:, 0].any()


@torch.no_grad()
def test_both_fits_are_read() -> None:
    encoder = _model().economy_in
    inputs = build_inputs(sample(LARGE), LARGE, Regime.B1, history_length=120)
    (found,) = regressions([inputs])
    before = encoder(inputs.history, found)
    others = (found._replace(apart=found.fit), found._replace(fit=found.apart))
    for changed in (*others, found._replace(basis=2.0 * found.basis)):
        assert not torch.allclose(encoder(inputs.history, changed), before)


@torch.no_grad()
def test_the_state_fades() -> None:
    torch.manual_seed(0)
    encoder = StateEncoder(LARGE.shock_names, 16)
    fields = sample(LARGE)
    draw = torch.randn(5, 16)

    def state(change: int | None) -> torch.Tensor:
        eps = fields["eps"].clone()
        if change is not None:
            eps[:, eps.shape[1] - change] += 3.0
        inputs = build_inputs({**fields, "eps": eps}, LARGE, Regime.A, Task.state_dependent)
        return encoder([inputs], [draw])[0]

    clean = state(None)
    moved = {back: (state(back) - clean).norm() for back in (1, RECENT, RECENT + 10, FADING)}
    assert all(size > 1e-6 for size in moved.values())
    assert moved[1] > moved[RECENT + 10] > moved[FADING]
    assert torch.equal(state(FADING + 1), clean)


@torch.no_grad()
def test_innovations_before_a_short_history_count() -> None:
    torch.manual_seed(0)
    encoder, draw = StateEncoder(LARGE.shock_names, 16), torch.randn(5, 16)
    fields = sample(LARGE)
    ask = (LARGE, Regime.D, Task.state_dependent)
    clean = encoder([build_inputs(fields, *ask, history_length=40)], [draw])[0]
    fields["eps"][:, -60] += 3.0
    moved = encoder([build_inputs(fields, *ask, history_length=40)], [draw])[0]
    assert not torch.equal(moved, clean)
