"""What a kind of model says of itself: the base of every `model:` configuration.

Which regimes it can be trained in, what it reads, what it answers, which part it plays in
comparisons: each kind declares it on its configuration, in its own file, and whoever needs to know
asks there. Nothing else in the package knows models by their names, so a new one is its own file
and a line in configs.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from emulator.config import StrictModel
from emulator.regimes import REMOVABLE, Regime, Task, given, telling
from emulator.specs import WorldSpec

if TYPE_CHECKING:
    from emulator.models.base import Model


class Rival(NamedTuple):
    """What a universal run is to beat, of which there may be several kinds of models.

    pooled: whether only runs of several worlds count.
    """

    name: str
    pooled: bool = False


class ModelConfigBase(StrictModel, ABC):
    """`model:` of a run. Subclasses have a `type` of their own, and say what differs from here.

    How it is trained
        regimes: values of `data.regime`; `all` where one set of weights serves every regime.
        reads: which of world, theta, eps and history it can read. theta_alone: whether it reads
        none of the past where theta is known. Regimes in which it sees the same are alike: one
        trained in any is scored in all. extra_inputs: those beyond the contract that it can read.
        fitted_at_once: by `Model.fit` in one pass, without steps or a learning rate.
        prepares: whether `Model.prepare` is to see every training row, all in memory. compresses:
        whether `Model.compress` is to see responses of training rows.
        starts_from_weights: whether it knows by name what it learned, so that training can begin
        with trained weights.

    What it answers
        forecasts: `Task.trajectory`. bands: quantiles. any_horizon: horizons beyond those trained
        on. shocks_apart: whether the answer for one shock needs none of the others' sizes, so that
        one can be asked for alone. exports: regimes in which its answer can be written as a graph.

    Which part it plays
        label: what tables of rivals call it, in a word or two. universal: one set of weights for
        any world and regime, that does without any of its inputs: what criteria and ablations are
        for. specialist: compared with a universal run where trained on one world alone. needs: the
        inputs without which that is asked of nobody. rival: what a universal run is to beat with
        it, if anything.
    """

    regimes: ClassVar[tuple[str, ...]] = (*Regime, "all")
    reads: ClassVar[frozenset[str]] = frozenset(REMOVABLE)
    theta_alone: ClassVar[bool] = False
    extra_inputs: ClassVar[frozenset[str]] = frozenset()
    fitted_at_once: ClassVar[bool] = False
    prepares: ClassVar[bool] = False
    compresses: ClassVar[bool] = False
    starts_from_weights: ClassVar[bool] = False

    forecasts: ClassVar[bool] = False
    bands: ClassVar[bool] = False
    any_horizon: ClassVar[bool] = False
    shocks_apart: ClassVar[bool] = False
    exports: ClassVar[tuple[Regime, ...]] = ()

    label: ClassVar[str]
    universal: ClassVar[bool] = False
    specialist: ClassVar[bool] = False
    needs: ClassVar[frozenset[str]] = frozenset()
    rival: ClassVar[Rival | None] = None

    type: str

    @classmethod
    def sees(cls, regime: Regime) -> frozenset[str]:
        """The inputs of a regime that reach its answers."""
        seen = given(regime) & cls.reads
        return seen - {"eps", "history"} if cls.theta_alone and "theta" in seen else seen

    @classmethod
    def alike(cls, regime: Regime) -> tuple[Regime, ...]:
        """The regimes in which it sees what it sees in this one."""
        return tuple(r for r in Regime if r in cls.regimes and cls.sees(r) == cls.sees(regime))

    @classmethod
    def sees_all(cls, regime: Regime, task: Task) -> bool:
        """Whether it sees everything that bears on the answer: only then it is beaten fairly."""
        return regime in cls.regimes and telling(regime, task) <= cls.sees(regime)

    @abstractmethod
    def build(self, specs: Sequence[WorldSpec], horizon: int) -> Model:
        """A model of these worlds that has learned nothing yet, its answers up to `horizon`."""

    def size(self, specs: Sequence[WorldSpec], horizon: int) -> int:
        """How many numbers that model would learn; it takes no memory to say so."""
        return _size(self, tuple(specs), horizon)


@lru_cache(maxsize=128)  # tuning asks of the same model for every rate
def _size(config: ModelConfigBase, specs: tuple[WorldSpec, ...], horizon: int) -> int:
    import torch  # which reading a configuration does without

    with torch.device("meta"):
        return sum(learned.numel() for learned in config.build(specs, horizon).parameters())
