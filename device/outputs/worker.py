"""Connects an output to the loop: filter, queue, a thread of its own, retries, and counts."""

from __future__ import annotations

from dataclasses import replace
from threading import Event as Flag
from threading import Thread
from typing import TYPE_CHECKING

from edgevision.errors import EdgeVisionError
from edgevision.log import Log

from ..stream.protocols import Sink
from ..system.clock import rfc3339
from .backoff import Backoff
from .delivery_filter import DeliveryFilter
from .item import Item
from .output_queue import OutputQueue
from .protocol import Rejected
from .registry import find

if TYPE_CHECKING:
    from edgevision.types import Frame, Prediction

    from ..stream.events import Event, Unreadable
    from .clip_list import ClipList
    from .config import OutputConfig
    from .protocol import Context, Output
    from .shared_frame import FrameCache, SharedFrame

log = Log("edgevision.outputs")
EXPECTED = (EdgeVisionError, OSError)
"""What an output raises while something outside is down. Anything else is an error in the output, or in the item."""
WAITING = 4
"""Items that wait for an output that gets every frame; then the loop does."""
WAIT_S = 30.0
"""Longest time that the loop waits for such an output to take an item."""
MAX_ATTEMPTS = 3
"""Attempts for an item that causes errors of another kind; then it is dropped, so that it does not block the next ones."""


class OutputWorker(Sink):
    """One output of the loop. Nothing that happens to it can stop the loop, nor slow it, unless it is to get every frame."""

    def __init__(
        self,
        output: Output,
        config: OutputConfig,
        context: Context,
        frames: FrameCache,
        backoff: Backoff | None = None,
        close_s: float | None = None,
    ) -> None:
        """``close_s``: seconds that ``close`` waits for what is queued; None: what the output asks for."""
        self.spec = find(config.kind).shown(config)
        self._output, self._context, self._frames = output, context, frames
        self._filter = DeliveryFilter(config.delivery, output.takes)
        self._heartbeat_s = config.delivery.heartbeat_s
        self._queue = OutputQueue(output.newest_frame)
        self._backoff = backoff or Backoff()
        self._close_s = output.close_s if close_s is None else close_s
        self._sampled: float | None = None
        self._stopping = Flag()
        self._last: SharedFrame | None = None
        self._beaten = context.clock.monotonic()
        self._written = self._failures = self._rejected = 0
        self._problem: str | None = None
        self._last_problem: str | None = None
        self._thread = Thread(target=self._work, name=f"output {config.kind}", daemon=True)
        self._thread.start()

    @property
    def written(self) -> int:
        """Number of items delivered, or of what the output made of them."""
        return self._written if self._output.written is None else self._output.written

    @property
    def dropped(self) -> int:
        """Number of items lost: for lack of space, refused by the other side, or undelivered at the end."""
        return self.refused + self._output.lost

    @property
    def refused(self) -> int:
        """Number of items lost before the output accepted them."""
        return self._queue.dropped + self._rejected

    @property
    def failures(self) -> int:
        """Number of attempts that failed."""
        return self._failures + self._output.failures

    @property
    def offered(self) -> int:
        """Number of items that passed the filter: each is delivered, refused, replaced by a newer frame, or waits."""
        return self._queue.offered

    @property
    def delivered(self) -> int:
        """Number of items delivered."""
        return self._written

    @property
    def replaced(self) -> int:
        """Number of waiting frames that a newer one replaced, in outputs that need only the newest."""
        return self._queue.replaced

    @property
    def waiting(self) -> int:
        """Number of items that wait."""
        return len(self._queue)

    @property
    def problem(self) -> str | None:
        """What keeps the output from working now; None if it works."""
        return self._problem or self._output.problem

    @property
    def last_problem(self) -> str | None:
        """The last problem, also after it was solved."""
        return self._output.last_problem or self._last_problem

    @property
    def clips(self) -> ClipList | None:
        """Clips that the output wrote; None if it writes none."""
        return self._output.clips

    @property
    def memory_bytes(self) -> int | None:
        """Memory that the output reports for what it holds."""
        return self._output.memory_bytes

    def write(self, frame: Frame, prediction: Prediction) -> None:
        """Queue a result if the output takes it."""
        self._last = None
        now = self._context.clock.monotonic()
        taken = self._takes_frame(frame, prediction, now)
        if taken or (self._filter.events and self._output.images):
            self._last = self._frames.of(frame, prediction)
        if taken:
            assert self._last is not None
            shared = self._last if self._output.images else self._last.without_pixels()
            if self._output.waits and self.problem is None:
                self._queue.wait_for_space(WAITING, WAIT_S)
            self._queue.put(Item("frame", shared.time, shared))
        self._beat(now)

    def error(self, error: Unreadable) -> None:
        """Queue the report of an unreadable image, in place of its frame."""
        if self._filter.frames:
            self._queue.put(Item("error", rfc3339(self._context.clock.wall()), error=error))

    def event(self, event: Event) -> None:
        """Queue an event if the output takes it, with the image it happened in."""
        if self._filter.takes_event(event, self._context.clock.monotonic()):
            with_image = self._output.images and self._last is not None and self._last.frame.index == event.index
            frame, crop = self._last if with_image else None, event.crop if self._output.images else None
            if event.crop is not None:
                event = replace(event, crop=None)  # the item holds it, as long as there is memory for it
            self._queue.put(Item("event", event.time, frame, event=event, crop=crop))

    def close(self) -> None:
        """Deliver what waits for up to ``close_s`` seconds; what is left then counts as dropped."""
        self._queue.end()
        self._thread.join(self._close_s)
        self._stopping.set()
        if self._thread.is_alive():
            self._output.interrupt()
            self._thread.join(0.5)
        self._queue.abandon()

    def _takes_frame(self, frame: Frame, prediction: Prediction, now: float) -> bool:
        every_s = self._output.every_s
        if every_s is None:
            return self._filter.takes_frame(prediction, now)
        times = (frame.captured_at, frame.position_s, now)
        at_s = next(time for time in times if time is not None)
        if self._sampled is not None and 0 <= at_s - self._sampled < every_s:
            return False
        self._sampled = at_s
        return True

    def _beat(self, now: float) -> None:
        if self._heartbeat_s is not None and now - self._beaten >= self._heartbeat_s:
            self._beaten = now
            self._queue.put(Item("status", rfc3339(self._context.clock.wall()), status=self._context.snapshot()))

    def _work(self) -> None:
        """Deliver items until the end, on a thread of its own."""
        started = False
        item: Item | None = None
        attempts = 0
        while not self._stopping.is_set() and not (self._queue.ended and item is None):
            try:
                if not started:
                    self._output.start()
                    started = True
                item = item or self._queue.take(self._output.idle_s)
                self._output.idle() if item is None else self._output.deliver(item)
            except Rejected as error:
                self._rejected += 1
                self._note_failure(error)
                item, attempts = None, 0
            except Exception as error:  # a failure of any kind must not end the thread
                started = False
                self._note_failure(error)
                attempts += item is not None and not isinstance(error, EXPECTED)
                if attempts >= MAX_ATTEMPTS:
                    self._rejected += 1
                    item, attempts = None, 0
                self._wait(self._backoff.failed())
            else:
                self._written += item is not None
                item, attempts = None, 0
                self._works()
        if item is not None:
            self._rejected += 1
        try:
            self._output.close()
        except Exception as error:
            self._note_failure(error)

    def _works(self) -> None:
        if self._problem is not None:
            log.info("%s works again", self.spec)
        self._problem = None
        self._backoff.succeeded()

    def _note_failure(self, error: Exception) -> None:
        self._failures += 1
        known = isinstance(error, (*EXPECTED, Rejected))
        text = str(error) or type(error).__name__
        self._problem = text if known else f"{type(error).__name__}: {text}"
        self._last_problem = self._problem
        log.debug("%s: %s", self.spec, self._problem)

    def _wait(self, seconds: float) -> None:
        """Wait before the next attempt; no longer than until the end."""
        deadline = self._context.clock.monotonic() + seconds
        while not self._stopping.is_set() and (left := deadline - self._context.clock.monotonic()) > 0:
            self._context.clock.wait(self._stopping, min(left, 0.2 if not self._queue.ended else left))
