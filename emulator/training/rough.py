"""Histories as users have them, for training: measured with noise, rounded, their means subtracted.

Of a share of a batch's rows each series has normal noise whose s.d. is .1 to 10 % of its own, even
in logarithms; a quarter of them is rounded to .1 besides, and a third has its means subtracted,
unless paths are asked for, whose level they tell. Which, and the noise, depends on (seed, step)
alone. Answers stay those of the exact history.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from emulator.questions import Batch
from emulator.regimes import Task

LEAST, MOST = 1e-3, 0.1  # s.d. of the noise over the series' own
ROUNDED, DEMEANED = 1 / 4, 1 / 3  # of the rough rows
DIGITS = 1  # rounded to


def roughened(
    batch: Batch, share: float, rng: np.random.Generator, part: tuple[int, int] = (0, 1)
) -> Batch:
    """The batch with `share` of its histories rough, the same one where it shows none.

    part: (rank, ranks), whose rows of a whole batch these are; every rank draws for all.
    """
    history = batch.inputs.history
    if history is None or not share:
        return batch
    rank, ranks = part
    rows = len(history) * ranks  # of the whole batch: shares are even

    def drawn(draw: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(draw[rank::ranks]).to(history)

    rough = drawn(rng.random((rows, 1, 1)) < share).bool()
    size = drawn(np.exp(rng.uniform(np.log(LEAST), np.log(MOST), (rows, 1, 3))))
    noise = drawn(rng.standard_normal((rows, *history.shape[1:]), dtype=np.float32))
    rounds = rough & drawn(rng.random((rows, 1, 1)) < ROUNDED).bool()
    less = rough & drawn(rng.random((rows, 1, 1)) < DEMEANED).bool()
    less &= batch.inputs.task is not Task.trajectory
    seen = torch.where(rough, history + size * history.std(dim=1, keepdim=True) * noise, history)
    seen = torch.where(rounds, seen.round(decimals=DIGITS), seen)
    seen = torch.where(less, seen - seen.mean(dim=1, keepdim=True), seen)
    return batch._replace(inputs=replace(batch.inputs, history=seen))
