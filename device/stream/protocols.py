"""Protocols between the parts of the loop. A class that subclasses one inherits the defaults of its optional members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edgevision.engines.protocol import Engine, EngineChoice
    from edgevision.model_file.card import ModelCard
    from edgevision.types import Frame, Prediction

    from .events import Event, SourceEvent, Unreadable


class Source(Protocol):
    """What the loop reads from: a camera, a video, images. Subclass it to inherit what is optional.

    A subclass needs ``spec``, ``live`` and ``__iter__``, and ``close`` if it holds a device.
    """

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
    """What the loop needs of an open model; ``edgevision.Model`` has it all, and a stand-in may lack all but ``predict``."""

    @property
    def path(self) -> Path | None:
        """The model file."""
        return None

    @property
    def sha256(self) -> str | None:
        """SHA-256 of the whole file."""
        return None

    @property
    def card(self) -> ModelCard | None:
        """The model card."""
        return None

    @property
    def engine(self) -> Engine | None:
        """The engine that runs the model."""
        return None

    @property
    def choice(self) -> EngineChoice | None:
        """The requested engine and the one in use."""
        return None

    def predict(self, image: Frame, top: int = 5, threshold: float | None = None) -> Prediction:
        """Return at most ``top`` labels with scores of at least ``threshold``. Raises EngineError, BadInput."""


class Sink(Protocol):
    """An output of the loop. Subclass it to inherit what is optional; only ``write`` is needed.

    An exception in a sink is counted, reported to all sinks as the event ``output_down``, and never stops the loop.
    """

    spec: str = ""
    """Name for display, without secrets; empty: the name of the class."""

    @property
    def written(self) -> int | None:
        """Number of results written, if the sink counts them itself; None: every call of ``write`` that succeeded."""
        return None

    @property
    def dropped(self) -> int:
        """Number of results that the sink accepted but never wrote."""
        return 0

    @property
    def failures(self) -> int:
        """Number of failures that the sink counts itself, besides exceptions."""
        return 0

    @property
    def waiting(self) -> int:
        """Number of results that wait for a sink that works on a thread of its own."""
        return 0

    @property
    def problem(self) -> str | None:
        """What keeps a sink that works on a thread of its own from working now; None: nothing."""
        return None

    @property
    def last_problem(self) -> str | None:
        """The last such problem, also after it was solved."""
        return None

    @property
    def memory_bytes(self) -> int | None:
        """Memory in use for what the sink holds, such as recorded frames; None: not worth mentioning."""
        return None

    def write(self, frame: Frame, prediction: Prediction) -> None:
        """Write one result immediately, without blocking the loop."""

    def error(self, error: Unreadable) -> None:
        """Report an image without a prediction."""
        return  # without it, type checkers take the method for abstract

    def event(self, event: Event) -> None:
        """Report an event of the loop."""
        return  # without it, type checkers take the method for abstract

    def close(self) -> None:
        """Flush and free the output. Calling it twice is safe."""
        return  # without it, type checkers take the method for abstract
