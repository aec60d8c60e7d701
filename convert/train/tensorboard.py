"""TensorBoard's view of a training: the figures of history.csv as event files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .. import backend
from .history import Epoch
from .watcher import Watcher

FOLDER = "tensorboard"


class TensorBoardWatcher(Watcher):
    """Writes each epoch's figures, and hands everything on to another watcher."""

    def __init__(self, folder: Path, inner: Watcher) -> None:
        self._inner = inner
        self._tf = backend.tensorflow()
        self._writer: Any = self._tf.summary.create_file_writer(str(folder / FOLDER))

    def note(self, text: str) -> None:
        """See ``Watcher``."""
        self._inner.note(text)

    @contextmanager
    def stage(self, text: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """See ``Watcher``."""
        with self._inner.stage(text, total) as step:
            yield step

    def begin(self, phase: str, epoch: int, epochs: int, steps: int) -> None:
        """See ``Watcher``."""
        self._inner.begin(phase, epoch, epochs, steps)

    def step(self, loss: float, accuracy: float) -> None:
        """See ``Watcher``."""
        self._inner.step(loss, accuracy)

    def end(self, row: Epoch, kept: bool) -> None:
        """See ``Watcher``."""
        names = ("lr", "loss", "accuracy", "val_loss", "val_accuracy")
        values = [(name, getattr(row, name)) for name in names if getattr(row, name) is not None]
        summary = self._tf.compat.v1.Summary()
        for name, value in values:
            summary.value.add(tag=name, simple_value=value)
        # tf.summary.scalar would need the tensorboard package, which only the reader of the files has to have.
        with self._writer.as_default():
            self._tf.summary.experimental.write_raw_pb(summary.SerializeToString(), step=row.epoch)
        self._writer.flush()
        self._inner.end(row, kept)
