"""Watches a running loop for drift: looks at a frame every few seconds, and keeps what it learned in the state folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from edgevision.errors import BadInput, BadModel, CannotWrite, MissingFile
from edgevision.files.atomic import write_text
from edgevision.log import Log
from edgevision.postprocessing.temporal import time_of

from .detector import Detector
from .state_file import dumps, read, restored, subject_of

if TYPE_CHECKING:
    from edgevision.model_file.card import DriftReference
    from edgevision.postprocessing.drift_vector import DriftReader
    from edgevision.types import Frame, Tensor

    from ..telemetry.drift_status import DriftStatus
    from .detector import Alarm
    from .state_file import Subject

log = Log("edgevision.drift")
INTERVAL_S = 10.0
"""Time between two frames that are looked at, in seconds."""
MAX_STEP_S = 600.0
"""Longest time that a frame stands for: a camera that was lost was not watched."""
CLOSE_S = 2.0
"""Longest wait for a writing at the end, in seconds."""


class DriftWatch:
    """Written by the loop's thread; the status may be read from any."""

    def __init__(
        self, reader: DriftReader, reference: DriftReference | None, subject: Callable[[], Subject], path: Path | None
    ) -> None:
        """``reference``: that of the model file. ``subject``: returns what is watched now; the live page may change it.
        ``path``: the file of the state; None: it is not kept."""
        self._reader, self._reference, self._path = reader, reference, path
        self._read_subject = subject
        self._subject = subject()
        self._detector = self._load()
        self._alarm: Alarm | None = None
        self._last: float | None = None
        self._saved = False
        self._writer: Thread | None = None

    def observe(self, frame: Frame, outputs: Sequence[Tensor]) -> None:
        """Look at the outputs of one inference, if it is time. Called with every frame."""
        at = time_of(frame)
        if at is None or (self._last is not None and 0 <= at - self._last < INTERVAL_S):
            return
        seconds = 0.0 if self._last is None else min(MAX_STEP_S, max(0.0, at - self._last))
        self._last = at
        try:
            vectors = self._reader.read(outputs, (frame.width, frame.height))
        except BadModel as error:  # such as NaN: the loop reports it where it matters
            log.debug("frame %d: no vectors: %s", frame.index, error)
            return
        self._forget_if_moved()
        hours = self._detector.number
        alarm = self._detector.add(vectors, seconds)
        self._alarm = alarm or self._alarm
        if self._detector.number != hours:
            log.info("%s", self.status().describe())
            self._save()

    def take_alarm(self) -> Alarm | None:
        """Return the alarm that was not reported yet, once."""
        alarm, self._alarm = self._alarm, None
        return alarm

    def status(self) -> DriftStatus:
        """Return what is known now."""
        return self._detector.status()

    def close(self) -> None:
        """Save what was seen of this hour."""
        self._wait()
        self._save()
        self._wait()

    def _load(self) -> Detector:
        new = Detector(self._reader.measures, self._reference)
        if self._path is None:
            return new
        try:
            value = read(self._path)
            if subject_of(value) != self._subject:
                log.info("%s belongs to another model or mount: learning again", self._path)
                return new
            return restored(value, self._reader.measures, self._reference)
        except MissingFile:
            return new
        except (BadInput, CannotWrite, ValueError, KeyError, TypeError, OSError) as error:
            log.warning("%s cannot be used, learning again: %s", self._path, error)
            return new

    def _forget_if_moved(self) -> None:
        """Learn again if the watched part of the image was changed, or the file was deleted."""
        subject = self._read_subject()
        if subject != self._subject:
            log.info("the watched part of the image has changed: learning again")
            self._subject, self._detector = subject, Detector(self._reader.measures, self._reference)
        self._forget_if_deleted()

    def _forget_if_deleted(self) -> None:
        """Learn again if ``edgevision drift --reset`` has deleted the file."""
        if self._path is None or not self._saved or self._is_writing():
            return
        if not self._path.exists():
            log.info("%s was deleted: learning again", self._path)
            self._detector = Detector(self._reader.measures, self._reference)
            self._saved = False

    def _save(self) -> None:
        """Write the file on a thread of its own: an SD card may take a second."""
        if self._path is None or self._is_writing():
            return
        self._forget_if_deleted()
        text = dumps(self._detector, self._subject)
        self._writer = Thread(target=self._write, args=(self._path, text), name="drift", daemon=True)
        self._writer.start()

    def _wait(self) -> None:
        if self._writer is not None:
            self._writer.join(CLOSE_S)

    def _is_writing(self) -> bool:
        return self._writer is not None and self._writer.is_alive()

    def _write(self, path: Path, text: str) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, text)
            self._saved = True
        except (CannotWrite, OSError) as error:
            log.warning("what was learned is lost at the end of the run: %s", error)
