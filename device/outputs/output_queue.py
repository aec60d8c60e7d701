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
        self._major: deque[Item] = deque()
        self._minor: deque[Item] = deque()
        """Frames and statuses, which are dropped first. Each of the two is in order, and so is what is taken."""
        self._pictured: deque[Item] = deque()
        """The waiting events that have an image."""
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
        return len(self._major) + len(self._minor)

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
            if len(self) >= self._max_items:
                self._remove(self._minor or self._major)
                self.dropped += 1
            (self._minor if item.kind in MINOR else self._major).append(item)
            self._image_bytes += item.image_bytes
            if item.kind == "event" and item.image_bytes:
                self._pictured.append(item)
            if self._image_bytes > self._max_image_bytes:
                self._free_images(item)
            self._changed.notify_all()

    def take(self, timeout: float) -> Item | None:
        """Return the oldest item; None if there is none within ``timeout`` seconds."""
        with self._changed:
            if not len(self) and not self._ended:
                self._changed.wait_for(lambda: len(self) or self._ended, timeout)
            if not self._major or not self._minor:
                return self._remove(self._major or self._minor) if len(self) else None
            return self._remove(min(self._major, self._minor, key=lambda items: items[0].number))

    def wait_for_space(self, items: int, timeout: float) -> None:
        """Wait until fewer than this number of items wait, for up to ``timeout`` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or len(self) < items, timeout)

    def end(self) -> None:
        """Accept no more items; waiting ones can still be taken."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def ended(self) -> bool:
        """Whether ``end`` was called and nothing waits."""
        return self._ended and not len(self)

    def abandon(self) -> None:
        """Count everything that still waits as lost."""
        with self._changed:
            self._ended = True
            self.dropped += len(self)
            for items in (self._major, self._minor, self._pictured):
                items.clear()
            self._image_bytes = 0
            self._changed.notify_all()

    def _remove(self, items: deque[Item]) -> Item:
        """Remove and return the oldest of some items."""
        item = items.popleft()
        self._changed.notify_all()
        self._image_bytes -= item.image_bytes
        if self._pictured and self._pictured[0] is item:
            self._pictured.popleft()
        return item

    def _remove_waiting_frame(self) -> None:
        for place, waiting in enumerate(self._minor):
            if waiting.kind == "frame":
                self._image_bytes -= waiting.image_bytes
                del self._minor[place]
                self.replaced += 1
                return

    def _free_images(self, newest: Item) -> None:
        """Take images from waiting events, the oldest first, and then drop frames; the newest item stays as it is."""
        while self._image_bytes > self._max_image_bytes and self._pictured and self._pictured[0] is not newest:
            item = self._pictured.popleft()
            self._image_bytes -= item.image_bytes
            item.drop_images()
            self.images_dropped += 1
        while self._image_bytes > self._max_image_bytes and self._minor and self._minor[0] is not newest:
            self._remove(self._minor)
            self.dropped += 1
