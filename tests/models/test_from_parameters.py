"""Answers from parameters: what a shock reads, linear systems, components, floors."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from emulator.models.from_parameters import SHARED, SLOW, FromParameters, Widths
from emulator.models.gated import Maps
from emulator.models.past import RECENT, PastReader, Seen
from emulator.models.rolled import LARGEST_ROOT, Components, Rolled, _impulses, recursive
from emulator.models.universal import Universal, UniversalConfig
from emulator.regimes import Regime, Task, build_inputs
from emulator.specs import WorldSpec
from tests.specs import LARGE, SMALL, sample

pytestmark = pytest.mark.fast

FLOORED = replace(
    LARGE, name="floored", floors=(("rate", "psi"),),
    parameters=(*LARGE.parameters[:3], replace(LARGE.parameters[3], upper=100.0)),
)  # fmt: skip


def _model(spec: WorldSpec, horizon: int = 10) -> Universal:
    torch.manual_seed(0)
    config = UniversalConfig(hidden_dim=16, world_embed_dim=4, group_width=8, trunk_width=12)
    model = config.build([spec], horizon).eval()
    with torch.no_grad():  # so that what starts small says something
        for parameter in model.network(spec.name).parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def _ask(model: Universal, spec: WorldSpec, horizon: int | None = None, **changes: torch.Tensor):
    fields = sample(spec) | changes
    return model(build_inputs(fields, spec, Regime.A), horizon)


def test_a_shock_reads_what_moves_it_alone() -> None:
    spec = replace(SMALL, moves=((True, False), (False, True)))
    model = _model(spec)
    clean = _ask(model, spec)
    for parameter in (0, 1):
        theta = sample(spec)["theta"].clone()
        theta[:, parameter] *= 0.9
        scale = model.scales("small")
        moved = _ask(model, spec, theta=theta) / scale(theta)[:, :, None]
        same = torch.isclose(moved, clean / scale(sample(spec)["theta"])[:, :, None], rtol=1e-4)
        assert same.all(dim=(0, 2, 3)).tolist() == [parameter == 1, parameter == 0]


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_shocks_share_a_trunk_where_most_parameters_move_all_of_them(share: float) -> None:
    rows = ((True, True), (True, share >= SHARED))
    network = FromParameters(replace(SMALL, moves=rows), Widths(8, 12), 11)
    assert network.small.shared is (share >= SHARED)
    assert len(network.small.units.up[0].weight) == (1 if share >= SHARED else 2)


@pytest.mark.parametrize("points", [1, 2, 7, 41, 81, 241])
def test_systems_are_rolled_out_to_any_horizon(points: int) -> None:
    torch.manual_seed(0)
    shapes = (5, 4, 4), (5, 4, 2), (5, 3, 4)
    a, b, c = (torch.randn(shape, dtype=torch.float64) / 3.0 for shape in shapes)
    expected, state = [], b
    for _ in range(points):
        expected.append(c @ state)
        state = a @ state
    found = _impulses(a, b, c, points)
    torch.testing.assert_close(found, torch.stack(expected, dim=1), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("explosive", [True, False])
def test_only_unstable_systems_are_made_stable(explosive: bool) -> None:
    torch.manual_seed(0)
    system = Rolled(1, 1, 2, 3, states=2)
    turn = 1.3 if explosive else 0.7
    with torch.no_grad():
        for part in system.parameters():
            part.zero_()
        a, b, c, _ = system.linear.constants.split(system.sizes, dim=1)
        a.copy_(torch.tensor([0.0, turn, -turn, 0.0]) / 0.1)  # a cycle of a modulus of `turn`
        b[:, 0], c[:, 0] = 1.0, 1.0
    y = system(torch.zeros(1, 1, 3), torch.zeros(1, 1, 2), 401)[0, 0, :, 0]
    modulus = y[400] ** (1.0 / 400.0)
    if explosive:  # the norm of a power tells the root to a percent, from above
        assert 0.99 * LARGEST_ROOT < modulus <= LARGEST_ROOT
    else:
        torch.testing.assert_close(y[40], torch.tensor(turn) ** 40, rtol=1e-4, atol=0.0)


def test_rotated_shocks_are_identified_recursively() -> None:
    torch.manual_seed(0)
    responses = torch.randn(20, 3, 5, 3, dtype=torch.float64)
    turned = recursive(responses)
    impact = turned[:, :, 0]
    assert torch.tril(impact, -1).abs().max() < 1e-12  # (S, V)
    assert (impact.diagonal(dim1=1, dim2=2) > 0.0).all()
    torch.testing.assert_close(turned.square().sum(dim=1), responses.square().sum(dim=1))


def test_components_hold_what_responses_are_made_of() -> None:
    torch.manual_seed(0)
    decays = 0.9 ** torch.arange(11.0), 0.5 ** torch.arange(11.0)
    weights = torch.randn(200, 2, 3, 2)
    responses = (weights @ torch.stack(decays)).mT
    components = Components(2, 11, 4)
    components.measure(responses)
    basis = components.basis
    torch.testing.assert_close(basis.mT @ basis, torch.eye(4), rtol=0, atol=1e-5)
    coefficients = responses.mT @ basis / components.spread
    torch.testing.assert_close(components(coefficients, 11), responses, rtol=1e-3, atol=1e-3)
    assert components(coefficients, 30)[:, :, :11].equal(components(coefficients, 11))


def test_below_no_floor_a_response_is_that_of_a_small_shock_of_any_size() -> None:
    model = _model(FLOORED)
    fields = sample(FLOORED)
    fields["theta"][:, 3] = 99.0  # the floor
    one, two = (
        _ask(model, FLOORED, theta=fields["theta"], shock_size=size * fields["shock_size"])
        for size in (1.0, -0.7)
    )
    assert torch.equal(one, two)


def test_nothing_falls_below_a_floor_from_rest() -> None:
    model = _model(FLOORED)
    fields = sample(FLOORED, 200)
    fields["theta"][:, 3] = 0.02
    fields["shock_size"][::2] *= -1.0
    inputs = build_inputs(fields, FLOORED, Regime.A)
    paths = model(inputs) * fields["shock_size"][:, :, None, None]
    assert paths[..., 2].min() > -0.0201
    assert (paths[..., 2] < -0.0199).any()
    assert paths[..., 1].min() < -0.1


def test_where_the_size_moves_nothing_only_the_state_adds_to_a_response() -> None:
    spec = replace(LARGE, size_moves=(False,) * 3)
    model = _model(spec)
    fields = sample(spec)
    other = fields | {"shock_size": -fields["shock_size"]}
    rest = [model(build_inputs(f, spec, Regime.A)) for f in (fields, other)]
    assert torch.equal(*rest)
    state = [model(build_inputs(f, spec, Regime.A, Task.state_dependent)) for f in (fields, other)]
    assert torch.equal(*state)
    assert not torch.allclose(state[0], rest[0])


@pytest.mark.parametrize("regime", [Regime.A, Regime.C])
def test_a_state_is_read_off_the_last_quarters_in_any_units_of_a_world(regime: Regime) -> None:
    """What is older than the reader reads does not matter, what is younger does; paths are read
    over the world's own s.d.s."""
    model = _model(LARGE)
    fields = sample(LARGE)
    name = "eps" if regime is Regime.A else "trajectories"

    def ask(changed: torch.Tensor) -> torch.Tensor:
        inputs = build_inputs(fields | {name: changed}, LARGE, regime, Task.state_dependent)
        return model(inputs)

    path = fields[name]
    clean, old, new = ask(path), path.clone(), path.clone()
    old[:, : -RECENT - 1] += 1.0
    new[:, -RECENT] += 1.0
    assert torch.equal(ask(old), clean)
    assert not torch.allclose(ask(new), clean)
    if regime is Regime.C:
        model.scales("large").path.mul_(10.0)
        torch.testing.assert_close(ask(10.0 * path), clean)


def test_evidence_that_is_far_out_moves_a_state_no_further() -> None:
    torch.manual_seed(0)
    reader = PastReader(2, 1, 8, 4)
    x, history = torch.randn(5, 2), torch.randn(5, 60, 3)
    history[:, -1] = 1e8
    once = reader(x, Seen(history, None, None))
    history[:, -1] = 1e16
    # Squares and the last quarter are held; what is linear saturates the recurrence's gates.
    torch.testing.assert_close(reader(x, Seen(history, None, None)), once)
    assert torch.equal(reader(x, Seen(None, None, None)), reader.nothing.expand(5, -1))


def test_a_history_that_is_short_is_not_read_as_one_from_rest() -> None:
    """Of a pair whose first quarter nobody saw nothing is read; innovations do begin at rest."""
    torch.manual_seed(0)
    reader, x = PastReader(2, 1, 8, 4), torch.randn(5, 2)
    history, eps = torch.randn(5, RECENT, 3), torch.randn(5, RECENT, 1)
    units = reader.units(x[None])
    said = reader.history(units, history)
    assert (said[:, 0] == 0.0).all()
    before = torch.cat([torch.randn(5, 1, 3), history], dim=1)
    assert torch.equal(reader.history(units, before)[:, 1:], said[:, 1:])
    rest = torch.cat([torch.zeros(5, 1, 1), eps], dim=1)
    assert torch.equal(reader.eps(units, rest), reader.eps(units, eps))
    assert reader(x, Seen(history[:, :3], None, None)).isfinite().all()


def test_weights_at_a_slower_pace_start_as_others_and_move_less() -> None:
    maps = []
    for pace in (1.0, 0.25):
        torch.manual_seed(0)
        maps.append(Maps(2, 3, 4, pace=pace))
    x = torch.randn(2, 5, 3)
    before = [m(x) for m in maps]
    torch.testing.assert_close(*before)
    with torch.no_grad():
        for m in maps:
            m.weight.add_(0.1)
    full, slow = (m(x) - was for m, was in zip(maps, before, strict=True))
    torch.testing.assert_close(slow, 0.25 * full)


@pytest.mark.parametrize("by_size", [True, False])
def test_what_a_state_alone_moves_moves_slowly(by_size: bool) -> None:
    network = FromParameters(replace(LARGE, size_moves=(by_size,) * 3), Widths(8, 12), 11)
    beyond = network.beyond
    assert beyond is not None
    layers = [m for m in beyond.units.modules() if isinstance(m, Maps)]
    assert {m.pace for m in (*layers, beyond.out)} == {1.0 if by_size else SLOW}


def test_one_shock_alone_is_answered_as_among_all() -> None:
    for spec in (replace(SMALL, moves=((True, False), (True, True))), FLOORED):
        model = _model(spec)
        inputs = build_inputs(sample(spec), spec, Regime.A)
        whole = model.answer([inputs])[0]
        alone = model.answer([inputs.to_one(spec.shock_names[1])])[0]
        torch.testing.assert_close(alone.response[:, 0], whole.response[:, 1])
        torch.testing.assert_close(alone.quantiles[:, 0], whole.quantiles[:, 1])
