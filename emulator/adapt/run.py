"""A run: the stages one after the other, with checkpoints between them and within."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Generic

import torch
from torch import nn

from emulator.adapt.draws import R, Supply
from emulator.adapt.learner import Learner, Settings, Subject
from emulator.adapt.order import Order, Start
from emulator.adapt.search import Result, Stage, next_stage
from emulator.errors import TrainingError, WeightsError
from emulator.progress import Progress
from emulator.training.checkpoint import CHECKPOINT_FILE, load_checkpoint, save_checkpoint
from emulator.training.interruption import interruptions

POINTS = 20  # of a learning curve
CHECKPOINT_SECONDS = 30.0
RESERVE = 0.03  # of the time: bands, test, card
SLOWER = 2.0  # times the wall time it was to have, after which a trial ends all the same
_SLOWEST = 1e-5  # a rate at which a network that diverges is given up
# A network that errs so many times as much as an answer that knows nothing has diverged: at rates
# that short trials stand, long ones can run off without a single infinite number.
_LOST = 2.0


class Clock:
    """Seconds of this run, and of processors, those before it was stopped included."""

    def __init__(self, used: tuple[float, float] = (0.0, 0.0)) -> None:
        self._wall, self._processor = used
        self._since = time.perf_counter(), time.process_time()

    @property
    def seconds(self) -> float:
        return self._wall + time.perf_counter() - self._since[0]

    @property
    def processor(self) -> float:
        return self._processor + time.process_time() - self._since[1]


class Best:
    """The network with the lowest error at the end of a stage."""

    def __init__(self) -> None:
        self.error = math.inf
        self.settings: Settings | None = None
        self.steps = 0
        self.weights: dict[str, torch.Tensor] = {}

    def see(self, result: Result, model: nn.Module) -> None:
        """A stage's end. Equal is no improvement."""
        if result.error < self.error:
            self.error, self.settings, self.steps = result.error, result.settings, result.steps
            self.weights = {k: v.detach().clone() for k, v in model.state_dict().items()}


class Run(Generic[R]):
    """The stages of an order. `go` carries them out, or what is left of them."""

    def __init__(
        self,
        order: Order,
        subject: Subject[R],
        supply: Supply[R],
        validation: R,
        starts: tuple[Start, ...],
        tried: bool,
        folder: Path,
        clock: Clock,
        progress: Progress,
    ) -> None:
        self.order, self.subject, self.supply = order, subject, supply
        self.validation, self.folder = validation, folder
        self.starts, self.tried = starts, tried
        self.clock, self.progress = clock, progress
        self.results: list[Result] = []
        self.best = Best()
        self.learner: Learner[R] | None = None
        self.curve: list[tuple[int, float, float]] = []
        self.nothing = subject.nothing(validation)
        self.prepared = self.began = clock.seconds
        self.spent = clock.processor  # when the stage began
        self._saved = clock.seconds

    def go(self) -> bool:
        """Train to the end; True there, False where SIGTERM stopped it with a checkpoint. Raises
        KeyboardInterrupt after Ctrl-C, with a checkpoint, and TrainingError where every network
        diverges."""
        with interruptions() as received:
            while not self.reached and (stage := self._next()):
                if stage.settings.rate < _SLOWEST:
                    raise TrainingError(
                        f"world {self.subject.spec.name!r}: training diverges at any rate; look at "
                        "its responses over the prior, and narrow the parameters' bounds"
                    )
                if not self._train(stage, received):
                    self.save()
                    if signal.SIGINT in received:
                        raise KeyboardInterrupt
                    return False
                self.save()
        return True

    def _next(self) -> Stage | None:
        return next_stage(self.results, self.starts, self.subject.grid, self.tried)

    @property
    def reached(self) -> bool:
        """Whether the error asked for is."""
        return self._enough(self.best.error)

    def _enough(self, error: float) -> bool:
        return self.order.error is not None and error <= self.order.error

    def _train(self, stage: Stage, received: list[int]) -> bool:
        """One stage; False where it was stopped before its end."""
        if self.learner is None:
            self.learner = self.subject.learner(stage.settings, self.supply)
            self.curve, self.began = [], self.clock.seconds
            self.spent = self.clock.processor
        learner, ended, error = self.learner, False, math.inf
        share = self._share(stage)
        while not ended:
            if received:
                return False
            if not (fine := learner.learn(share(learner.step))):
                error = math.inf
                break
            done = share(learner.step)
            ended = done >= 1.0
            if ended or done * POINTS >= len(self.curve) + 1:
                error = learner.error(self.validation)
                self.curve.append((learner.step, self.clock.seconds, error))
                fine = math.isfinite(error) and error <= _LOST * self.nothing
                ended = ended or not fine or self._enough(error)
            self._tell(stage, error)
            if self.clock.seconds - self._saved > CHECKPOINT_SECONDS:
                self.save()
        seconds = self.clock.seconds - self.began
        self.results.append(
            Result(stage.settings, stage.share is None, error if fine else math.inf, learner.step,
                   seconds, tuple(self.curve))
        )  # fmt: skip
        self.best.see(self.results[-1], learner.model)
        self.learner = None
        return True

    def _share(self, stage: Stage) -> Callable[[int], float]:
        """How much of the stage is over, 0 to 1, as a function of its steps."""
        if self.order.steps is not None:
            left = self.order.steps - sum(result.steps for result in self.results)
            whole = left if stage.share is None else round(stage.share * self.order.steps)
            whole = max(1, whole)
            return lambda step: step / whole
        end = 60.0 * self.order.minutes * (1.0 - RESERVE)
        if stage.share is None:
            length = max(end - self.began, 1e-3)
            return lambda step: (self.clock.seconds - self.began) / length
        length = max(stage.share * (end - self.prepared), 1e-3)
        # Of trials processor time is compared, which others on the machine take nothing of.
        pace = self.clock.processor / self.clock.seconds

        def share(step: int) -> float:
            spent = (self.clock.processor - self.spent) / (pace * length)
            return max(spent, (self.clock.seconds - self.began) / (SLOWER * length))

        return share

    def _tell(self, stage: Stage, error: float) -> None:
        found = f"error {error:.4f}" if math.isfinite(error) else ""
        what = "training" if stage.share is None else f"trial {len(self.results) + 1}"
        note = f"{what}, {stage.settings} {found}"
        if self.order.steps is None:
            self.progress(round(self.clock.seconds), round(60 * self.order.minutes), note)
        else:
            assert self.learner is not None
            done = sum(result.steps for result in self.results) + self.learner.step
            self.progress(done, self.order.steps, note)

    # ------------------------------------------------------------------ checkpoints

    def save(self) -> None:
        """All it takes to go on."""
        best = self.best
        state = {
            "results": [asdict(r) | {"settings": tuple(r.settings)} for r in self.results],
            "best": {
                "error": best.error,
                "steps": best.steps,
                "settings": None if best.settings is None else tuple(best.settings),
                "weights": best.weights,
            },
            "learner": None if self.learner is None else self.learner.state_dict(),
            "settings": None if self.learner is None else tuple(self.learner.settings),
            "curve": self.curve,
            "prepared": self.prepared,
            "began": (self.began, self.spent),
            "used": (self.clock.seconds, self.clock.processor),
        }
        save_checkpoint(self.folder, state, "cpu")
        self._saved = self.clock.seconds

    def restore(self) -> None:
        """Go on from the folder's checkpoint, where there is one. Raises WeightsError."""
        state = load_checkpoint(self.folder, "cpu")
        if state is None:
            return
        try:
            self.results = [
                Result(**{**r, "settings": Settings(*r["settings"]),
                          "curve": tuple(map(tuple, r["curve"]))})
                for r in state["results"]
            ]  # fmt: skip
            best = state["best"]
            if best["settings"] is not None:
                self.best.settings = Settings(*best["settings"])
                self.best.steps = int(best["steps"])
            self.best.error, self.best.weights = float(best["error"]), best["weights"]
            self.curve = [(int(s), float(t), float(e)) for s, t, e in state["curve"]]
            self.prepared = float(state["prepared"])
            self.began, self.spent = map(float, state["began"])
            wall, processor = state["used"]
            self.clock = Clock((float(wall), float(processor)))
            self._saved = self.clock.seconds
            if state["learner"] is not None:
                self.learner = self.subject.learner(Settings(*state["settings"]), self.supply)
                self.learner.load_state_dict(state["learner"])
        except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise WeightsError(
                f"{self.folder / CHECKPOINT_FILE}: does not fit this run ({type(error).__name__}): "
                "it was begun by another version of emulator, which alone can go on with it; name "
                "another folder with --output"
            ) from None
