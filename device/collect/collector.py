"""The sink of ``run --collect``: chooses on the loop's thread, which costs nothing, and writes on one of its own."""

from __future__ import annotations

from collections import defaultdict
from threading import Thread
from typing import TYPE_CHECKING

from edgevision.decisions import time_of
from edgevision.layout import UNSORTED
from edgevision.pictures import encode_jpeg

from ..clock import SYSTEM, Clock
from ..handoff import Handoff
from .choice import Novelty, Pace, is_unsure
from .store import Store

if TYPE_CHECKING:
    from edgevision.data import Frame, Prediction

    from ..items import Event

WAITING = 4
"""Pictures that may wait to be written; each holds its pixels."""
CLOSE_S = 2.0
QUALITY = 90
CAME = ("entered", "changed")


class Collector:
    """Keeps unsure and changed frames in a store."""

    def __init__(self, store: Store, threshold: float | None, clock: Clock = SYSTEM) -> None:
        """``threshold``: 0..1, from which an answer is shown; None: all are."""
        self.spec = f"collect {store.folder}"
        self.store = store
        self._threshold = threshold
        self._clock = clock
        self._paces: defaultdict[str, Pace] = defaultdict(Pace)
        self._novelties: defaultdict[str, Novelty] = defaultdict(Novelty)
        self._last: Frame | None = None
        """The frame that events to come speak of; None once it was given away."""
        self._queue: Handoff[tuple[str, Frame]] = Handoff(WAITING, newest_wins=True)
        self._error: Exception | None = None
        self._written = 0
        self._thread = Thread(target=self._work, name="collect", daemon=True)
        self._thread.start()

    @property
    def written(self) -> int:
        """Pictures that were kept in this run, also those that newer ones have pushed out since."""
        return self._written

    @property
    def dropped(self) -> int:
        """Chosen pictures that a slow disk left no room for."""
        return self._queue.dropped

    def write(self, frame: Frame, prediction: Prediction) -> None:
        """Looks at one answer. Raises what the last picture that was written failed with."""
        self._last = frame
        if is_unsure(prediction, self._threshold):
            self._offer(UNSORTED)
        if self._error is not None:
            raise self._error.with_traceback(None)  # for every frame until one is kept: its traceback must not grow

    def event(self, event: Event) -> None:
        """A label that came: the frame it came with is kept under its name."""
        of_last = self._last is not None and self._last.index == event.index
        if event.kind in CAME and event.label is not None and of_last:
            self._offer(event.label.name)

    def close(self) -> None:
        """Waits up to CLOSE_S for what is queued; a disk that hangs is left behind."""
        self._queue.end()
        self._thread.join(CLOSE_S)
        self._queue.close()

    def _offer(self, label: str) -> None:
        """Gives the last frame away, unless there were enough of this label."""
        assert self._last is not None
        if self._paces[label].allows(time_of(self._last)):
            self._queue.put((label, self._last))
            self._last = None

    def _work(self) -> None:
        while (pair := self._queue.get()) is not None:
            try:
                self._keep(*pair)
            except Exception as error:
                self._error = error  # raised on the loop's thread by the next write

    def _keep(self, label: str, frame: Frame) -> None:
        if self._novelties[label].is_new(frame):
            self.store.add(label, encode_jpeg(frame, QUALITY), self._clock.wall())
            self._written += 1
            self._error = None
