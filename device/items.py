"""What flows through the loop beside frames: pictures that cannot be read, events, and the shape of a source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from edgevision.data import Frame, Prediction


@dataclass(frozen=True, slots=True)
class Unreadable:
    """In the place of a frame that could not be read or recognised, so that every picture gets its line."""

    index: int
    """Counts with the frames."""
    source: str
    message: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the loop rather than in a picture."""

    kind: str
    """camera_lost, sink_down, sink_up ..."""
    time: str
    """RFC 3339, UTC."""
    index: int | None
    """Of the last frame before it; None: there was none yet."""
    detail: str


class Source(Protocol):
    """What the loop reads from: a Camera of ``edgevision.protocols`` whose items may also be unreadable ones."""

    spec: str
    live: bool

    @property
    def dropped(self) -> int: ...

    def __iter__(self) -> Iterator[Frame | Unreadable]: ...

    def close(self) -> None: ...


class Reader(Protocol):
    """One back end: reads item after item, on a thread that a camera class runs."""

    spec: str
    """As a user would type it; secrets left out."""
    description: str
    """What was found there, for people: name, size, rate."""

    def read(self) -> Frame | Unreadable | None:
        """Blocks for the next item; None at the end. Raises CameraLost when it is gone for good."""

    def close(self) -> None:
        """Frees the device or file; called on the thread that reads, and may be called twice."""


class Predictor(Protocol):
    """What the loop asks about a frame: an open model."""

    def predict(self, picture: Frame, top: int = 5, threshold: float | None = None) -> Prediction:
        """At most ``top`` labels of at least ``threshold``. Raises EngineError, BadInput."""
