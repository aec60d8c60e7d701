"""What a camera, an engine and a sink must do; plain classes satisfy these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from .data import Frame, Prediction, Tensor
    from .tensors import TensorSpec


@runtime_checkable
class Camera(Protocol):
    """A source of frames."""

    spec: str
    """What was opened, as a user would type it."""
    live: bool
    """True: the newest frame wins and others are dropped. False: every frame is delivered."""

    @property
    def dropped(self) -> int:
        """Frames that were captured and never delivered, so far."""

    def __iter__(self) -> Iterator[Frame]:
        """Blocks for each frame; ends at the end of a file; raises CameraLost when a live source is gone for good."""

    def close(self) -> None:
        """Frees the device; may be called twice, and from another thread to end the iteration."""


@runtime_checkable
class Engine(Protocol):
    """Something that runs a model."""

    @property
    def inputs(self) -> Sequence[TensorSpec]:
        """What goes in."""

    @property
    def outputs(self) -> Sequence[TensorSpec]:
        """What comes out."""

    def infer(self, tensor: Tensor) -> list[Tensor]:
        """Runs the model once; returns copies that the caller owns, in the order of ``outputs``."""

    def close(self) -> None:
        """Frees the runtime; may be called twice."""


@runtime_checkable
class WritableEngine(Engine, Protocol):
    """An engine whose input can be written where it is read, which spares a copy."""

    def input_memory(self) -> Tensor:
        """The input tensor, to be written and let go of before the model runs."""

    def infer_written(self) -> list[Tensor]:
        """As ``infer``, on what ``input_memory`` holds."""


@runtime_checkable
class Sink(Protocol):
    """Somewhere predictions go."""

    def write(self, frame: Frame, prediction: Prediction) -> None:
        """Writes one result at once; must not block the loop."""

    def close(self) -> None:
        """Flushes and frees; may be called twice."""
