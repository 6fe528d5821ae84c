"""The information contract: what a regime forbids changes no bit of any output."""

from __future__ import annotations

from typing import get_args

import pytest
import torch

from emulator.errors import InputError, UnknownNameError
from emulator.limits import RUN_IN
from emulator.models.universal import UniversalConfig
from emulator.regimes import (
    CONTRACTS,
    REMOVABLE,
    TARGETS,
    Regime,
    RegimeName,
    Task,
    build_inputs,
    fields_needed,
    response_inputs,
    tasks,
)
from tests.specs import LARGE, SMALL, SPECS, sample

pytestmark = pytest.mark.fast

UNIVERSAL = UniversalConfig(hidden_dim=16, world_embed_dim=4, param_embed_dim=8, poles=4)


def test_the_contract_is_the_specified_table() -> None:
    yes, no = True, False
    table = {r.value: (c.world, c.theta, c.eps_sequence, c.history) for r, c in CONTRACTS.items()}
    assert table == {
        "A": (yes, yes, yes, no),
        "B1": (yes, no, no, yes),
        "B2": (no, no, no, yes),
        "C": (yes, yes, no, yes),
        "D": (yes, no, yes, yes),
    }


FORBIDDEN = [
    (regime, field)
    for regime, contract in CONTRACTS.items()
    for field, allowed in (
        ("theta", contract.theta),
        ("eps", contract.eps_sequence),
        ("trajectories", contract.history),
    )
    if not allowed
]


@pytest.mark.parametrize(("regime", "field"), FORBIDDEN)
@pytest.mark.parametrize("noise", [torch.randn, lambda *s: torch.full(s, torch.nan)])
def test_forbidden_inputs_change_no_bit(regime: Regime, field: str, noise) -> None:
    torch.manual_seed(0)
    model = UNIVERSAL.build(SPECS, 10).eval()
    for spec in SPECS:
        for task in tasks(spec):
            fields = sample(spec)
            clean = model(build_inputs(fields, spec, regime, task))
            fields[field] = noise(*fields[field].shape)
            assert torch.equal(model(build_inputs(fields, spec, regime, task)), clean)


@pytest.mark.parametrize(("regime", "field"), FORBIDDEN)
@pytest.mark.parametrize("noise", [torch.randn, lambda *s: torch.full(s, torch.nan)])
def test_forbidden_inputs_change_no_bit_of_a_trajectory(regime: Regime, field: str, noise) -> None:
    torch.manual_seed(0)
    model = UNIVERSAL.build(SPECS, 10).eval()
    torch.nn.init.normal_(model.correction.out.weight)
    for spec in SPECS:
        fields = sample(spec)

        def path(fields=fields, spec=spec) -> torch.Tensor:
            inputs = build_inputs(fields, spec, regime, Task.trajectory, now=120, history_length=80)
            return model.forecast(inputs)

        clean = path()
        fields[field] = noise(*fields[field].shape)
        assert torch.equal(path(), clean)


@pytest.mark.parametrize("noise", [torch.randn, lambda *s: torch.full(s, torch.nan)])
@pytest.mark.parametrize("regime", [r for r, c in CONTRACTS.items() if c.history])
def test_the_run_in_and_what_precedes_the_window_are_never_shown(regime: Regime, noise) -> None:
    torch.manual_seed(0)
    model = UNIVERSAL.build(SPECS, 10).eval()
    fields = sample(SMALL)
    for length in (40, 100, 200):
        clean = model(build_inputs(fields, SMALL, regime, history_length=length))
        hidden = fields["trajectories"].clone()
        hidden[:, : 240 - length] = noise(*hidden[:, : 240 - length].shape)
        changed = model(
            build_inputs({**fields, "trajectories": hidden}, SMALL, regime, history_length=length)
        )
        assert torch.equal(changed, clean)


def test_a_blind_model_does_not_see_the_world() -> None:
    torch.manual_seed(0)
    model = UNIVERSAL.build(SPECS, 10).eval()
    fields = sample(LARGE)
    clean = model(build_inputs(fields, LARGE, Regime.B2))
    with torch.no_grad():
        model.world.table.weight[model.world.rows["large"]] += 1.0
    assert torch.equal(model(build_inputs(fields, LARGE, Regime.B2)), clean)
    assert not torch.equal(
        model(build_inputs(fields, LARGE, Regime.B1)),
        model(build_inputs(fields, LARGE, Regime.B2)),
    )


@pytest.mark.parametrize(
    ("regime", "field"),
    [
        (r, f)
        for r, c in CONTRACTS.items()
        for f, given in (("theta", c.theta), ("trajectories", c.history), ("eps", c.eps_sequence))
        if given
    ],
)
def test_allowed_inputs_reach_the_output(regime: Regime, field: str) -> None:
    torch.manual_seed(0)
    model = UNIVERSAL.build(SPECS, 10).eval()
    fields = sample(LARGE)
    clean = model(build_inputs(fields, LARGE, regime, Task.state_dependent))
    fields[field] = sample(LARGE, seed=1)[field]
    assert not torch.equal(model(build_inputs(fields, LARGE, regime, Task.state_dependent)), clean)


def test_innovations_are_left_out_where_they_cannot_matter() -> None:
    """theta known and the economy at rest: past innovations say nothing."""
    assert build_inputs(sample(LARGE), LARGE, Regime.A, Task.steady_state).eps is None
    assert build_inputs(sample(LARGE), LARGE, Regime.A, Task.state_dependent).eps is not None
    assert build_inputs(sample(LARGE), LARGE, Regime.D, Task.steady_state).eps is not None


@pytest.mark.parametrize("task", list(TARGETS))
@pytest.mark.parametrize("regime", Regime)
def test_the_needed_fields_are_enough(regime: Regime, task: Task) -> None:
    fields = sample(LARGE)
    needed = {name: fields[name] for name in fields_needed(regime, task)}
    torch.manual_seed(0)
    model = UNIVERSAL.build(SPECS, 10).eval()
    assert torch.equal(
        model(build_inputs(needed, LARGE, regime, task)),
        model(build_inputs(fields, LARGE, regime, task)),
    )


@pytest.mark.parametrize("length", [39, 201])
def test_histories_outside_40_to_200_quarters_are_refused(length: int) -> None:
    with pytest.raises(InputError, match="40 to 200"):
        build_inputs(sample(SMALL), SMALL, Regime.B1, history_length=length)


def test_a_history_must_not_reach_into_the_run_in() -> None:
    fields = sample(SMALL)
    fields["trajectories"] = fields["trajectories"][:, : RUN_IN + 50]
    build_inputs(fields, SMALL, Regime.B1, history_length=50)
    with pytest.raises(InputError, match="50 there"):
        build_inputs(fields, SMALL, Regime.B1, history_length=51)


@pytest.mark.parametrize("regime", Regime)
def test_a_trajectory_gets_its_contract_up_to_now(regime: Regime) -> None:
    fields, given = sample(LARGE), CONTRACTS[regime]
    needed = {n: fields[n] for n in fields_needed(regime, Task.trajectory)}
    inputs = build_inputs(needed, LARGE, regime, Task.trajectory, now=100, history_length=50)
    assert inputs.ahead == 40
    assert (inputs.theta is not None) == given.theta
    if given.history:
        assert torch.equal(inputs.history, fields["trajectories"][:, 50:100])
    else:
        assert inputs.history is None
    if given.eps_sequence:  # from rest, through the forecast window
        assert torch.equal(inputs.eps, fields["eps"][:, :140])
    else:
        assert inputs.eps is None


def test_a_trajectory_cannot_go_on_past_the_sample() -> None:
    with pytest.raises(InputError, match="40 ahead"):
        build_inputs(sample(SMALL), SMALL, Regime.A, Task.trajectory, now=210)


@pytest.mark.parametrize("regime", Regime)
def test_the_responses_behind_a_path_are_asked_for_as_the_regime_allows(regime: Regime) -> None:
    fields = sample(LARGE)
    path = build_inputs(fields, LARGE, regime, Task.trajectory, now=120, history_length=80)
    fields["shock_size"] = torch.ones(5, 3)
    own = build_inputs(fields, LARGE, regime, now=120, history_length=80)
    derived = response_inputs(path)
    for name in ("theta", "history", "eps", "flags", "size"):
        ours, theirs = getattr(derived, name), getattr(own, name)
        assert (ours is None) == (theirs is None)
        assert ours is None or torch.equal(ours, theirs)


@pytest.mark.parametrize("name", REMOVABLE)
@pytest.mark.parametrize("regime", Regime)
def test_an_input_taken_away_changes_no_bit_any_more(regime: Regime, name: str) -> None:
    fields = sample(LARGE)
    given = CONTRACTS[regime]
    if name == "world":
        if given.theta or not given.history:
            with pytest.raises(InputError, match="world"):
                build_inputs(fields, LARGE, regime, Task.state_dependent, without={name})
            return
    elif name == "history" and not given.world:
        with pytest.raises(InputError, match="nothing says"):
            build_inputs(fields, LARGE, regime, Task.state_dependent, without={name})
        return
    torch.manual_seed(0)
    model = UNIVERSAL.build(SPECS, 10).eval()

    def answer(fields) -> torch.Tensor:
        return model(build_inputs(fields, LARGE, regime, Task.state_dependent, without={name}))

    clean = answer(fields)
    if name == "world":
        inputs = build_inputs(fields, LARGE, regime, Task.state_dependent, without={name})
        assert inputs.world is None
        return
    field = {"history": "trajectories"}.get(name, name)
    fields[field] = torch.full_like(fields[field], torch.nan)
    assert torch.equal(answer(fields), clean)


def test_flags_and_a_history_in_a_are_seen_only_where_an_ablation_gives_them() -> None:
    torch.manual_seed(0)
    model = UNIVERSAL.build(SPECS, 10).eval()
    for field, extra in (("flags", "flags"), ("trajectories", "history")):
        fields, other = sample(LARGE), sample(LARGE)
        other[field] = sample(LARGE, seed=1)[field]
        for given, equal in ((frozenset(), True), (frozenset({extra}), False)):
            first, second = (
                model(build_inputs(f, LARGE, Regime.A, Task.state_dependent, extra=given))
                for f in (fields, other)
            )
            assert torch.equal(first, second) == equal


@pytest.mark.parametrize("option", ["without", "extra"])
def test_unknown_inputs_are_refused_with_the_nearest_name(option: str) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'history'"):
        build_inputs(sample(LARGE), LARGE, Regime.C, **{option: {"histry"}})


def test_a_run_is_trained_in_any_regime_or_in_all() -> None:
    assert get_args(RegimeName) == (*Regime, "all")
