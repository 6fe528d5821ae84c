"""Starting from trained weights, and from few rows."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import emulator
from emulator.config import load_config, parse_config
from emulator.data import Dataset
from emulator.data.generate import generate
from emulator.data.schema import DataConfig as Drawn
from emulator.errors import ConfigError, InputError, TrainingError, WeightsError
from emulator.evaluation.scoring.opened import open_run
from emulator.models.adoption import adopt
from emulator.models.baselines.mlp import MLPConfig
from emulator.models.universal import Universal, UniversalConfig
from emulator.models.weights import Loaded, load_weights
from emulator.questions import Question, pose
from emulator.regimes import Regime, Task, build_inputs
from emulator.training.batches import Batches, Shown
from emulator.training.config import RunConfig
from emulator.training.trainer import train
from emulator.worlds import get_world
from tests.conftest import ROOT, run_config
from tests.specs import LARGE, SMALL, sample
from tests.training.runs import Stop, poison, weights_hash


def _model(*specs: object, seed: int = 0, **sizes: int) -> Universal:
    torch.manual_seed(seed)
    sizes = {
        "hidden_dim": 16, "world_embed_dim": 4, "param_embed_dim": 8, "poles": 4, "group_width": 8,
        "trunk_width": 16,
    } | sizes  # fmt: skip
    return UniversalConfig(**sizes).build(specs, 10).eval()


def _loaded(model: Universal) -> Loaded:
    return Loaded(model, {}, "sha")


@pytest.mark.fast
def test_a_world_that_the_weights_know_is_answered_as_by_them() -> None:
    source, model = _model(SMALL, LARGE), _model(LARGE, seed=1)
    inputs = build_inputs(sample(LARGE), LARGE, Regime.A)
    assert not torch.allclose(model(inputs), source(inputs))
    adopt(model, _loaded(source), "there")
    torch.testing.assert_close(model(inputs), source(inputs))


@pytest.mark.fast
def test_names_that_the_weights_do_not_know_keep_their_own_start() -> None:
    source, model = _model(SMALL), _model(LARGE, seed=1)
    before = model.shock(LARGE.shock_names).clone()
    adopt(model, _loaded(source), "there")
    after = model.shock(LARGE.shock_names)
    torch.testing.assert_close(after[:1], source.shock(("first",)))  # a shared name
    torch.testing.assert_close(after[1:], before[1:])


def _own(model: Universal, world: str) -> torch.Tensor:
    """What a model has for a world alone: its vector."""
    return model.world((world,)).flatten()


@pytest.mark.fast
def test_a_new_world_starts_as_the_one_that_shares_most_names_or_the_mean_of_several() -> None:
    twin = replace(SMALL, name="twin")  # shares all names with SMALL, two with LARGE
    alien = replace(
        SMALL, name="alien",
        parameters=tuple(replace(p, name=f"other_{p.name}") for p in SMALL.parameters),
        shocks=tuple(replace(s, name=f"other_{s.name}", sigma=None) for s in SMALL.shocks),
    )  # fmt: skip
    source, model = _model(SMALL, LARGE), _model(LARGE, twin, alien, seed=1)
    with torch.no_grad():
        for parameter in source.parameters():
            parameter.normal_()
    adopt(model, _loaded(source), "there")
    small, large = _own(source, "small"), _own(source, "large")
    assert not torch.allclose(small, large)
    torch.testing.assert_close(_own(model, "large"), large)
    torch.testing.assert_close(_own(model, "twin"), small)
    torch.testing.assert_close(_own(model, "alien"), (small + large) / 2.0)


@pytest.mark.fast
def test_a_world_of_the_same_names_may_differ_in_what_moves_what() -> None:
    """Then layers have other shapes. And a response that never moved there may move here."""
    apart = replace(SMALL, moves=((True, False), (False, True)))
    source, model = _model(apart), _model(replace(SMALL, moves=((True, True),) * 2), seed=1)
    source.scales("small").sd[0, 0] = 0.0
    model.scales("small").sd.fill_(2.0)
    adopt(model, _loaded(source), "there")
    own, theirs = model.scales("small").sd, source.scales("small").sd
    assert own[0, 0] == 2.0
    assert torch.equal(own[1:], theirs[1:])


@pytest.mark.fast
def test_a_new_worlds_network_starts_as_what_another_has_of_the_same_names() -> None:
    """Of one shock and one parameter, where shocks have layers of their own."""
    known = replace(SMALL, moves=((True, True), (False, True)))
    swapped = replace(
        SMALL, name="new", parameters=(SMALL.parameters[0], replace(SMALL.parameters[1], name="b")),
        shocks=(replace(SMALL.shocks[1]), replace(SMALL.shocks[0], name="other", sigma="b")),
        moves=((True, True), (True, False)),
    )  # fmt: skip
    source, model = _model(known), _model(swapped, seed=1)
    own = model.pathways["from_parameters"]["new"].small
    before = own.units.up[0].weight.clone()
    adopt(model, _loaded(source), "there")
    theirs = source.pathways["from_parameters"]["small"].small
    first, learned = own.units.up[0].weight, theirs.units.up[0].weight
    assert torch.equal(first[0, :, 0], learned[1, :, 0])
    assert torch.equal(first[0, :, 1], before[0, :, 1])
    assert torch.equal(first[1], before[1])
    assert torch.equal(own.out.weight[0], theirs.out.weight[1])


@pytest.mark.fast
def test_weights_of_another_model_size_or_horizon_are_refused() -> None:
    with pytest.raises(ConfigError, match="holds a baseline_mlp, from which a universal"):
        adopt(_model(SMALL), Loaded(MLPConfig().build([SMALL], 10), {}, "sha"), "there")
    with pytest.raises(ConfigError, match=r"model\.hidden_dim is 24 in there and 16 here"):
        adopt(_model(SMALL), _loaded(_model(SMALL, hidden_dim=24)), "there")
    with pytest.raises(ConfigError, match=r"model\.data_blocks is 3 in there and 2 here"):
        adopt(_model(SMALL), _loaded(_model(SMALL, data_blocks=3)), "there")
    longer = _model(SMALL).config.build([SMALL], 12)
    with pytest.raises(ConfigError, match="horizon of 12, the data set has 10"):
        adopt(_model(SMALL), _loaded(longer), "there")


@pytest.mark.integration
def test_a_run_from_weights_resumes_bit_for_bit_without_them(
    dataset_path: Path, run_path: Path, tmp_path: Path
) -> None:
    start = tmp_path / "start"
    shutil.copytree(run_path, start)
    config = run_config(
        dataset_path,
        training={"epochs": 4, "start_from": str(start)},
        data={"worlds": ["nk"], "rows": 100},
    )
    assert train(config, tmp_path / "whole")
    assert not train(config, tmp_path / "part", progress=Stop(3))
    start.rename(tmp_path / "elsewhere")
    assert train(config, tmp_path / "part", resume=True)
    assert weights_hash(tmp_path / "part") == weights_hash(tmp_path / "whole")
    assert load_weights(tmp_path / "part").provenance["started_from"]
    seen = [load_weights(tmp_path / name).samples_seen for name in ("part", "whole")]
    assert seen[0] == seen[1]


@pytest.mark.integration
def test_a_start_that_is_not_there_is_named_by_its_key(dataset_path: Path, tmp_path: Path) -> None:
    config = run_config(dataset_path, training={"start_from": str(tmp_path / "nothing")})
    with pytest.raises(WeightsError, match=r"training\.start_from: .*nothing"):
        train(config, tmp_path / "run")


@pytest.mark.integration
def test_a_run_starts_from_weights_and_says_so(
    dataset_path: Path, run_path: Path, tmp_path: Path
) -> None:
    """A rate of nearly nothing leaves the weights where they started."""
    config = run_config(
        dataset_path,
        training={"epochs": 1, "lr": 1e-12, "start_from": str(run_path)},
        data={"worlds": ["nk"]},
    )
    assert train(config, tmp_path / "on")
    before, after = load_weights(run_path), load_weights(tmp_path / "on")
    assert after.provenance["started_from"] == before.sha256
    assert before.sha256[:12] in (tmp_path / "on" / "README.md").read_text()
    torch.testing.assert_close(
        after.model.parameters_in.lift[1].weight, before.model.parameters_in.lift[1].weight
    )


@pytest.mark.integration
def test_a_run_claims_samples_of_the_regimes_it_was_trained_in_alone(
    dataset_path: Path, run_path: Path, tmp_path: Path
) -> None:
    """Weights that it started from keep what they saw."""
    steps, rows = 2, 64
    training = {"steps": steps, "batch_size": rows}
    alone = run_config(dataset_path, training=training, data={"regime": "B1", "worlds": ["nk"]})
    assert train(alone, tmp_path / "alone")
    assert load_weights(tmp_path / "alone").samples_seen == {"B1": {"nk": steps * rows}}
    before = load_weights(run_path).samples_seen
    assert set(before) == {"A"}
    on = run_config(
        dataset_path,
        training=training | {"start_from": str(run_path)},
        data={"regime": "B1", "worlds": ["nk"]},
    )
    assert train(on, tmp_path / "on")
    expected = {"A": {"nk": before["A"]["nk"]}, "B1": {"nk": steps * rows}}
    assert load_weights(tmp_path / "on").samples_seen == expected


@pytest.mark.slow
def test_few_rows_are_the_first_and_give_the_scales(dataset: Dataset) -> None:
    shown = Shown(dataset, ("nk",), (Regime.A,), first=20)
    rows = dataset.rows("nk", "train")[:20]
    assert shown.training_rows("nk").tolist() == rows.tolist()
    batches = Batches(shown, 10, seed=0)
    assert batches.steps_per_epoch == 2
    theta = torch.as_tensor(dataset.read("nk", rows, ["theta"])["theta"], dtype=torch.float32)
    seen = torch.cat([batches.batch(k).responses["nk"][0].inputs.theta for k in range(4)])
    assert {tuple(row) for row in seen.tolist()} == {tuple(row) for row in theta.tolist()}
    irfs = dataset.read("nk", rows, ["irfs"])["irfs"].astype(np.float64)
    with pytest.raises(ConfigError, match=r"data\.rows: 5000 asked for, nk has"):
        Shown(dataset, ("nk",), (Regime.A,), first=5000)
    np.testing.assert_allclose(shown.moments("nk").irf_sd, irfs.std(axis=(0, 2)), rtol=1e-12)


@pytest.mark.fast
def test_rows_are_for_data_in_memory_and_closed_forms_start_from_nothing() -> None:
    with pytest.raises(ConfigError, match="rows is for source: resident"):
        run_config(Path("data"), data={"rows": 10, "source": "fresh"})
    for model in ("baseline_linear", "baseline_mlp"):
        with pytest.raises(ConfigError, match="starts from nothing"):
            run_config(Path("data"), model={"type": model}, training={"start_from": "pretrained"})


@pytest.mark.integration
def test_what_answers_from_parameters_is_trained_alone(
    dataset_path: Path, tmp_path: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.models.bands.FEWEST", 10)
    data = {"regime": "all", "worlds": ["nk", "var"]}
    first = run_config(dataset_path, training={"epochs": 1}, data=data)
    assert train(first, tmp_path / "first")
    on = {"epochs": 1, "start_from": str(tmp_path / "first"), "only": "from_parameters"}
    assert train(run_config(dataset_path, training=on, data=data), tmp_path / "on")
    before, after = load_weights(tmp_path / "first"), load_weights(tmp_path / "on")
    assert (before.model.widths.factors != 1).any()  # bands were measured in both runs
    for regime in Regime:
        for world in ("nk", "var"):
            shown = Shown(dataset, (world,), (regime,))
            fields = shown.read(world, dataset.rows(world, "test")[:4])
            inputs = pose(dataset, Question(world, regime, length=60), fields).inputs
            answers = [loaded.model.answer([inputs])[0] for loaded in (before, after)]
            for part in ("response", "quantiles"):
                pair = [getattr(answer, part) for answer in answers]
                assert torch.equal(*pair) is (inputs.theta is None), (regime, part)
    # Training from parameters alone leaves responses from data as many samples as before.
    for regime, seen in before.samples_seen.items():
        times = 2 if regime in "AC" else 1
        assert after.samples_seen[regime] == {world: times * n for world, n in seen.items()}
    other = run_config(dataset_path, training=on, data=data | {"worlds": ["nk"]})
    with pytest.raises(ConfigError, match=r"training\.only: .* knows nk, var, not nk"):
        train(other, tmp_path / "other")


@pytest.mark.integration
def test_what_answers_from_data_is_trained_beside_what_does_from_parameters(
    dataset_path: Path, tmp_path: Path, dataset: Dataset
) -> None:
    data = {"regime": "all", "worlds": ["nk", "var"]}
    on = {"epochs": 1, "only": "from_parameters"}  # the rest stays as it is drawn
    assert train(run_config(dataset_path, training=on, data=data), tmp_path / "first")
    on = {"epochs": 1, "start_from": str(tmp_path / "first"), "only": "from_data"}
    assert train(run_config(dataset_path, training=on, data=data), tmp_path / "on")
    before, after = load_weights(tmp_path / "first"), load_weights(tmp_path / "on")
    for regime in Regime:
        for world in ("nk", "var"):
            shown = Shown(dataset, (world,), (regime,))
            fields = shown.read(world, dataset.rows(world, "test")[:4])
            inputs = pose(dataset, Question(world, regime, length=60), fields).inputs
            pair = [loaded.model.answer([inputs])[0].response for loaded in (before, after)]
            assert torch.equal(*pair) is (inputs.theta is not None), (regime, world)
    # What was asked counts: first with parameters, then without.
    counts = {True: before.samples_seen["A"], False: after.samples_seen["B1"]}
    for regime in Regime:
        assert after.samples_seen[regime.value] == counts[regime in (Regime.A, Regime.C)]
    assert before.samples_seen["B1"] == {"nk": 0, "var": 0}
    # What learned nothing from data yet neither answers from data nor is scored there.
    assert tuple(open_run(tmp_path / "first").regimes) == (Regime.A, Regime.C)
    assert tuple(open_run(tmp_path / "on").regimes) == tuple(Regime)
    first, on_top = emulator.load(tmp_path / "first"), emulator.load(tmp_path / "on")
    history = get_world("nk").simulate(get_world("nk").pack(), np.zeros((1, 60, 3)) + 0.1)
    with pytest.raises(InputError, match="all, and so far in A, C; what is given makes this"):
        first.respond("nk", history=history.observables[0])
    on_top.respond("nk", history=history.observables[0])
    bank = emulator.load_bank([tmp_path / "on", tmp_path / "first"])
    assert bank.of(None) is bank.emulators[0]


@pytest.mark.slow
def test_data_alone_ask_for_responses_without_parameters_and_every_path(dataset: Dataset) -> None:
    shown = Shown(dataset, ("nk", "var"), tuple(Regime), trajectories=True)
    batches = Batches(shown, 4, seed=0, only="from_data")
    steps = [batches.batch(k) for k in range(40)]
    asked = [b.inputs for step in steps for world in step.responses.values() for b in world]
    assert all(inputs.theta is None for inputs in asked)
    paths = [b.inputs for step in steps for b in step.trajectories.values()]
    given = {(inputs.theta is None, inputs.eps is None) for inputs in paths}
    assert given == {(True, True), (True, False), (False, True), (False, False)}  # B, D, C, A


@pytest.mark.slow
def test_parameters_alone_ask_what_has_them_and_paths_of_innovations(
    dataset: Dataset,
) -> None:
    shown = Shown(dataset, ("nk", "var"), tuple(Regime), trajectories=True)
    batches = Batches(shown, 4, seed=0, only="from_parameters")
    steps = [batches.batch(k) for k in range(20)]
    asked = [b.inputs for step in steps for world in step.responses.values() for b in world]
    assert all(inputs.theta is not None for inputs in asked)
    assert len({inputs.history is None for inputs in asked}) == 2  # A and C
    paths = [b.inputs for step in steps for b in step.trajectories.values()]
    assert all(inputs.eps is not None for inputs in paths)
    assert len({inputs.theta is None for inputs in paths}) == 2  # A and D


@pytest.mark.integration
def test_a_state_alone_is_trained_in_worlds_that_have_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worlds = ("nk", "switching", "zlb")
    smoke = load_config(ROOT / "configs" / "data" / "smoke.yaml", Drawn)
    drawn = {"worlds": worlds, "samples": 40, "quarters": 120, "horizon": 12}
    generate(Drawn.model_validate({**smoke.model_dump(), **drawn}), tmp_path / "data")
    dataset = Dataset.open(tmp_path / "data")
    batches = Batches(
        Shown(dataset, worlds, tuple(Regime), trajectories=True), 4, seed=0, only="from_state"
    )
    steps = [batches.batch(k) for k in range(20)]
    assert all(set(step.responses) == {"switching", "zlb"} for step in steps)
    assert not any(step.trajectories for step in steps)
    asked = {w: [b.inputs for step in steps for b in step.responses[w]] for w in batches.worlds}
    assert all(inputs.theta is not None for some in asked.values() for inputs in some)
    by_history = [i.history is not None for i in asked["switching"]]
    assert len(by_history) / 2 < sum(by_history) < len(by_history)  # mostly C
    # Of switching, whose responses no size moves, answers from rest pass through nothing of it.
    assert {i.task for i in asked["switching"]} == {Task.state_dependent}
    assert len({i.task for i in asked["zlb"]}) == 2

    data = {"regime": "all", "worlds": list(worlds)}
    first = run_config(dataset.path, training={"steps": 2, "batch_size": 4}, data=data)
    assert train(first, tmp_path / "first")
    on = first.model_dump(mode="json")
    on["training"] |= {"start_from": str(tmp_path / "first"), "only": "from_state"}
    assert train(parse_config(on, RunConfig, "test"), tmp_path / "on")
    before, after = load_weights(tmp_path / "first"), load_weights(tmp_path / "on")
    for world, regime, task, moved in (
        ("nk", Regime.A, Task.steady_state, False),
        ("switching", Regime.A, Task.steady_state, False),
        ("switching", Regime.C, Task.state_dependent, True),
        ("switching", Regime.B1, Task.state_dependent, False),
        ("zlb", Regime.A, Task.state_dependent, True),
    ):
        fields = Shown(dataset, (world,), (regime,)).read(world, dataset.rows(world, "test")[:4])
        inputs = pose(dataset, Question(world, regime, task, length=60), fields).inputs
        pair = [loaded.model.answer([inputs])[0].response for loaded in (before, after)]
        assert torch.equal(*pair) is not moved, (world, regime, task)
    assert before.samples_seen["A"] == {"nk": 8, "switching": 8, "zlb": 8}
    assert after.samples_seen["A"] == {"nk": 8, "switching": 16, "zlb": 16}
    with monkeypatch.context() as spoiled:
        poison(spoiled, "zlb", 2)
        with pytest.raises(TrainingError, match=r"non-finite loss or gradient: zlb;.*switching"):
            train(parse_config(on, RunConfig, "test"), tmp_path / "off")
    with pytest.raises(ConfigError, match="responses of nk do not depend on the state"):
        Batches(Shown(dataset, ("nk",), tuple(Regime)), 4, seed=0, only="from_state")


@pytest.mark.fast
def test_a_part_is_trained_of_weights_that_have_the_rest() -> None:
    only = {"only": "from_parameters"}
    for part in ("from_state", "from_data"):
        with pytest.raises(ConfigError, match="of which the rest stays"):
            run_config(Path("data"), training={"only": part})
    with pytest.raises(ConfigError, match=r"is for data\.regime: all, not B1"):
        run_config(
            Path("data"), training=only | {"start_from": "pretrained"}, data={"regime": "B1"}
        )
