"""Errors of trained models on the histories of a floor, at any length of history."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from emulator.data import Dataset
from emulator.errors import InputError
from emulator.evaluation.floors.distances import KEYS, Ratio, ratio
from emulator.evaluation.floors.floors_on_disk import Floors
from emulator.evaluation.floors.posterior_mean_errors import errors
from emulator.evaluation.scoring.opened import open_run
from emulator.limits import MIN_HISTORY
from emulator.models.base import Model
from emulator.questions import Question, device_of, needed, pose, read
from emulator.regimes import Regime, Task


def predicted_ratios(
    runs: Sequence[Path], floors: Sequence[Floors], dataset: Dataset
) -> Iterator[Ratio]:
    """The ratios of trained runs at every length of history that there are floors of.

    Runs are named as `labels` says, and left out of worlds and regimes they do not answer. Raises
    InputError where floors are of another data set, WeightsError where a run is.
    """
    for found in floors:
        if found.settings.draws_sha != (draws := dataset.draws_of(found.settings.world)):
            raise InputError(
                f"floors of {found.settings.world}: computed on draws "
                f"{found.settings.draws_sha}, but {dataset.path} holds {draws}; "
                "name the right data set"
            )
    for path, label in zip(runs, labels(runs), strict=True):
        run = open_run(path, str(dataset.path))
        for found in floors:
            short = found.settings.length < MIN_HISTORY
            if short or found.settings.world not in run.loaded.model.specs:
                continue
            if Regime.B1 in run.regimes:
                for task in found.tasks():
                    theirs = predicted(run.loaded.model, found, dataset, task)
                    yield ratio(label, found, task, theirs)


def labels(runs: Sequence[Path]) -> list[str]:
    """The path of each run from the folder that holds them all; of one run, its last two parts.

    Links are followed, so that a name says which run it is.
    """
    places = [run.resolve() for run in runs]
    parents = [place.parent for place in places]
    root = parents[0].parent if len(runs) == 1 else Path(os.path.commonpath(parents))
    return [place.relative_to(root).as_posix() for place in places]


def predicted(model: Model, floors: Floors, dataset: Dataset, task: Task) -> pd.DataFrame:
    """A model's squared errors on those of the floor's histories that the data set has: sample,
    shock, observable, mse."""
    settings = floors.settings
    samples = np.asarray(floors.samples, dtype=np.int64)
    samples = samples[samples < dataset.manifest.config.samples]
    question = Question(settings.world, Regime.B1, task, settings.length)
    fields = read(dataset, settings.world, samples, needed([question]), device_of(model))
    model.eval()
    with torch.no_grad():
        inputs, target = pose(dataset, question, fields)
        answer = model.answer([inputs], dataset.manifest.config.horizon)[0].response.cpu().numpy()
    frame = errors(floors, task)[KEYS]
    frame = frame[frame["sample"].isin(samples)]
    mse = np.square(answer.astype(np.float64) - target.cpu().numpy()).mean(axis=2)
    spec = dataset.spec(settings.world)
    place = {sample: k for k, sample in enumerate(samples.tolist())}
    shocks = {shock: k for k, shock in enumerate(spec.shock_names)}
    names = {o.name: k for k, o in enumerate(spec.observables)}
    return frame.assign(
        mse=mse[
            frame["sample"].map(place), frame["shock"].map(shocks), frame["observable"].map(names)
        ]
    )
