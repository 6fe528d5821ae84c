"""Validation while training: the NRMSE of responses on the `val` split, by world."""

from __future__ import annotations

import torch

from emulator.models.base import Model
from emulator.questions import Batch, pose_all
from emulator.regimes import Task
from emulator.training.batches import Shown
from emulator.training.distributed import Ranks
from emulator.training.losses import response_loss
from emulator.training.objective import Scales

# Rows of a world: the standard error of a mean is then some 2 % of it, and a run's changes are
# larger. Evaluation scores the whole split.
MOST_ROWS = 2048


class Validation:
    """Every response task of each world in every regime trained on, with the longest history. Each
    rank holds its share of the rows."""

    def __init__(self, shown: Shown, ranks: Ranks) -> None:
        self.ranks = ranks
        self.batches: dict[str, list[Batch]] = {}
        self.scales: dict[str, Scales] = {}
        for world in shown.worlds:
            rows = shown.dataset.rows(world, "val")[:MOST_ROWS][ranks.rank :: ranks.count]
            self.scales[world] = Scales(shown.dataset.moments(world)).to(shown.device)
            asked = shown.questions(world, shown.regimes)
            self.batches[world] = list(pose_all(shown.dataset, asked, rows, shown.device))

    def of(self, world: str, task: Task) -> list[Batch]:
        """The batches of one world and task."""
        return [batch for batch in self.batches[world] if batch.inputs.task is task]

    @torch.no_grad()
    def errors(self, model: Model) -> dict[str, float]:
        """NRMSE by world, the mean over rows, regimes and tasks; the same on every rank."""
        model.eval()
        sums = []  # by world: the sum of the rows' errors, and their number
        for world, batches in self.batches.items():
            error = sum(len(b.inputs) * self._error(model, world, b) for b in batches)
            sums.append([error, sum(len(b.inputs) for b in batches)])
        table = torch.tensor(sums, dtype=torch.float64, device=self.ranks.device)
        total = self.ranks.total(table)
        return dict(zip(self.batches, (total[:, 0] / total[:, 1]).tolist(), strict=True))

    def _error(self, model: Model, world: str, batch: Batch) -> float:
        sigma = self.scales[world].of(batch.inputs.task)
        return response_loss(model(batch.inputs), batch.target, sigma).item()
