"""Live sources that come back: what is lost or frozen is said, waited for and opened again, until the loop ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Event, Lock
from typing import TYPE_CHECKING

from edgevision.data import Frame
from edgevision.errors import CameraGone, CameraLost, EdgeVisionError

from ..clock import SYSTEM, Clock
from ..items import Notice, Unreadable
from .opening import Opening
from .stillness import Stillness, Verdict

if TYPE_CHECKING:
    from ..protocols import Source

DELAYS_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Waited before each attempt to open it again; the last one goes on for ever."""
STEADY_S = 60.0
"""A camera that worked for so long starts with the shortest wait again; one that comes and goes does not."""


class Reopening:
    """A live source and the way to open it again. Frames go on counting where they stopped."""

    live = True

    def __init__(self, first: Source, again: Callable[[], Source], clock: Clock = SYSTEM) -> None:
        """``again``: opens the same camera, by a name that outlives its being plugged in elsewhere; may raise CameraError."""
        self.spec = first.spec
        self.reconnects = 0
        """How often it came back."""
        self._source = first
        self._again = again
        self._clock = clock
        self._stillness = Stillness(getattr(first, "frozen_s", 0.0), getattr(first, "may_repeat", True))
        self._ended = Event()
        self._lock = Lock()
        self._opening: Opening[Source] | None = None
        self._offset = self._next_index = self._dropped = 0
        self._failures = 0
        self._steady_from: float | None = None

    @property
    def description(self) -> str:
        """What was found there, for people."""
        return str(getattr(self._source, "description", ""))

    @property
    def dropped(self) -> int:
        """Frames that were captured and never delivered, so far; repeated ones too."""
        return self._dropped + self._source.dropped

    def __iter__(self) -> Iterator[Frame | Unreadable | Notice]:
        """Frames, with notices between them, until ``close`` or the source's own end. Raises CameraGone."""
        loss: Notice | None = None
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
                    loss = Notice("camera_frozen" if isinstance(error, Frozen) else "camera_lost", str(error))
                    yield loss
            self._retire()
            if not self._reopen():
                return

    def close(self) -> None:
        """Ends the iteration at once, whatever it waits for; from any thread."""
        self._ended.set()
        with self._lock:
            source, opening = self._source, self._opening
        if opening is not None:
            opening.abandon()
        source.close()

    def _new(self, item: Frame | Unreadable | Notice) -> Iterator[Frame | Unreadable | Notice]:
        """The item, unless it is an old frame in new clothes. Raises Frozen."""
        if isinstance(item, Frame):
            verdict = self._stillness.look(item, self._clock.monotonic())
            if verdict is Verdict.FROZEN:
                raise Frozen(f"{self.spec} gives the same picture again and again")
            if verdict is Verdict.REPEATED:
                self._dropped += 1
                return
        if not isinstance(item, Notice):
            item = replace(item, index=self._offset + item.index, source=self.spec)  # one camera, whatever opened it
            self._next_index = item.index + 1
        yield item

    def _found_again(self, loss: Notice) -> Notice:
        self.reconnects += 1
        self._steady_from = self._clock.monotonic()
        return Notice("camera_back", f"{self.spec} delivers frames again; it was lost: {loss.detail}")

    def _retire(self) -> None:
        self._dropped += self._source.dropped
        self._offset = self._next_index
        self._source.close()

    def _reopen(self) -> bool:
        """Tries until it opens; False: ``close`` came first."""
        now = self._clock.monotonic()
        if self._steady_from is not None and now - self._steady_from >= STEADY_S:
            self._failures = 0
        self._steady_from = None
        while True:
            delay = DELAYS_S[min(self._failures, len(DELAYS_S) - 1)]
            self._failures += 1
            if self._clock.wait(self._ended, delay):
                return False
            try:
                return self._attempt()
            except CameraGone:
                raise
            except EdgeVisionError:
                continue  # was said once, when it was lost

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
    """The camera delivers, but always the same."""


def open_steadily(attempt: Callable[[], Source]) -> Source:
    """Opens what may hang, so that Ctrl-C ends the wait at once. Raises what the attempt raises."""
    source = Opening(attempt, "camera").wait()
    assert source is not None  # only ``abandon`` gives None
    return source
