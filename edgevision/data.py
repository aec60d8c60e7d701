"""The records that flow through the loop: frames in, predictions out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]
    Tensor = npt.NDArray[np.generic]

Order = Literal["RGB", "BGR", "GRAY"]
Task = Literal["classification", "multilabel", "detection", "segmentation", "embedding"]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture on its way to the model."""

    pixels: Pixels
    """uint8, (height, width, 3), or (height, width) when ``order`` is GRAY."""
    order: Order = "RGB"
    """Order of the channels in memory."""
    index: int = 0
    """Counts from 0; a gap means that frames were dropped."""
    captured_at: float | None = None
    """Monotonic seconds at the sensor where the camera tells it; None for files."""
    source: str = ""
    """Where it came from: the camera's spec, or the path of the file."""
    position_s: float | None = None
    """Seconds from the start of a video; None elsewhere."""
    reduced: int = 1
    """The source delivered it at 1/reduced of its size, no finer than the model needs; boxes count in these pixels."""

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self.pixels.shape[0])


@dataclass(frozen=True, slots=True)
class Label:
    """One answer of a classifier. Names may repeat within a model, indices do not."""

    index: int
    name: str
    score: float
    """0..1"""


@dataclass(frozen=True, slots=True)
class Detection:
    """One object found in a frame."""

    index: int
    name: str
    score: float
    """0..1"""
    box: tuple[float, float, float, float]
    """x0, y0, x1, y1 in pixels of the original frame, clipped to it."""


@dataclass(frozen=True, slots=True)
class Region:
    """All pixels of one class in a segmented frame."""

    index: int
    name: str
    area: float
    """0..1 of the frame."""
    pixels: int
    """Pixels of the mask."""


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What a model says of one frame."""

    task: Task
    labels: tuple[Label, ...] = ()
    """Best first; may be empty: nothing reached the threshold ("unknown")."""
    objects: tuple[Detection, ...] = ()
    """Best first."""
    regions: tuple[Region, ...] = ()
    """Largest first."""
    mask: Pixels | None = None
    """Class index of each pixel, (height, width) over the whole frame at the model's resolution; 255: not seen."""
    embedding: tuple[float, ...] = ()
    stages_ms: dict[str, float] = field(default_factory=dict)
    """Milliseconds of prepare, infer and decode."""

    @property
    def top(self) -> Label | None:
        """The best label, or None for "unknown"."""
        return self.labels[0] if self.labels else None
