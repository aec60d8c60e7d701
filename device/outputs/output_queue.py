"""Queue of one output: bounded in items and in memory, in order, with every loss counted."""

from __future__ import annotations

from collections import deque
from threading import Condition

from .item import Item

MAX_ITEMS = 1000
MAX_IMAGE_BYTES = 32_000_000
"""Memory of waiting pixels; beyond it, the oldest waiting items lose their image but not their text."""


class OutputQueue:
    """Items from the loop's thread to the thread of the output. When full, waiting frames are dropped before events."""

    def __init__(self, newest_frame: bool, max_items: int = MAX_ITEMS, max_image_bytes: int = MAX_IMAGE_BYTES) -> None:
        """``newest_frame``: a new frame replaces one that still waits, which counts as delivered, not as lost."""
        self._newest_frame = newest_frame
        self._max_items, self._max_image_bytes = max_items, max_image_bytes
        self._items: deque[Item] = deque()
        self._image_bytes = 0
        self._changed = Condition()
        self._ended = False
        self._count = 0
        self.dropped = 0
        """Number of items lost for lack of space."""
        self.images_dropped = 0
        """Number of items delivered without their image, for lack of memory."""

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> None:
        """Add an item without waiting."""
        with self._changed:
            if self._ended:
                self.dropped += 1
                return
            self._count += 1
            item.number = self._count
            if self._newest_frame and item.kind == "frame":
                self._remove_waiting_frame()
            if len(self._items) >= self._max_items:
                self._drop_one()
            self._items.append(item)
            self._image_bytes += item.image_bytes
            self._strip_images()
            self._changed.notify_all()

    def take(self, timeout: float) -> Item | None:
        """Return the oldest item; None if there is none within ``timeout`` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._items or self._ended, timeout) or not self._items:
                return None
            item = self._items.popleft()
            self._image_bytes -= item.image_bytes
            return item

    def end(self) -> None:
        """Accept no more items; waiting ones can still be taken."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def ended(self) -> bool:
        """Whether ``end`` was called and nothing waits."""
        return self._ended and not self._items

    def abandon(self) -> None:
        """Count everything that still waits as lost."""
        with self._changed:
            self._ended = True
            self.dropped += len(self._items)
            self._items.clear()
            self._image_bytes = 0
            self._changed.notify_all()

    def _remove_waiting_frame(self) -> None:
        for place, waiting in enumerate(self._items):
            if waiting.kind == "frame":
                self._image_bytes -= waiting.image_bytes
                del self._items[place]
                return

    def _drop_one(self) -> None:
        place = next((n for n, waiting in enumerate(self._items) if waiting.kind in ("frame", "status")), 0)
        self._image_bytes -= self._items[place].image_bytes
        del self._items[place]
        self.dropped += 1

    def _strip_images(self) -> None:
        if self._image_bytes <= self._max_image_bytes:
            return
        for waiting in list(self._items)[:-1]:
            if waiting.kind == "event" and waiting.frame is not None:
                self._image_bytes -= waiting.image_bytes
                waiting.frame = None
                self.images_dropped += 1
            if self._image_bytes <= self._max_image_bytes:
                return
        while self._image_bytes > self._max_image_bytes and len(self._items) > 1:
            self._drop_one()
