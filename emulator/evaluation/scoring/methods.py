"""Methods that are no model of this package, asked and scored as its models are.

from emulator.evaluation.scoring.methods import examples, score_method
for inputs, response in examples("datasets/dev", "nk", "B1"):  # batches to learn from
    ...
found = score_method(method, "datasets/dev", "nk", "B1")       # the metrics of a run
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from emulator.data import Dataset
from emulator.data.schema import PRIOR
from emulator.errors import InputError, unknown_name
from emulator.evaluation.metrics.nrmse import nrmse
from emulator.evaluation.scoring.statistics import Answer, of_null, score_answers, statistics
from emulator.evaluation.scoring.summarise import summarise
from emulator.questions import Batch, Question, pose_all
from emulator.regimes import Inputs, Regime, Task, tasks

Method = Callable[[Inputs], ArrayLike | tuple[ArrayLike, ArrayLike]]


def examples(
    data: str | os.PathLike[str],
    world: str,
    regime: str,
    *,
    split: str = "train",
    state_dependent: bool = False,
) -> Iterator[Batch]:
    """What a regime shows of the samples of a split, and the answers, some 1,000 at a time.

    Yields (inputs, target): `Inputs` of tensors, where None is what the regime does not show, and
    responses per unit of size (B, S, H+1, 3). Raises as `score_method`.
    """
    dataset = Dataset.open(data)
    question = _question(dataset, world, regime, state_dependent)
    return pose_all(dataset, [question], dataset.rows(world, split))


def score_method(
    method: Method,
    data: str | os.PathLike[str],
    world: str,
    regime: str,
    *,
    split: str = PRIOR,
    state_dependent: bool = False,
) -> dict[str, object]:
    """The metrics of a method on the samples of a split, by the names of `metrics.json`.

    method: takes `Inputs` of B samples and gives responses per unit of size (B, S, H+1, 3); for
    metrics of bands a pair of them and of quantiles (B, S, H+1, 3, 5) at .05 .25 .5 .75 .95.
    state_dependent: responses from the state in which the history ends. `training_mean` is the
    NRMSE of the mean training response.

    Raises InputError where answers have another shape, are not finite or are the truth itself;
    UnknownNameError for a world, regime or split that is none; DatasetError.
    """
    dataset = Dataset.open(data)
    question = _question(dataset, world, regime, state_dependent)

    def ask(inputs: Inputs) -> Answer:
        said = method(inputs)
        response, quantiles = said if isinstance(said, tuple) else (said, None)
        return Answer(_array(response), None if quantiles is None else _array(quantiles))

    with torch.no_grad():
        frame = statistics(score_answers(ask, dataset, question, split))
    found = summarise(frame, dataset.spec(world).siblings)
    return {**found, "training_mean": nrmse(of_null(frame))}


def _question(dataset: Dataset, world: str, regime: str, state_dependent: bool) -> Question:
    task = Task.state_dependent if state_dependent else Task.steady_state
    if regime not in list(Regime):
        raise unknown_name("regime", regime, tuple(Regime))
    if task not in tasks(dataset.spec(world)):
        raise InputError(f"world {world!r}: responses do not depend on the state")
    return Question(world, Regime(regime), task)


def _array(values: Any) -> np.ndarray:
    return values.cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
