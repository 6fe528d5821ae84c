"""Training on histories as users have them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from emulator.questions import Batch
from emulator.regimes import Inputs, Task
from emulator.training.rough import DEMEANED, MOST, ROUNDED, roughened

ROWS, QUARTERS = 2000, 40


def _batch(history: torch.Tensor | None) -> Batch:
    inputs = Inputs("nk", ("monetary",), Task.steady_state, torch.ones(ROWS, 1), history=history)
    return Batch(inputs, torch.zeros(ROWS, 1, 41, 3))


def _history() -> torch.Tensor:
    """Series with s.d.s near 1, 10 and .1, and a mean of 5."""
    rng = torch.Generator().manual_seed(1)
    scale = torch.tensor([1.0, 10.0, 0.1])
    return 5.0 + scale * torch.randn(ROWS, QUARTERS, 3, generator=rng)


def _seen(share: float, part: tuple[int, int] = (0, 1), seed: int = 3) -> torch.Tensor:
    seen = roughened(_batch(_history()), share, np.random.default_rng(seed), part).inputs.history
    assert seen is not None
    return seen


def test_a_share_of_histories_is_rough_and_the_others_are_exact() -> None:
    history, seen = _history(), _seen(0.25)
    changed = (seen != history).flatten(1).any(dim=1)
    assert abs(changed.float().mean().item() - 0.25) < 4 * (0.25 * 0.75 / ROWS) ** 0.5


def test_noise_rounding_and_means_are_as_said() -> None:
    history, seen = _history(), _seen(1.0)
    less = seen.mean(dim=1).abs().amax(dim=1) < 1e-4  # rounding does not move the others' there
    assert (
        abs(less.float().mean().item() - DEMEANED) < 4 * (DEMEANED * (1 - DEMEANED) / ROWS) ** 0.5
    )
    rounds = (seen * 10).frac().abs().flatten(1)
    rounds = ((rounds < 1e-3) | (rounds > 1 - 1e-3)).all(dim=1) & ~less
    share = ROUNDED * (1 - DEMEANED)
    assert abs(rounds.float().mean().item() - share) < 4 * (share * (1 - share) / ROWS) ** 0.5
    plain = ~less & ~rounds
    noise = ((seen - history).std(dim=1) / history.std(dim=1))[plain]
    assert noise.max() < 1.5 * MOST  # of 40 quarters
    # Even in logarithms between .1 and 10 %: half of it lies below 1 %.
    assert abs((noise < 0.01).float().mean().item() - 0.5) < 0.05


def test_ranks_see_their_part_of_what_one_process_sees() -> None:
    history = _history()
    whole = _seen(0.5)
    for rank in (0, 1):
        inputs = _batch(history).inputs
        part = Batch(
            Inputs(
                "nk", inputs.shocks, inputs.task, inputs.size[rank::2], history=history[rank::2]
            ),
            torch.zeros(ROWS // 2, 1, 41, 3),
        )
        seen = roughened(part, 0.5, np.random.default_rng(3), (rank, 2)).inputs.history
        assert torch.equal(seen, whole[rank::2])


def test_paths_keep_the_level_that_their_histories_tell() -> None:
    history = _history()
    batch = _batch(history)
    path = batch._replace(inputs=replace(batch.inputs, task=Task.trajectory))
    seen = roughened(path, 1.0, np.random.default_rng(3)).inputs.history
    assert seen is not None
    sd = history.std(dim=1) / QUARTERS**0.5
    assert ((seen.mean(dim=1) - history.mean(dim=1)).abs() < 0.1 + sd).all()


def test_what_shows_no_history_stays_and_draws_nothing() -> None:
    rng = np.random.default_rng(3)
    batch = _batch(None)
    assert roughened(batch, 0.5, rng) is batch
    assert rng.random() == np.random.default_rng(3).random()
