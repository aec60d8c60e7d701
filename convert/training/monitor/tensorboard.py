"""TensorBoard logs of a training: the values of history.csv as event files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ... import backend
from .history import EpochRow
from .observer import TrainingObserver

FOLDER = "tensorboard"


class TensorBoardWatcher(TrainingObserver):
    """Training observer that logs the values of each epoch and forwards all events to another observer."""

    def __init__(self, folder: Path, inner: TrainingObserver) -> None:
        self._inner = inner
        self._tf = backend.tensorflow()
        self._writer: Any = self._tf.summary.create_file_writer(str(folder / FOLDER))

    def note(self, text: str) -> None:
        """Forward a note."""
        self._inner.note(text)

    @contextmanager
    def stage(self, text: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """Forward a stage."""
        with self._inner.stage(text, total) as step:
            yield step

    def begin(self, phase: str, epoch: int, epochs: int, steps: int) -> None:
        """Forward the start of an epoch."""
        self._inner.begin(phase, epoch, epochs, steps)

    def step(self, loss: float, accuracy: float | None = None) -> None:
        """Forward a step."""
        self._inner.step(loss, accuracy)

    def end(self, row: EpochRow, kept: bool) -> None:
        """Log the values of an epoch and forward it."""
        values = [
            (name, value) for name, value in asdict(row).items() if isinstance(value, float) and name != "seconds"
        ]
        summary = self._tf.compat.v1.Summary()
        for name, value in values:
            summary.value.add(tag=name, simple_value=value)
        # tf.summary.scalar needs the tensorboard package, which only whoever views the logs should have to install.
        with self._writer.as_default():
            self._tf.summary.experimental.write_raw_pb(summary.SerializeToString(), step=row.epoch)
        self._writer.flush()
        self._inner.end(row, kept)

    def trial_epoch(self, trial: int, machine: str, row: EpochRow) -> None:
        """Forward the end of an epoch of a trial."""
        self._inner.trial_epoch(trial, machine, row)
