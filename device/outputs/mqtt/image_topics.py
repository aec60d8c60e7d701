"""The topics ``image`` and ``frame``: what the last event or a snapshot shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..item import Item
    from ..shared_frame import SharedFrame
    from .session import Session
    from .topics import Topics


class _Shown(NamedTuple):
    frame: SharedFrame | None
    """The frame of the event; None if it is not known any more."""
    item: Item | None
    """The event, if it has an image of its object; it may lose that while it waits."""


class ImageTopics:
    """Publishes the newest image only, and again if the broker did not acknowledge it.

    ``image`` is the object of an event of a track, else the frame with its labels; where objects are tracked, ``frame``
    has the frame in both cases.
    """

    def __init__(self, tracking: bool) -> None:
        """``tracking``: whether objects may be tracked, so that there is a topic ``frame``."""
        self.tracking = tracking
        self._due: _Shown | None = None
        """What the topics should show, if they do not yet."""
        self._unconfirmed: _Shown | None = None
        """What was published but not yet acknowledged."""

    @property
    def is_due(self) -> bool:
        """Whether there is something to publish."""
        return self._due is not None

    def event(self, item: Item) -> None:
        """Show an event, if it has an image."""
        crop = item if item.crop is not None else None
        if item.frame is not None or crop is not None:
            self._due = _Shown(item.frame, crop)

    def snapshot(self, frame: SharedFrame | None) -> None:
        """Show a frame that was asked for; None: there is none."""
        self._due = self._due if frame is None else _Shown(frame, None)

    def expire(self) -> None:
        """Publish again what the broker did not acknowledge, unless there is something newer."""
        self._due = self._due or self._unconfirmed

    def publish(self, session: Session, topics: Topics) -> None:
        """Publish what is due. Raises CannotWrite."""
        shown = self._due
        if shown is None:
            return
        crop = None if shown.item is None else shown.item.crop_jpeg()
        frame = None if shown.frame is None else shown.frame.annotated_jpeg()
        image = frame if crop is None else crop
        if image is not None:
            session.publish(topics.of("image"), image, retain=True)
        if self.tracking and frame is not None:
            session.publish(topics.of("frame"), frame, retain=True)
        self._unconfirmed, self._due = shown, None

    def confirm(self) -> None:
        """Note that the broker acknowledged everything."""
        self._unconfirmed = None
