"""Protocols between the parts of the loop; plain classes satisfy them. Imported only by type checkers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from edgevision.types import Frame, Prediction

from .events import Event, SourceEvent, Unreadable

if TYPE_CHECKING:
    from edgevision.types import Frame, Prediction


class Source(Protocol):
    """What the loop reads from: a Camera of ``edgevision.engines.protocol`` whose items may also be unreadable, or events.

    A source that reopens a lost camera counts this in ``reconnects``.
    """

    spec: str
    live: bool

    @property
    def dropped(self) -> int: ...

    def __iter__(self) -> Iterator[Frame | Unreadable | SourceEvent]: ...

    def close(self) -> None: ...


class Reader(Protocol):
    """A back end: reads item after item on a thread run by a camera class.

    Optional: ``interrupt()`` ends a read from another thread; ``damaged`` counts broken frames that were skipped.
    """

    spec: str
    """Spec as typed by a user, without secrets."""
    description: str
    """Description for display: name, size, rate."""

    def read(self) -> Frame | Unreadable | None:
        """Block until the next item; None at the end. Raises CameraLost if the device is gone."""

    def close(self) -> None:
        """Free the device or file; called on the reading thread, possibly twice."""


class Predictor(Protocol):
    """What the loop needs of an open model."""

    def predict(self, picture: Frame, top: int = 5, threshold: float | None = None) -> Prediction:
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
