"""Queue of one output: bounded in items and in memory, in order, with every loss counted."""

from __future__ import annotations

from collections import deque
from threading import Condition

from .item import Item

MAX_ITEMS = 1000
MAX_IMAGE_BYTES = 32_000_000
"""Memory of waiting pixels; beyond it, the oldest waiting events lose their image but not their text."""
MINOR = ("frame", "status")
"""Kinds of items that are dropped before others."""


class OutputQueue:
    """Items from the loop's thread to the thread of the output. When full, waiting frames are dropped before events."""

    def __init__(self, newest_frame: bool, max_items: int = MAX_ITEMS, max_image_bytes: int = MAX_IMAGE_BYTES) -> None:
        """``newest_frame``: a new frame replaces one that still waits, which counts as delivered, not as lost."""
        self._newest_frame = newest_frame
        self._max_items, self._max_image_bytes = max_items, max_image_bytes
        self._items: deque[Item] = deque()
        self._pictured: deque[Item] = deque()
        """The waiting events that have an image, in order."""
        self._minor = 0
        """Number of waiting items that are dropped before events."""
        self._image_bytes = 0
        self._changed = Condition()
        self._ended = False
        self.offered = 0
        """Number of items that were put."""
        self.replaced = 0
        """Number of waiting frames that a newer one replaced."""
        self.dropped = 0
        """Number of items lost for lack of space."""
        self.images_dropped = 0
        """Number of items delivered without their image, for lack of memory."""

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> None:
        """Add an item without waiting."""
        with self._changed:
            self.offered += 1
            if self._ended:
                self.dropped += 1
                return
            item.number = self.offered
            if self._newest_frame and item.kind == "frame":
                self._remove_waiting_frame()
            if len(self._items) >= self._max_items:
                self._drop_one()
            self._items.append(item)
            self._minor += item.kind in MINOR
            self._image_bytes += item.image_bytes
            if item.kind == "event" and item.frame is not None:
                self._pictured.append(item)
            if self._image_bytes > self._max_image_bytes:
                self._free_images()
            self._changed.notify()

    def take(self, timeout: float) -> Item | None:
        """Return the oldest item; None if there is none within ``timeout`` seconds."""
        with self._changed:
            if not self._items and not self._ended:
                self._changed.wait_for(lambda: self._items or self._ended, timeout)
            return self._remove(0) if self._items else None

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
            self._pictured.clear()
            self._image_bytes = self._minor = 0
            self._changed.notify_all()

    def _remove(self, place: int) -> Item:
        item = self._items[place]
        del self._items[place]
        self._minor -= item.kind in MINOR
        self._image_bytes -= item.image_bytes
        if self._pictured and self._pictured[0] is item:  # of events, only the oldest is ever removed
            self._pictured.popleft()
        return item

    def _remove_waiting_frame(self) -> None:
        place = self._oldest("frame")
        if place is not None:
            self._remove(place)
            self.replaced += 1

    def _drop_one(self) -> None:
        self._remove(self._oldest(*MINOR) or 0)
        self.dropped += 1

    def _oldest(self, *kinds: str) -> int | None:
        """Return the place of the oldest item of some kinds; without a search if only events wait."""
        if not self._minor:
            return None
        return next((place for place, waiting in enumerate(self._items) if waiting.kind in kinds), None)

    def _free_images(self) -> None:
        """Take images from waiting events, the oldest first, and then drop frames; the newest item stays as it is."""
        newest = self._items[-1]
        while self._image_bytes > self._max_image_bytes and self._pictured and self._pictured[0] is not newest:
            item = self._pictured.popleft()
            self._image_bytes -= item.image_bytes
            item.frame = None
            self.images_dropped += 1
        while self._image_bytes > self._max_image_bytes:
            place = self._oldest("frame")
            if place is None or self._items[place] is newest:
                return
            self._remove(place)
            self.dropped += 1
