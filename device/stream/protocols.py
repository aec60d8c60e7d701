"""Protocols between the parts of the loop. A class that subclasses one inherits the defaults of its optional members."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from edgevision.types import Frame, Prediction

from .events import Event, SourceEvent, Unreadable

if TYPE_CHECKING:
    from edgevision.types import Frame, Prediction


class Source(Protocol):
    """What the loop reads from."""

    spec: str
    """Spec as typed by a user, without secrets."""
    live: bool
    """True: only the newest frame counts and older ones are dropped. False: every frame is delivered."""
    description: str = ""
    """Description for display: name, size, rate."""

    @property
    def dropped(self) -> int:
        """Number of frames captured but not delivered so far."""
        return 0

    def __iter__(self) -> Iterator[Frame | Unreadable | SourceEvent]:
        """Yield items, blocking for each; stop at the end of a file; raise CameraLost if a live source is gone."""
        ...

    def close(self) -> None:
        """Free the device. Safe to call twice, and from another thread to end the iteration."""
        return  # without it, type checkers take the method for abstract


class LiveSource(Source, Protocol):
    """A live source that can be opened again after it was lost."""

    identity: str
    """Spec that opens this camera again wherever it is plugged in."""
    freeze_timeout_s: float = 0.0
    """Seconds without change after which the image counts as frozen; 0 disables the check."""
    may_repeat: bool = True
    """Whether equal frames can be distinct captures, as in a compressed stream."""


class Reader(Protocol):
    """A back end: reads item after item on a thread run by a camera class."""

    spec: str
    """Spec as typed by a user, without secrets."""
    description: str = ""
    """Description for display: name, size, rate."""
    damaged: int = 0
    """Number of broken frames that were skipped."""

    def read(self) -> Frame | Unreadable | None:
        """Block until the next item; None at the end. Raises CameraLost if the device is gone."""

    def interrupt(self) -> None:
        """End a waiting read from another thread, if the device allows it."""
        return  # without it, type checkers take the method for abstract

    def close(self) -> None:
        """Free the device or file; called on the reading thread, possibly twice."""


class Predictor(Protocol):
    """What the loop needs of an open model."""

    def predict(self, image: Frame, top: int = 5, threshold: float | None = None) -> Prediction:
        """Return at most ``top`` labels with scores of at least ``threshold``. Raises EngineError, BadInput."""


class Reporter(Protocol):
    """A sink that also receives unreadable images and events; both methods are optional."""

    def error(self, error: Unreadable) -> None:
        """Report an image without a prediction."""

    def event(self, event: Event) -> None:
        """Report an event of the loop."""


@runtime_checkable
class Sink(Protocol):
    """An output of the loop."""

    def write(self, frame: Frame, prediction: Prediction) -> None:
        """Write one result immediately, without blocking the loop."""

    def close(self) -> None:
        """Flush and free the output. Calling it twice is safe."""
