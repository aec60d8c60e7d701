"""Live sources that recover: a lost or frozen camera is reported and opened again until the loop ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Event, Lock
from typing import TYPE_CHECKING

from edgevision.errors import CameraGone, CameraLost, EdgeVisionError
from edgevision.log import Log
from edgevision.types import Frame

from ...stream.events import SourceEvent, Unreadable
from ...system.clock import SYSTEM, Clock
from .cancellable_open import Opening
from .freeze_detector import FrameChange, Stillness

if TYPE_CHECKING:
    from ...stream.protocols import LiveSource, Source

log = Log("edgevision.cameras")
DELAYS_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Delays in seconds before successive attempts to reopen; the last one repeats."""
STEADY_S = 60.0
"""Seconds of working after which the delays start over; a camera that comes and goes keeps its longer delays."""


class Reopening:
    """A live source and a way to open it again. Frame numbers continue across reconnects."""

    live = True

    def __init__(self, first: LiveSource, again: Callable[[], Source], clock: Clock = SYSTEM) -> None:
        """``again``: opens the same camera even if it is plugged in elsewhere; may raise CameraError."""
        self.spec = first.spec
        self.description = first.description
        self._source: Source = first
        self._again = again
        self._clock = clock
        self._stillness = Stillness(first.freeze_timeout_s, first.may_repeat)
        self._ended = Event()
        self._lock = Lock()
        self._opening: Opening[Source] | None = None
        self._offset = self._next_index = self._dropped = 0
        self._failures = 0
        self._steady_from: float | None = None

    @property
    def dropped(self) -> int:
        """Number of frames captured but never delivered, repeated ones included."""
        return self._dropped + self._source.dropped

    def __iter__(self) -> Iterator[Frame | Unreadable | SourceEvent]:
        """Yield frames and events until ``close`` or the source's own end. Raises CameraGone."""
        loss: SourceEvent | None = None
        while not self._ended.is_set():
            try:
                for item in self._source:
                    if loss is not None:
                        yield self._found_again(loss)
                        loss = None
                    yield from self._new(item)
                return
            except CameraGone:
                raise
            except CameraLost as error:
                if self._ended.is_set():
                    return
                if loss is None:
                    loss = SourceEvent("camera_frozen" if isinstance(error, Frozen) else "camera_lost", str(error))
                    log.info("%s: %s", loss.kind, loss.detail)
                    yield loss
            self._retire()
            if not self._reopen():
                return

    def close(self) -> None:
        """End the iteration at once, whatever it waits for; callable from any thread."""
        self._ended.set()
        with self._lock:
            source, opening = self._source, self._opening
        if opening is not None:
            opening.abandon()
        source.close()

    def _new(self, item: Frame | Unreadable | SourceEvent) -> Iterator[Frame | Unreadable | SourceEvent]:
        """Yield the item unless it repeats the previous frame. Raises Frozen."""
        if isinstance(item, Frame):
            verdict = self._stillness.look(item, self._clock.monotonic())
            if verdict is FrameChange.FROZEN:
                raise Frozen(f"{self.spec} keeps sending the same image")
            if verdict is FrameChange.REPEATED:
                self._dropped += 1
                return
        if not isinstance(item, SourceEvent):
            item = replace(item, index=self._offset + item.index, source=self.spec)  # one camera, however it was opened
            self._next_index = item.index + 1
        yield item

    def _found_again(self, loss: SourceEvent) -> SourceEvent:
        self._steady_from = self._clock.monotonic()
        log.info("%s: sending frames again after attempt %d", self.spec, self._failures)
        return SourceEvent("camera_back", f"{self.spec} is sending frames again after: {loss.detail}")

    def _retire(self) -> None:
        self._dropped += self._source.dropped
        self._offset = self._next_index
        self._source.close()

    def _reopen(self) -> bool:
        """Try until it opens; return False if ``close`` came first."""
        now = self._clock.monotonic()
        if self._steady_from is not None and now - self._steady_from >= STEADY_S:
            self._failures = 0
        self._steady_from = None
        while True:
            delay = DELAYS_S[min(self._failures, len(DELAYS_S) - 1)]
            self._failures += 1
            log.info("%s: attempt %d to open it again in %g s", self.spec, self._failures, delay)
            if self._clock.wait(self._ended, delay):
                return False
            try:
                return self._attempt()
            except CameraGone:
                raise
            except EdgeVisionError as error:  # reported once, when it was lost
                log.info("%s: attempt %d failed: %s", self.spec, self._failures, error)

    def _attempt(self) -> bool:
        with self._lock:
            if self._ended.is_set():
                return False
            opening = Opening(self._again, self.spec)
            self._opening = opening
        source = opening.wait()
        with self._lock:
            self._opening = None
            if source is None:
                return False
            self._source = source
        if self._ended.is_set():
            source.close()
            return False
        return True


class Frozen(CameraLost):
    """The camera keeps delivering the same image."""


def open_steadily(attempt: Callable[[], LiveSource]) -> LiveSource:
    """Open a source that may hang, so that Ctrl-C ends the wait at once. Raises what the attempt raises."""
    source = Opening(attempt, "camera").wait()
    assert source is not None  # only ``abandon`` returns None
    return source
