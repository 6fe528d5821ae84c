"""Rows of a data set as questions to a model: what it sees of them, and the answer.

    question = Question("nk", Regime.B1)
    for inputs, target in pose_all(dataset, [question], dataset.rows("nk", "test")):
        ...

`regimes.build_inputs` decides what a regime shows of samples. This module reads them, and knows how
long a history and which quarters of "now" a data set has. Training, validation, scores, audits and
floors ask through it, so that all ask the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from emulator.data import Dataset
from emulator.data.schema import Design
from emulator.limits import AHEAD, MAX_HISTORY, MAX_NOW, MIN_HISTORY, MIN_NOW
from emulator.models.base import Model
from emulator.regimes import TARGETS, Inputs, Regime, Task, build_inputs, fields_needed

if TYPE_CHECKING:
    from jaxtyping import Float, Int64

ROWS_AT_ONCE = 1024  # rows at once; bounds memory, does not change the result

Fields = dict[str, torch.Tensor]
Change = Callable[[Fields, np.ndarray], Fields]  # of the fields of some rows


class Batch(NamedTuple):
    """What a model sees of one world, and the answer: per-unit responses (B, S, H+1, 3), or the
    observables of the quarters ahead (B, F, 3)."""

    inputs: Inputs
    target: Float[torch.Tensor, "B *answer 3"]


@dataclass(frozen=True)
class Question:
    """What a model is asked about samples of a world.

    length: quarters of history, where the regime shows one; None for all that the data set can
    show. now: quarters from rest to now, None for the end of the sample. without, extra: inputs
    taken away from or given beyond the contract, for ablations.
    """

    world: str
    regime: Regime
    task: Task = Task.steady_state
    length: int | None = None
    now: int | None = None
    without: frozenset[str] = frozenset()
    extra: frozenset[str] = frozenset()

    @property
    def fields(self) -> tuple[str, ...]:
        """The data-set fields that the model sees something of."""
        return fields_needed(self.regime, self.task, without=self.without, extra=self.extra)

    @property
    def answer(self) -> str:
        """The data-set field that holds the answer."""
        return "trajectories" if self.task is Task.trajectory else TARGETS[self.task]


def needed(questions: Iterable[Question]) -> list[str]:
    """The data-set fields that questions and their answers are made of, sorted."""
    return sorted({name for q in questions for name in (*q.fields, q.answer)})


def read(
    dataset: Dataset,
    world: str,
    rows: Int64[np.ndarray, " B"],
    names: Sequence[str],
    device: str | torch.device = "cpu",
) -> Fields:
    """Fields of some samples, each (B, ...), float32 on the device."""
    return as_tensors(dataset.read(world, rows, names), device)


def as_tensors(arrays: Mapping[str, np.ndarray], device: str | torch.device) -> Fields:
    """float32 tensors on the device."""
    return {
        name: torch.as_tensor(np.ascontiguousarray(array), dtype=torch.float32).to(device)
        for name, array in arrays.items()
    }


def device_of(model: Model) -> torch.device:
    """Where a model's weights are; the CPU for one that has none."""
    return next((p.device for p in model.parameters()), torch.device("cpu"))


def pose(dataset: Dataset, question: Question, fields: Fields) -> Batch:
    """A question about samples, and the answer. fields: at least those `needed`. Raises InputError
    where the data set has no such history or "now"."""
    design = dataset.manifest.config
    length = question.length
    inputs = build_inputs(
        fields,
        dataset.spec(question.world),
        question.regime,
        question.task,
        history_length=history_quarters(design, question.now) if length is None else length,
        run_in=design.run_in,
        now=question.now,
        without=question.without,
        extra=question.extra,
    )
    answer = fields[question.answer]
    if question.task is Task.trajectory:
        assert question.now is not None
        answer = answer[:, question.now : question.now + inputs.ahead]
    return Batch(inputs, answer)


def pose_all(
    dataset: Dataset,
    questions: Sequence[Question],
    rows: Int64[np.ndarray, " B"],
    device: str | torch.device = "cpu",
    change: Change | None = None,
) -> Iterator[Batch]:
    """Questions about the same samples of one world: for `ROWS_AT_ONCE` rows after the other, a
    batch a question. change: what becomes of the fields before anything is asked."""
    (world,) = {question.world for question in questions}
    names = needed(questions)
    for first in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[first : first + ROWS_AT_ONCE]
        fields = read(dataset, world, some, names, device)
        if change is not None:
            fields = change(fields, some)
        for question in questions:
            yield pose(dataset, question, fields)


def history_quarters(design: Design, now: int | None = None) -> int:
    """The longest history before now, None for the end of the sample, that samples can show."""
    return min(MAX_HISTORY, (design.quarters if now is None else now) - design.run_in)


def nows(design: Design) -> range:
    """The quarters after which trajectories of such samples are forecast.

    The shortest history lies between the run-in and now, what is forecast between now and the end.
    Empty where there is no such quarter.
    """
    earliest = max(MIN_NOW, design.run_in + MIN_HISTORY)
    return range(earliest, min(MAX_NOW, design.quarters - AHEAD) + 1)


def why_no_now(design: Design) -> str:
    """What samples without a quarter to forecast from lack."""
    if design.run_in + MIN_HISTORY > MAX_NOW:
        most = MAX_NOW - MIN_HISTORY
        return f"have a run-in of {design.run_in} quarters, trajectories leave at most {most}"
    shortest = nows(design).start + AHEAD
    return f"have {design.quarters} quarters, trajectories need {shortest}"
