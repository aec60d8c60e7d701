"""What the parts of the loop must do for each other; plain classes satisfy these. Imported by type checkers alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from edgevision.data import Frame, Prediction

from .items import Event, Notice, Unreadable


class Source(Protocol):
    """What the loop reads from: a Camera of ``edgevision.protocols`` whose items may also be unreadable or notices.

    One that reopens what was lost also counts it in ``reconnects``.
    """

    spec: str
    live: bool

    @property
    def dropped(self) -> int: ...

    def __iter__(self) -> Iterator[Frame | Unreadable | Notice]: ...

    def close(self) -> None: ...


class Reader(Protocol):
    """One back end: reads item after item, on a thread that a camera class runs.

    One that can end its own read has ``interrupt()``, called from another thread; one that passes over broken frames counts
    them in ``damaged``.
    """

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


class Reporter(Protocol):
    """A sink that also wants to hear of unreadable pictures and of events; a sink may have either method, or none."""

    def error(self, error: Unreadable) -> None:
        """One picture that has no prediction."""

    def event(self, event: Event) -> None:
        """Something that happened to the loop."""
