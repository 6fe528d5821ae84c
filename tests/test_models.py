"""Models: names, scales, horizons, and a gradient through every part."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.errors import InputError, UnknownNameError
from emulator.limits import AHEAD, QUANTILES
from emulator.models.base import Model
from emulator.models.baselines.mlp import MLPConfig
from emulator.models.blocks import Block
from emulator.models.heads import FADE, DirectHead, ModalHead, SpreadHead, distances
from emulator.models.normalization import ParameterNormalizer, normalize_bounded
from emulator.models.universal import UniversalConfig
from emulator.regimes import Inputs, Regime, Task, build_inputs, response_inputs
from emulator.training.losses import quantile_loss, response_loss, trajectory_loss
from tests.specs import LARGE, SMALL, SPECS, sample

pytestmark = pytest.mark.fast

UNIVERSAL = UniversalConfig(
    hidden_dim=16, world_embed_dim=4, param_embed_dim=8, poles=4, group_width=8, trunk_width=16
)
CONFIGS = [UNIVERSAL, MLPConfig(hidden_dim=8)]


def _model(config=UNIVERSAL, horizon: int = 10) -> Model:
    torch.manual_seed(0)
    return config.build(SPECS, horizon).eval()


@pytest.mark.parametrize("config", CONFIGS)
def test_responses_have_the_asked_shape(config) -> None:
    model = _model(config)
    for spec in SPECS:
        for horizon in (0, 4, 10):
            inputs = build_inputs(sample(spec, 7), spec, Regime.A)
            assert model(inputs, horizon).shape == (7, len(spec.shocks), horizon + 1, 3)


def test_the_universal_model_answers_beyond_its_trained_horizon_without_changing_the_rest() -> None:
    model = _model()
    inputs = build_inputs(sample(LARGE), LARGE, Regime.A)
    long = model(inputs, 80)
    assert long.shape[2] == 81
    torch.testing.assert_close(long[:, :, :11], model(inputs, 10))


def test_baselines_refuse_horizons_they_were_not_trained_on() -> None:
    with pytest.raises(InputError, match="up to 10"):
        _model(MLPConfig(hidden_dim=8))(build_inputs(sample(SMALL), SMALL, Regime.A), 11)


@pytest.mark.parametrize("config", CONFIGS)
def test_a_draw_has_the_same_response_alone_and_in_a_batch(config) -> None:
    model = _model(config)
    fields = sample(LARGE, 9)
    whole = model(build_inputs(fields, LARGE, Regime.A))
    for row in (0, 8):
        alone = {name: value[row : row + 1] for name, value in fields.items()}
        # Matrix products of another shape may round differently: a few float32 ulps.
        torch.testing.assert_close(
            model(build_inputs(alone, LARGE, Regime.A))[0], whole[row], rtol=1e-5, atol=1e-6
        )


def test_parameters_are_told_apart_by_name_not_by_place() -> None:
    model = _model()
    fields = sample(LARGE)
    clean = model(build_inputs(fields, LARGE, Regime.A))
    swapped = {**fields, "theta": fields["theta"][:, [0, 3, 2, 1]]}  # rho and psi change places
    assert not torch.allclose(model(build_inputs(swapped, LARGE, Regime.A)), clean)
    # The same world with its parameters listed in another order is the same world.
    order = [2, 0, 3, 1]
    shuffled = dataclasses.replace(LARGE, parameters=tuple(LARGE.parameters[i] for i in order))
    torch.manual_seed(0)
    other = UNIVERSAL.build((SMALL, shuffled), 10).eval()
    state = model.state_dict()
    for name, tensor in state.items():
        if name.startswith("parameters_in.") and tensor.shape[0] == 5:
            rows = [model.parameters_in.name.rows[n] for n in other.parameters_in.name.rows]
            state[name] = tensor[rows]
        if name.startswith("pathways.from_parameters.large.") and name.endswith(
            ("units.first.weight", "system.linear.weight", "units.up.0.weight")
        ):
            extra = range(4, tensor.shape[2])  # what is read beside parameters
            if tensor.shape[2] != 16:
                state[name] = tensor[:, :, [*order, *extra]]
    other.load_state_dict(state)
    moved = {**fields, "theta": fields["theta"][:, order]}
    torch.testing.assert_close(other(build_inputs(moved, shuffled, Regime.A)), clean)


def test_worlds_share_the_token_of_a_shared_name() -> None:
    encoder = _model().parameters_in
    assert len(encoder.name.rows) == len({p.name for s in SPECS for p in s.parameters})


def test_a_response_is_proportional_to_the_s_d_of_its_shock() -> None:
    """The scale, not the network: the network's output is held fixed."""
    scales = _model().scales("small")
    theta = sample(SMALL)["theta"]
    doubled = theta.clone()
    doubled[:, 1] *= 2
    once, twice = scales(theta), scales(doubled)
    torch.testing.assert_close(twice[:, 0], 2 * once[:, 0])
    torch.testing.assert_close(twice[:, 1], once[:, 1])  # no s.d. parameter is named


def test_responses_that_are_identically_zero_stay_zero() -> None:
    model = _model()
    model.set_scales({"small": [[1.0, 0.0, 1.0], [1.0, 1.0, 1.0]], "large": [[1.0] * 3] * 3}, {})
    response = model(build_inputs(sample(SMALL), SMALL, Regime.A))
    assert (response[:, 0, :, 1] == 0).all()
    assert (response[:, 0, :, 0] != 0).any()


def test_size_matters_only_where_the_world_is_not_linear() -> None:
    model = _model()
    for spec, equal in ((SMALL, True), (LARGE, False)):
        fields = sample(spec)
        clean = model(build_inputs(fields, spec, Regime.A))
        other = {**fields, "shock_size": -fields["shock_size"]}
        assert torch.equal(model(build_inputs(other, spec, Regime.A)), clean) == equal


def test_every_part_gets_a_gradient_from_some_regime() -> None:
    model = _model().train()
    for regime, spec in itertools.product(Regime, SPECS):
        one = torch.ones(len(spec.shocks), 3)
        for task in (Task.steady_state, Task.state_dependent):
            inputs = build_inputs(sample(spec), spec, regime, task, extra={"flags"})
            target = torch.randn(5, len(spec.shocks), 11, 3)
            answer = model.answer([inputs])[0]
            response_loss(answer.response, target, one).backward(retain_graph=True)
            quantile_loss(answer.quantiles, target, one).backward()
        inputs = build_inputs(
            sample(spec), spec, regime, Task.trajectory, now=120, history_length=60
        )
        trajectory_loss(model.forecast(inputs), torch.randn(5, AHEAD, 3), torch.ones(3)).backward()
    nothing = build_inputs(sample(LARGE), LARGE, Regime.A, Task.state_dependent, without={"eps"})
    model(nothing).sum().backward()
    dead = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    # Corrections and conditions start at zero, so what feeds them learns from the second step.
    feeding = ("correction.", "given.", "shock_condition.", "parameters_in.")
    late = [n for n in dead if n.startswith(feeding) and not n.startswith("correction.out")]
    assert dead == late
    with torch.no_grad():
        model.correction.out.weight.normal_()
        for block in (m for m in model.modules() if isinstance(m, Block)):
            block.film.weight.normal_()
    inputs = build_inputs(sample(LARGE), LARGE, Regime.A, Task.trajectory, now=120)
    model.forecast(inputs).square().mean().backward()
    model(build_inputs(sample(LARGE), LARGE, Regime.D, Task.state_dependent)).sum().backward()
    model(build_inputs(sample(LARGE), LARGE, Regime.B1)).sum().backward()
    dead = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert [n for n in dead if n in late] == []


def _in_64_bits(inputs: Inputs) -> Inputs:
    tensors = {k: v.double() for k, v in vars(inputs).items() if isinstance(v, torch.Tensor)}
    return dataclasses.replace(inputs, **tensors)


def test_several_worlds_at_once_are_answered_as_each_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # In 64 bits, so that the order of sums, which shapes decide, does not show.
    monkeypatch.setattr(torch.Tensor, "float", lambda tensor: tensor.double())
    model = _model().double()
    with torch.no_grad():  # corrections start at zero
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    asked = [
        build_inputs(sample(LARGE), LARGE, Regime.A),
        build_inputs(sample(LARGE, 3), LARGE, Regime.C, Task.state_dependent),
        build_inputs(sample(SMALL), SMALL, Regime.A),
        build_inputs(sample(SMALL, 3), SMALL, Regime.B1, history_length=60),
        build_inputs(sample(LARGE, 4), LARGE, Regime.D, Task.state_dependent),
        build_inputs(sample(SMALL, 2), SMALL, Regime.B2, history_length=60),
    ]
    asked = [_in_64_bits(inputs) for inputs in asked]
    for inputs, together in zip(asked, model.answer(asked, 20), strict=True):
        alone = model.answer([inputs], 20)[0]
        for a, b in zip(together, alone, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_without_the_world_responses_are_a_usual_share_of_the_historys_s_d() -> None:
    model = _model()
    model.set_scales(
        {"small": torch.full((2, 3), 0.3).numpy(), "large": torch.full((3, 3), 4.0).numpy()},
        {"small": torch.full((3,), 3.0).numpy(), "large": torch.full((3,), 10.0).numpy()},
    )
    inputs = build_inputs(sample(LARGE), LARGE, Regime.B2)
    # Shares are .1 for two shocks and .4 for three.
    expected = 0.4 * inputs.history.std(dim=1)[:, None]
    torch.testing.assert_close(model.response_scale(inputs), expected)


# --------------------------------------------------------------------- bands


def test_quantiles_never_cross_and_reach_beyond_the_trained_horizon() -> None:
    model = _model()
    with torch.no_grad():
        for network in model.pathways["from_parameters"].values():
            network.small.spread.weight.normal_(std=0.1)
    for spec in SPECS:
        answer = model.answer([build_inputs(sample(spec), spec, Regime.A)], 80)[0]
        assert answer.quantiles.shape == (*answer.response.shape, len(QUANTILES))
        assert (answer.quantiles.diff(dim=-1) > 0).all()


def test_bands_grow_in_proportion_beyond_one_s_d_and_stay_finite() -> None:
    """A gap is the exponential of its curve up to one, and one more than the curve beyond."""
    head = SpreadHead(1)
    for curve, gap in ((-40.0, math.exp(-40.0)), (-2.0, math.exp(-2.0)), (0.0, 1.0), (99.0, 100.0)):
        with torch.no_grad():
            head.coefficients.weight.zero_()
            head.coefficients.bias.zero_()
            # The constant of every gap; the median stays in the middle.
            head.coefficients.bias.view(3, len(QUANTILES), -1)[:, :-1, -1] = curve
        quantiles = distances(head(torch.zeros(1, 1)), 3)
        assert quantiles[..., 2].abs().max() == 0.0
        widths = quantiles[..., [1, 3]].abs()
        torch.testing.assert_close(widths, torch.full_like(widths, gap), rtol=1e-6, atol=0.0)


def test_bands_do_not_move_the_point_estimate() -> None:
    model = _model().train()
    answer = model.answer([build_inputs(sample(SMALL), SMALL, Regime.A)])[0]
    quantile_loss(answer.quantiles, torch.randn(5, 2, 11, 3), torch.ones(2, 3)).backward()
    small = model.pathways["from_parameters"]["small"].small
    for part in (small.units, small.system, small.out):
        assert all(p.grad is None for p in part.parameters())
    assert small.spread.weight.grad.any()


# --------------------------------------------------------------------- trajectories


def test_an_untrained_path_is_the_sum_of_responses_to_the_innovations() -> None:
    """Against the sum written out, in regime A, where nothing else enters at the start."""
    model = _model()
    fields = sample(LARGE)
    inputs = build_inputs(fields, LARGE, Regime.A, Task.trajectory, now=90)
    responses = model(response_inputs(inputs), 129)
    expected = torch.zeros(5, AHEAD, 3)
    for t in range(90, 130):
        for back in range(t + 1):
            expected[:, t - 90] += torch.einsum(
                "bsv,bs->bv", responses[:, :, back], fields["eps"][:, t - back]
            )
    with torch.no_grad():
        torch.testing.assert_close(model.forecast(inputs), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("regime", Regime)
def test_forecasts_have_the_asked_shape_and_see_nothing_after_the_window(regime: Regime) -> None:
    model = _model()
    fields = sample(LARGE)
    arguments = (LARGE, regime, Task.trajectory)
    options = {"now": 100, "history_length": 60}
    clean = model.forecast(build_inputs(fields, *arguments, **options))
    assert clean.shape == (5, AHEAD, 3)
    later = {k: v.clone() for k, v in fields.items()}
    later["trajectories"][:, 100:] = torch.nan
    later["eps"][:, 100 + AHEAD :] = torch.nan
    assert torch.equal(model.forecast(build_inputs(later, *arguments, **options)), clean)


@pytest.mark.parametrize("regime", Regime)
def test_what_responses_are_made_of_does_not_learn_from_paths(regime: Regime) -> None:
    model = _model().train()
    inputs = build_inputs(sample(LARGE), LARGE, regime, Task.trajectory, now=100, history_length=60)
    model.forecast(inputs).square().sum().backward()
    learning = {n for n, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert learning
    assert all(name.startswith(("path_heads.", "correction.")) for name in learning)


@pytest.mark.parametrize("regime", [Regime.A, Regime.C])
def test_once_trained_a_path_has_gradients_of_its_parameters(
    regime: Regime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.Tensor, "float", lambda tensor: tensor.double())
    model = _model().double()
    with torch.no_grad():
        model.correction.out.weight.normal_()
    fields = sample(LARGE)
    inputs = _in_64_bits(
        build_inputs(fields, LARGE, regime, Task.trajectory, now=100, history_length=60)
    )
    theta = inputs.theta.clone().requires_grad_()
    direction = torch.randn_like(theta)

    def path(at: torch.Tensor) -> torch.Tensor:
        return model.forecast(dataclasses.replace(inputs, theta=at)).square().sum()

    path(theta).backward()
    found = (theta.grad * direction).sum()
    with torch.no_grad():
        apart = path(theta + 1e-3 * direction) - path(theta - 1e-3 * direction)
    torch.testing.assert_close(found, apart / 2e-3, rtol=0.02, atol=0.0)


def test_an_answer_from_data_moves_nothing_that_answers_from_parameters() -> None:
    """Their gradients never settle; trunk.py says what that did."""
    model = _model().train()
    model(build_inputs(sample(SMALL), SMALL, Regime.B1)).square().sum().backward()
    assert all(p.grad is None for p in model.pathways["from_parameters"].parameters())
    assert any(p.grad is not None for p in model.pathways["from_data"].parameters())


def test_a_path_before_an_innovation_does_not_depend_on_it() -> None:
    model = _model()
    torch.nn.init.normal_(model.correction.out.weight)
    fields = sample(LARGE)
    ask = (LARGE, Regime.A, Task.trajectory)
    clean = model.forecast(build_inputs(fields, *ask, now=100))
    fields["eps"] = fields["eps"].clone()
    fields["eps"][:, 110] += 1.0
    moved = model.forecast(build_inputs(fields, *ask, now=100))
    # The transform spreads rounding of 1e-7 over the whole path; effects are of order one.
    torch.testing.assert_close(moved[:, :10], clean[:, :10], rtol=1e-4, atol=1e-4)
    assert ((moved - clean)[:, 10].abs() > 1e-2).any(dim=1).all()


def test_an_unknown_world_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'small'"):
        _model().spec("smal")


# --------------------------------------------------------------------- normalisation


@settings(max_examples=100, deadline=None)
@given(
    st.floats(-5, 5),
    st.floats(0.01, 10),
    st.lists(st.floats(0, 1), min_size=2, max_size=8, unique=True),
)
def test_normalize_bounded_is_finite_and_increasing_inside_the_box(
    lower: float, width: float, positions: list[float]
) -> None:
    low = torch.tensor(lower, dtype=torch.float64)
    up = low + width
    value = low + torch.tensor(sorted(positions), dtype=torch.float64) * width
    out = normalize_bounded(value, low, up)
    assert torch.isfinite(out).all()
    distinct = value.diff() > 1e-9 * width
    assert (out.diff()[distinct] > 0).all()


def test_normalised_prior_draws_have_mean_zero_and_s_d_near_one() -> None:
    uniform = torch.rand(20_000, 4, generator=torch.Generator().manual_seed(0))
    lower = torch.tensor([p.lower for p in LARGE.parameters])
    upper = torch.tensor([p.upper for p in LARGE.parameters])
    out = ParameterNormalizer(LARGE)(lower + (upper - lower) * uniform)
    assert (out.mean(dim=0).abs() < 0.03).all()  # four standard errors of 20,000 draws
    assert ((out.std(dim=0) - 1).abs() < 0.1).all()  # the padding takes 5 % off the logit's


def test_transforms_are_the_declared_ones() -> None:
    out = ParameterNormalizer(SMALL)(torch.tensor([[0.45, 0.1 * 10**0.5]]))
    torch.testing.assert_close(out, torch.zeros(1, 2), atol=1e-6, rtol=0)  # the middle, and log


# --------------------------------------------------------------------- heads


def test_the_modal_head_can_be_any_damped_cosine() -> None:
    head = ModalHead(4, 2)
    modulus, angle = 0.9, 0.4
    with torch.no_grad():
        head.basis.pole.weight.zero_()
        head.residue.weight.zero_()
        rate = torch.log(torch.expm1(-torch.log(torch.tensor([modulus, 0.5]))))
        head.basis.pole.bias.copy_(torch.cat([rate, torch.tensor([angle, 0.0])]))
        residue = torch.zeros(3, 4)
        residue[1, 0], residue[1, 2] = 2.0, -1.0
        head.residue.bias.copy_(residue.flatten())
    out = head.residues(torch.zeros(1, 4)) @ head.basis(torch.zeros(1, 4), 61)
    h = torch.arange(61)
    expected = modulus**h * (2.0 * torch.cos(angle * h) - torch.sin(angle * h))
    torch.testing.assert_close(out[0, 1], expected, atol=1e-5, rtol=1e-5)
    assert (out[0, [0, 2]] == 0).all()


def test_the_direct_head_dies_out_from_its_last_value_without_a_jump() -> None:
    head = DirectHead(4, 11)
    torch.nn.init.normal_(head.out.weight)
    out = head(torch.randn(5, 4), 81)
    torch.testing.assert_close(out[..., 11:], out[..., 10:-1] * FADE)


@pytest.mark.parametrize("rate", [-50.0, 1e4])  # as near to a unit root as it gets, and to none
def test_modal_poles_never_explode(rate: float) -> None:
    head = ModalHead(4, 3)
    with torch.no_grad():
        head.basis.pole.bias.fill_(rate)
    assert torch.isfinite(head.basis(torch.randn(2, 4), 81)).all()


def test_shocks_that_leave_an_observable_alone_do_not_count_in_its_usual_share() -> None:
    """One of two does; and in a world that never moves it, there is no share to take."""
    torch.manual_seed(0)
    config = UniversalConfig(hidden_dim=16, world_embed_dim=4, param_embed_dim=8, poles=4)
    model = config.build([SMALL], 10).eval()
    responses = np.array([[0.0, 0.2, 0.0], [0.3, 0.4, 0.0]])
    model.set_scales({"small": responses}, {"small": np.array([1.0, 2.0, 0.0])})
    inputs = build_inputs(sample(SMALL), SMALL, Regime.B2, history_length=60)
    scale = model.response_scale(inputs)[:, 0] / inputs.history.std(dim=1)
    torch.testing.assert_close(scale, torch.tensor([[0.3, 0.1, 1.0]]).expand(5, -1))
    assert model(inputs).isfinite().all()
