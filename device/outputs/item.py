"""What an output receives: a frame, an event or the status of the run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from ..sinks.jsonl import error_record, event_record
from .shared_frame import QUALITY

if TYPE_CHECKING:
    from edgevision.types import Frame

    from ..stream.events import Event, Unreadable
    from ..telemetry.snapshot import Snapshot
    from .shared_frame import SharedFrame

ItemKind = Literal["frame", "event", "error", "status"]


@dataclass(slots=True, eq=False)
class Item:
    """One thing to deliver. The image may be removed while it waits, to save memory."""

    kind: ItemKind
    time: str
    """RFC 3339, UTC."""
    frame: SharedFrame | None = None
    """The frame of a result, or the one in which an event happened."""
    event: Event | None = None
    crop: Frame | None = None
    """Best image of the object that an event is about."""
    error: Unreadable | None = None
    status: Snapshot | None = None
    number: int = 0
    """Position in the order of delivery, counted by the output from 1."""

    @property
    def image_bytes(self) -> int:
        """Memory of the pixels."""
        crop = 0 if self.crop is None else int(self.crop.pixels.nbytes)
        return crop + (0 if self.frame is None else self.frame.pixel_bytes)

    def drop_images(self) -> None:
        """Free the pixels; what can be said in text remains."""
        self.frame = self.crop = None

    def crop_jpeg(self) -> bytes | None:
        """Return the image of the object as JPEG; None if there is none."""
        if self.crop is None:
            return None
        from edgevision.preprocessing.decode import encode_jpeg

        return encode_jpeg(self.crop, QUALITY)

    def record(self) -> dict[str, Any]:
        """Return the JSON object, as ``run --json --events`` prints it."""
        if self.event is not None:
            return event_record(self.event)
        if self.error is not None:
            return error_record(self.error, self.time)
        if self.status is not None:
            return {
                "type": "status",
                "schema": "edgevision.status/1",
                "time": self.time,
                **asdict(self.status),
            }
        assert self.frame is not None
        return self.frame.record()
