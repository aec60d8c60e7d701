"""The sink of ``run --collect``: selects on the loop's thread at no cost, and writes on a thread of its own."""

from __future__ import annotations

from collections import defaultdict
from threading import Thread
from typing import TYPE_CHECKING

from edgevision.datasets.folder_layout import UNSORTED
from edgevision.log import Log
from edgevision.postprocessing.temporal import time_of
from edgevision.preprocessing.decode import encode_jpeg

from ..stream.bounded_queue import BoundedQueue
from ..stream.protocols import Sink
from ..system.clock import SYSTEM, Clock
from .provenance import CollectedBy, best_labels, with_provenance
from .quota_store import Store
from .selection import Novelty, Pace, is_unsure

if TYPE_CHECKING:
    from edgevision.types import Frame, Label, Prediction

    from ..stream.events import Event

log = Log("edgevision.collect")
WAITING = 4
"""Maximum number of images waiting to be written; each holds its pixels."""
CLOSE_S = 2.0
FULL_S = 5.0
"""Seconds that a video file waits for a slow disk before an image is dropped."""
QUALITY = 90
CAME = ("entered", "changed")


class Collector(Sink):
    """Stores unsure frames and frames where something changed."""

    def __init__(
        self,
        store: Store,
        threshold: float | None,
        clock: Clock = SYSTEM,
        by: CollectedBy | None = None,
        lossless: bool = False,
    ) -> None:
        """``threshold``: 0..1, minimum score shown; None: all are. ``by``: what is recorded in each image.

        ``lossless``: let the loop wait for the disk instead of dropping images, which a live camera must not do.
        """
        self.spec = f"collect {store.folder}"
        self.store = store
        self._threshold = threshold
        self._clock = clock
        self._by = by
        self._paces: defaultdict[str, Pace] = defaultdict(Pace)
        self._novelties: defaultdict[str, Novelty] = defaultdict(Novelty)
        self._last: Frame | None = None
        """The frame that upcoming events refer to; None once it was queued."""
        self._labels: list[Label] = []
        """Best labels of that frame."""
        self._queue: BoundedQueue[tuple[str, Frame, list[Label]]] = BoundedQueue(WAITING, newest_wins=not lossless)
        self._error: Exception | None = None
        self._written = self._given_up = 0
        self._thread = Thread(target=self._work, name="collect", daemon=True)
        self._thread.start()

    @property
    def written(self) -> int:
        """Number of images kept in this run, including those since replaced by newer ones."""
        return self._written

    @property
    def dropped(self) -> int:
        """Number of selected images dropped because the disk was too slow."""
        return self._queue.dropped + self._given_up

    def write(self, frame: Frame, prediction: Prediction) -> None:
        """Examine one prediction. Raises the error of the last image write, if it failed."""
        self._last, self._labels = frame, best_labels(prediction)
        if is_unsure(prediction, self._threshold):
            self._offer(UNSORTED)
        if self._error is not None:
            # Raised for every frame until a write succeeds: keep the traceback short.
            raise self._error.with_traceback(None)

    def event(self, event: Event) -> None:
        """Keep the frame in which a label appeared, under its name."""
        of_last = self._last is not None and self._last.index == event.index
        if event.kind in CAME and event.label is not None and of_last:
            self._offer(event.label.name)

    def close(self) -> None:
        """Wait up to CLOSE_S for queued images; a disk that hangs is abandoned."""
        self._queue.end()
        self._thread.join(CLOSE_S)
        self._queue.close()

    def _offer(self, label: str) -> None:
        """Queue the last frame, unless there were enough of this label."""
        assert self._last is not None
        if self._paces[label].allows(time_of(self._last)):
            self._given_up += not self._queue.put((label, self._last, self._labels), FULL_S)
            self._last = None

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                self._keep(*item)
            except Exception as error:
                self._error = error  # re-raised on the loop's thread by the next write

    def _keep(self, label: str, frame: Frame, labels: list[Label]) -> None:
        if self._novelties[label].is_new(frame):
            jpeg, now = encode_jpeg(frame, QUALITY), self._clock.wall()
            if self._by is not None:
                jpeg = with_provenance(jpeg, self._by, labels, now)
            path = self.store.add(label, jpeg, now, labels[0].score if labels else None)
            log.debug("kept frame %d as %s", frame.index, path)
            self._written += 1
            self._error = None
