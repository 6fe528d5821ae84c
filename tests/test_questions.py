"""Rows of a data set as questions: what is shown of them, when "now" is, how long histories are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from emulator import questions
from emulator.data import DataConfig, Dataset
from emulator.data.generate import generate
from emulator.data.schema import FIELDS, Design
from emulator.errors import InputError
from emulator.evaluation import evaluate
from emulator.limits import AHEAD, MAX_HISTORY, MAX_NOW, MIN_HISTORY, MIN_NOW
from emulator.questions import (
    Question,
    history_quarters,
    needed,
    nows,
    pose,
    pose_all,
    read,
    why_no_now,
)
from emulator.regimes import TARGETS, Regime, Task, build_inputs
from emulator.training.trainer import train
from tests.conftest import run_config

DESIGNS = st.builds(
    lambda run_in, rest: Design(run_in=run_in, quarters=run_in + rest),
    st.integers(0, 300),
    st.integers(MIN_HISTORY, 400),
)
NOW = 80  # the one quarter that can be "now" in samples of 120


def _same(one: object, two: object) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(two, torch.Tensor):
        return torch.equal(one, two) and one.dtype == two.dtype
    return one == two


@pytest.mark.slow
@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("regime", Regime)
def test_what_is_shown_is_what_the_regime_builds_of_the_fields(
    dataset: Dataset, regime: Regime, task: Task
) -> None:
    rows = dataset.rows("nk", "test")[:5]
    now = NOW if task is Task.trajectory else None
    question = Question("nk", regime, task, now=now)
    inputs, target = pose(dataset, question, read(dataset, "nk", rows, needed([question])))
    whole = {
        name: torch.as_tensor(values, dtype=torch.float32)
        for name, values in dataset.read("nk", rows, FIELDS).items()
    }
    expected = build_inputs(
        whole, dataset.spec("nk"), regime, task,
        history_length=history_quarters(dataset.manifest.config, now), now=now,
    )  # fmt: skip
    for name, value in vars(expected).items():
        assert _same(getattr(inputs, name), value), name
    if task is Task.trajectory:
        assert torch.equal(target, whole["trajectories"][:, NOW : NOW + AHEAD])
        assert target.shape == (5, AHEAD, 3)
    else:
        assert torch.equal(target, whole[TARGETS[task]])
        assert target.shape == (5, 3, 13, 3)


@pytest.mark.slow
@pytest.mark.parametrize("length", [40, 57])
def test_length_and_now_say_which_quarters_of_history_are_shown(
    dataset: Dataset, length: int
) -> None:
    rows = dataset.rows("nk", "test")[:3]
    question = Question("nk", Regime.B1, length=length, now=110)
    fields = read(dataset, "nk", rows, needed([question]))
    history = pose(dataset, question, fields).inputs.history
    assert history is not None
    assert torch.equal(history, fields["trajectories"][:, 110 - length : 110])


@pytest.mark.slow
def test_what_an_ablation_takes_away_is_not_read_and_what_it_gives_is(dataset: Dataset) -> None:
    question = Question("nk", Regime.D, Task.state_dependent)
    for name, field in (("history", "trajectories"), ("eps", "eps")):
        assert field in question.fields
        assert field not in replace(question, without=frozenset({name})).fields
    more = Question("nk", Regime.A, extra=frozenset({"history", "flags"}))
    assert {"trajectories", "flags"} <= set(more.fields)
    fields = read(dataset, "nk", dataset.rows("nk", "test")[:3], needed([more]))
    inputs = pose(dataset, more, fields).inputs
    assert inputs.history is not None
    assert inputs.flags is not None
    assert inputs.flags.shape == (3, 120)


@pytest.mark.slow
def test_chunks_change_nothing_and_every_question_is_asked_of_each(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = dataset.rows("nk", "train")
    asked = [Question("nk", Regime.A), Question("nk", Regime.B1, length=50)]
    whole = list(pose_all(dataset, asked, rows))
    assert [len(batch.inputs) for batch in whole] == [len(rows)] * 2
    monkeypatch.setattr(questions, "ROWS_AT_ONCE", 64)
    parts = list(pose_all(dataset, asked, rows))
    assert len(parts) == 2 * -(-len(rows) // 64)
    for k, batch in enumerate(whole):
        assert torch.equal(torch.cat([part.target for part in parts[k::2]]), batch.target)
    histories = [part.inputs.history for part in parts[1::2]]
    assert whole[1].inputs.history is not None
    assert torch.equal(torch.cat([h for h in histories if h is not None]), whole[1].inputs.history)
    assert not list(pose_all(dataset, asked, rows[:0]))


@pytest.mark.slow
def test_a_history_that_the_data_set_does_not_have_is_refused(dataset: Dataset) -> None:
    question = Question("nk", Regime.B1, length=81)
    fields = read(dataset, "nk", dataset.rows("nk", "test")[:1], needed([question]))
    with pytest.raises(InputError, match="81 quarters asked for, 80 there"):
        pose(dataset, question, fields)


@pytest.mark.fast
@given(DESIGNS)
def test_every_now_leaves_room_for_a_history_and_a_forecast(design: Design) -> None:
    for now in nows(design):
        assert MIN_NOW <= now <= MAX_NOW
        assert MIN_HISTORY <= history_quarters(design, now) <= MAX_HISTORY
        assert history_quarters(design, now) <= now - design.run_in
        assert now + AHEAD <= design.quarters


@pytest.mark.fast
@given(DESIGNS)
def test_no_quarter_that_leaves_room_is_left_out(design: Design) -> None:
    every = range(MIN_NOW, MAX_NOW + 1)
    room = [n for n in every if n - design.run_in >= MIN_HISTORY and n + AHEAD <= design.quarters]
    assert list(nows(design)) == room


@pytest.mark.fast
@given(DESIGNS)
def test_what_samples_without_a_now_are_told_helps(design: Design) -> None:
    assume(not nows(design))
    asked = int(why_no_now(design).split()[-1])
    if "run-in" in why_no_now(design):
        design = design.model_copy(update={"run_in": asked, "quarters": 10_000})
    else:
        design = design.model_copy(update={"quarters": asked})
    assert nows(design)


@pytest.mark.fast
def test_the_longest_history_is_what_the_run_in_leaves_up_to_the_limit() -> None:
    assert history_quarters(Design()) == MAX_HISTORY
    assert history_quarters(Design(quarters=150, run_in=60)) == 90
    assert history_quarters(Design(quarters=150, run_in=60), 110) == 50


@pytest.mark.integration
def test_a_run_on_samples_with_a_long_run_in_is_evaluated_where_it_was_trained(
    dataset: Dataset, tmp_path: Path
) -> None:
    """Histories start after the run-in, so that "now" is later than in other data sets."""
    changes = {"worlds": ("nk",), "quarters": 150, "run_in": 60}
    config = {**dataset.manifest.config.model_dump(), **changes}
    generate(DataConfig.model_validate(config), tmp_path / "data")
    run = run_config(tmp_path / "data", training={"epochs": 1}, data={"regime": "all"})
    train(run, tmp_path / "run")
    evaluated = evaluate(tmp_path / "run")
    for regime in Regime:
        assert evaluated.entry("nk", regime, "test", Task.trajectory) is not None
    frame = evaluated.statistics("nk", "B1", "test", Task.trajectory, ["now"])
    assert set(np.unique(frame["now"])) <= {100, 110}
