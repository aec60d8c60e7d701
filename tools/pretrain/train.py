"""The training loop: the rest of an epoch, its evaluation and exports, and the state to resume from."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np

from edgevision.errors import BadInput
from tools.pretrain import checkpoint, export
from tools.pretrain.augment import Augmentation, augmented
from tools.pretrain.batches import prefetched
from tools.pretrain.checkpoint import Progress, State
from tools.pretrain.evaluate import Scorer
from tools.pretrain.model import Network
from tools.pretrain.schedule import read_plan
from tools.pretrain.signals import StopRequest
from tools.pretrain.step import StepRule, TrainStep

if TYPE_CHECKING:
    from edgevision.types import Pixels
    from tools.pretrain.data import Labels, PictureSet


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings that do not change during a run."""

    work: Path
    """Folder of the plan and the state."""
    out: Path
    """Folder of the exports after each epoch."""
    seed: int = 0
    batch: int = 128
    """Images per step."""
    save_every_s: float = 120.0
    report_every: int = 100
    """Steps between two progress lines."""
    stop_after: int | None = None
    """Total number of steps after which to save and exit."""
    step: StepRule = field(default_factory=StepRule)
    augmentation: Augmentation = field(default_factory=Augmentation)


class Trainer:
    """One run on one data set, continued from the state in its work folder."""

    def __init__(self, pictures: PictureSet, settings: Settings, report: Callable[[str], None]) -> None:
        """Load the state; ``report`` is called with progress lines. Raises BadInput for the state of another run."""
        self._pictures = pictures
        self._settings = settings
        self._report = report
        self._plan = read_plan(settings.work)
        self._batch = min(settings.batch, len(pictures.train.labels))
        self._steps = len(pictures.train.labels) // self._batch
        state = checkpoint.load(settings.work)
        self.progress = state.progress if state else Progress(settings.seed, pictures.fingerprint)
        self._check_same_run()
        self._scorers: dict[int, Scorer] = {}
        keras.utils.set_random_seed(self.progress.seed)
        self._step = self._step_at(self._plan.side(self.progress.epoch), state)
        self._saved_at = time.monotonic()

    def run(self) -> int | None:
        """Train to the end of the plan. Return the signal that ended it early, else None."""
        with StopRequest() as stop:
            while self.progress.epoch < self._plan.epochs:
                self._enter_phase()
                if not self._epoch(stop):
                    self._save()
                    return stop.signal
                self._finish_epoch()
        return None

    def _check_same_run(self) -> None:
        work = self._settings.work
        if self.progress.fingerprint != self._pictures.fingerprint:
            raise BadInput(f"the state in {work} was trained on other images; give its --data or another --work")
        if self.progress.seed != self._settings.seed:
            given = self._settings.seed
            raise BadInput(f"the state in {work} was trained with --seed {self.progress.seed}, got --seed {given}")

    def _step_at(self, side: int, state: State | None) -> TrainStep:
        step = TrainStep(Network(side, len(self._pictures.classes)), self._settings.step, self.progress.seed)
        if state:
            try:
                step.restore(state.weights, state.momentum, state.average)
            except (KeyError, ValueError) as fault:
                work = self._settings.work
                raise BadInput(f"the state in {work} is for another network ({fault}); give another --work") from None
        return step

    def _enter_phase(self) -> None:
        side = self._plan.side(self.progress.epoch)
        if side != self._step.network.side:
            self._step = self._step_at(side, self._state())

    def _state(self) -> State:
        return State(self.progress, *self._step.values())

    def _save(self) -> None:
        now = time.monotonic()
        self.progress.seconds += now - self._saved_at
        self._saved_at = now
        checkpoint.save(self._settings.work, self._state())

    def _epoch(self, stop: StopRequest) -> bool:
        """Run the rest of the current epoch; return False if it was stopped early."""
        progress, settings = self.progress, self._settings
        began, first = time.monotonic(), progress.step
        with prefetched(self._batches()) as batches:
            for pictures, labels in batches:
                rate = self._plan.rate(progress.epoch + progress.step / self._steps)
                progress.loss_sum += self._step(pictures, labels, rate, progress.total_steps)
                progress.step += 1
                progress.total_steps += 1
                if progress.step % settings.report_every == 0:
                    speed = (progress.step - first) * self._batch / (time.monotonic() - began)
                    self._report(self._line(rate, speed))
                if stop.signal is not None or progress.total_steps == settings.stop_after:
                    return False
                if time.monotonic() - self._saved_at > settings.save_every_s:
                    self._save()
        return True

    def _batches(self) -> Iterator[tuple[Pixels, Labels]]:
        """Yield the remaining batches of the current epoch, the same ones however often it was resumed."""
        epoch, seed, train = self.progress.epoch, self.progress.seed, self._pictures.train
        order = np.random.default_rng([seed, epoch]).permutation(len(train.labels))
        side = self._plan.side(epoch)
        for step in range(self.progress.step, self._steps):
            chosen = np.sort(order[step * self._batch : (step + 1) * self._batch])
            rng = np.random.default_rng([seed, epoch, step])
            yield augmented(train.pictures[chosen], side, rng, self._settings.augmentation), train.labels[chosen]

    def _line(self, rate: float, speed: float) -> str:
        progress = self.progress
        return (
            f"epoch {progress.epoch + 1}/{self._plan.epochs} step {progress.step}/{self._steps} "
            f"{self._step.network.side} px loss {progress.loss_sum / progress.step:.3f} rate {rate:.4f} "
            f"{speed:.0f} images/s"
        )

    def _finish_epoch(self) -> None:
        """Evaluate and export the averaged weights, save the state and read the plan again."""
        progress, average = self.progress, self._step.average()
        progress.history.append(
            {
                "epoch": progress.epoch + 1,
                "side": self._step.network.side,
                "train_loss": round(progress.loss_sum / max(1, progress.step), 4),
                "val_accuracy": self._scores(average),
            }
        )
        progress.epoch += 1
        progress.step, progress.loss_sum = 0, 0.0
        self._save()
        export.write_checkpoint(self._settings.out, average, progress, self._pictures)
        self._report(f"epoch {progress.epoch} done, {progress.seconds / 60:.1f} min in total: {progress.history[-1]}")
        self._reread_plan()

    def _scores(self, average: checkpoint.Arrays) -> dict[str, float]:
        """Return the accuracy of the averaged weights at every image side of the plan."""
        val, scores = self._pictures.val, {}
        for side in sorted({self._step.network.side, *(side for side, _ in self._plan.phases)}):
            if side not in self._scorers:
                self._scorers[side] = Scorer(side, len(self._pictures.classes))
            scores[str(side)] = round(self._scorers[side].correct(average, val) / len(val.labels), 4)
        return scores

    def _reread_plan(self) -> None:
        """Read the plan again; report an invalid one and keep the old plan, so that it cannot end a run of hours."""
        try:
            self._plan = read_plan(self._settings.work)
        except BadInput as fault:
            self._report(f"the plan is not changed: {fault}")
