"""The page as a sink of the loop: keeps the newest frame and the last events, at no cost for the loop."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from threading import Condition, Lock, Thread
from typing import TYPE_CHECKING, Any, NamedTuple

from edgevision.log import Log
from edgevision.preprocessing.decode import encode_jpeg

from ..outputs.shared_frame import QUALITY
from ..sinks.jsonl import error_record, event_record
from ..stream.bounded_queue import BoundedQueue
from ..stream.protocols import Sink
from ..system.clock import SYSTEM, Clock, rfc3339

if TYPE_CHECKING:
    from edgevision.types import Frame, Prediction

    from ..outputs.shared_frame import FrameCache, SharedFrame
    from ..stream.events import Event, Unreadable

log = Log("edgevision.page")
KEPT_EVENTS = 200
KEPT_IMAGE_BYTES = 16_000_000
"""Memory of the images of events."""
IMAGE_S = 5.0
"""Longest wait for the image of an event, which is listed before its image is made (seconds)."""


class Shot(NamedTuple):
    """A frame with its number on the page."""

    number: int
    """Counts from 1."""
    shared: SharedFrame


class PageEvent(NamedTuple):
    """An event with its number on the page."""

    id: int
    """Counts from 1."""
    record: dict[str, Any]


class Live(Sink):
    """Written by the loop; read by the threads of the server."""

    spec = "page"

    def __init__(self, frames: FrameCache, clock: Clock = SYSTEM) -> None:
        self.newest: Shot | None = None
        self.seen_at: float | None = None
        """Time of the newest frame (monotonic seconds)."""
        self.ended = False
        self.wake: Callable[[], None] = lambda: None
        """Called for every frame and event; set by the server while somebody watches."""
        self.on_event: Callable[[Event], None] = lambda event: None
        """Also called for every event of the loop."""
        self.camera_connected = True
        """Whether the camera works, as far as its events say."""
        self._frames, self._clock = frames, clock
        self._lock = Lock()
        self._events: deque[PageEvent] = deque(maxlen=KEPT_EVENTS)
        self._last_id = self._written = 0
        self._images: dict[int, bytes] = {}
        self._waiting: BoundedQueue[tuple[int, Callable[[], bytes]]] = BoundedQueue(4, newest_wins=True)
        """Number of an event, and what returns its JPEG."""
        self._encoded = Condition()
        self._last_asked = self._last_encoded = 0
        """Numbers of the newest events whose image was asked for, and whose image was made or given up; they come in order."""
        self._thread: Thread | None = None

    @property
    def written(self) -> int:
        """Number of frames seen."""
        return self._written

    @property
    def last_event(self) -> int:
        """Number of the newest event; 0: none."""
        return self._last_id

    def write(self, frame: Frame, prediction: Prediction) -> None:
        """Keep the newest result."""
        self._written += 1
        self.newest = Shot(self._written, self._frames.of(frame, prediction))
        self.seen_at = self._clock.monotonic()
        self.wake()

    def error(self, error: Unreadable) -> None:
        """Keep the report of an unreadable image as an event."""
        self._add(error_record(error, rfc3339(self._clock.wall())), None)

    def event(self, event: Event) -> None:
        """Keep an event with its image: of a track the best one of its object, else the frame."""
        self.on_event(event)
        if event.kind in ("camera_lost", "camera_back"):
            self.camera_connected = event.kind == "camera_back"
        shot = self.newest
        of_newest = shot is not None and shot.shared.frame.index == event.index
        image = shot.shared.jpeg if shot is not None and of_newest else None
        if event.crop is not None:
            image = partial(encode_jpeg, event.crop, QUALITY)
        self._add(event_record(event), image)

    def events_after(self, last: int) -> list[PageEvent]:
        """Return the kept events with a higher number."""
        with self._lock:
            return [one for one in self._events if one.id > last]

    def image_of(self, event: int) -> bytes | None:
        """Return the JPEG of an event, after a wait if it is still being made; None if there is none, or none any more."""
        with self._encoded:
            self._encoded.wait_for(lambda: self.ended or not self._last_encoded < event <= self._last_asked, IMAGE_S)
        return self._images.get(event)

    def close(self) -> None:
        """End what waits for frames."""
        self.ended = True
        self._waiting.close()
        with self._encoded:
            self._encoded.notify_all()
        self.wake()

    def _add(self, record: dict[str, Any], image: Callable[[], bytes] | None) -> None:
        with self._lock:
            self._last_id += 1
            record["id"] = self._last_id
            record["snapshot"] = None if image is None else f"/api/events/{self._last_id}.jpg"
            self._last_asked = self._last_asked if image is None else self._last_id
            self._events.append(PageEvent(self._last_id, record))
        if image is not None:
            self._start()
            self._waiting.put((self._last_id, image))
        self.wake()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._encode, name="page events", daemon=True)
            self._thread.start()

    def _encode(self) -> None:
        """Encode the images of events, on a thread of its own."""
        while (item := self._waiting.get()) is not None:
            try:
                self._images[item[0]] = item[1]()
            except Exception as error:
                log.debug("event %d: no image: %s", item[0], error)
            with self._encoded:
                self._last_encoded = item[0]  # those before it that have no image were dropped
                self._encoded.notify_all()
            while sum(map(len, self._images.values())) > KEPT_IMAGE_BYTES:
                self._images.pop(next(iter(self._images)))
