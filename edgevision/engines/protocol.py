"""Protocols of a camera, an engine and a sink; a class needs no base class to satisfy them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ..errors import EngineError

if TYPE_CHECKING:
    from ..types import Frame, Tensor, TensorSpec


@runtime_checkable
class Camera(Protocol):
    """A source of frames."""

    spec: str
    """The source, as a user types it."""
    live: bool
    """True: only the newest frame counts and older ones are dropped. False: every frame is delivered."""

    @property
    def dropped(self) -> int:
        """Number of frames captured but not delivered so far."""

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames, blocking for each; stop at the end of a file; raise CameraLost if a live source is gone."""

    def close(self) -> None:
        """Free the device. Safe to call twice, and from another thread to end the iteration."""


@runtime_checkable
class Engine(Protocol):
    """A back end that runs a model."""

    @property
    def inputs(self) -> Sequence[TensorSpec]:
        """The model's inputs."""

    @property
    def outputs(self) -> Sequence[TensorSpec]:
        """The model's outputs."""

    def infer(self, tensor: Tensor) -> list[Tensor]:
        """Run the model once and return copies of its outputs, in the order of ``outputs``."""

    def close(self) -> None:
        """Free the runtime. Calling it twice is safe."""


@runtime_checkable
class WritableEngine(Engine, Protocol):
    """An engine whose input memory can be written directly, which saves a copy."""

    def input_memory(self) -> Tensor:
        """Return a view of the input tensor. Drop it after writing, before the model runs."""

    def infer_written(self) -> list[Tensor]:
        """Run the model on what ``input_memory`` holds; otherwise like ``infer``."""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """The engine that runs a model, and why it was chosen."""

    requested: str = "cpu"
    """The engine as the user typed it."""
    used: str = "cpu"
    """Name of the engine in use, with the device if one was named."""
    fallback_reason: str | None = None
    """Why ``auto`` did not use a faster engine, if the user should know."""


class EngineUnavailable(EngineError):
    """The engine has nothing to run in this file; with ``auto``, this is not an error."""

    def __init__(self, message: str, notable: bool) -> None:
        super().__init__(message)
        self.notable = notable
        """Whether ``auto`` should tell the user that it used another engine."""
