"""The records of the public API: frames and predictions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from .records import record

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]
    Tensor = npt.NDArray[np.generic]

Order = Literal["RGB", "BGR", "GRAY"]
DEFAULT_MAX_PIXELS, HIGHEST_MAX_PIXELS = 100_000_000, 1 << 28
"""Default and highest limit of the pixels of an image that is decoded; the highest is the limit of OpenCV itself."""
Task = Literal["classification", "multilabel", "detection", "segmentation", "points", "embedding", "anomaly"]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One image from a camera or a file."""

    pixels: Pixels
    """Pixels as uint8, (height, width, 3), or (height, width) if ``order`` is GRAY."""
    order: Order = "RGB"
    """Order of the channels in memory: RGB, BGR or GRAY."""
    index: int = 0
    """Number of the frame, from 0. A gap means that frames were dropped."""
    captured_at: float | None = None
    """Capture time in seconds of the monotonic clock, at the sensor if the camera reports it; None for files."""
    source: str = ""
    """Origin of the frame: the camera's spec or the path of the file."""
    position_s: float | None = None
    """Position in a video in seconds; None for other sources."""
    reduced: int = 1
    """Divisor by which the source reduced the image (1, 2, 4 or 8) because the model needs no finer one. Boxes are in
    the reduced pixels."""

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.pixels.shape[0])


@dataclass(frozen=True, slots=True)
class Label:
    """A class that a classifier recognized."""

    index: int
    """Index of the class; unique within a model."""
    name: str
    """Name of the class. Several classes of a model may have the same name."""
    score: float
    """Score of the class, 0..1."""


@record
class Keypoint:
    """A point of an object, such as an eye or a wrist."""

    name: str
    """Name of the point; unique within an object."""
    x: float
    """Distance from the left edge of the original frame (pixels). A point that is hidden may be outside the frame."""
    y: float
    """Distance from the top edge of the original frame (pixels)."""
    score: float | None
    """How sure the model is of the point, 0..1; None if it does not say."""


@record
class Detection:
    """An object found in a frame."""

    index: int
    """Index of the class; unique within a model."""
    name: str
    """Name of the class."""
    score: float
    """Score of the object, 0..1."""
    box: tuple[float, float, float, float]
    """Corners x0, y0, x1, y1 in pixels of the original frame, clipped to the frame."""
    track: int | None = None
    """Number of the track, the same in every frame that shows this object and of no other object in the run; None: not
    tracked, or not yet settled."""
    age_s: float | None = None
    """Time since the track was seen first, in seconds; None without a track, and for images without time."""
    keypoints: tuple[Keypoint, ...] = ()
    """Points of the object in the model's order; empty if the model finds none."""
    mask: Pixels | None = field(default=None, repr=False, compare=False)
    """1 where the object is, else 0, uint8 (height, width): the whole frame at the model's resolution. 255: outside the
    part that the model saw. None if the model has no masks."""
    labels: tuple[Label, ...] | None = None
    """What a second model recognized in the object, best first; empty if nothing ("unknown"). None: it did not look."""

    @property
    def title(self) -> str:
        """Name for display: the class, the number of the track, and what the second model recognized."""
        track = "" if self.track is None else f" #{self.track}"
        return f"{self.name}{track}" + (f": {self.labels[0].name}" if self.labels else "")


@record
class LineCount:
    """A counting line, and what crossed it so far."""

    name: str
    """Name of the line."""
    start: tuple[float, float]
    """Where the line starts: x and y as fractions of the frame, 0..1."""
    end: tuple[float, float]
    """Where the line ends."""
    forward: int
    """Number of objects that crossed from the left side to the right, seen along the line from its start to its end."""
    backward: int
    """Number of objects that crossed from the right side to the left."""


@record
class ZoneOccupancy:
    """A zone, and what is in it."""

    name: str
    """Name of the zone."""
    corners: tuple[tuple[float, float], ...]
    """Corners of the polygon: x and y as fractions of the frame, 0..1."""
    tracks: tuple[int, ...]
    """Tracks inside, including those that are hidden for a moment, in the order in which they entered."""

    @property
    def count(self) -> int:
        """Number of objects inside."""
        return len(self.tracks)


@record
class Point:
    """A thing of which only the place is known, not the size."""

    index: int
    """Index of the class; unique within a model."""
    name: str
    """Name of the class."""
    score: float
    """Score of the point, 0..1."""
    x: float
    """Horizontal place in pixels of the original frame."""
    y: float
    """Vertical place in pixels of the original frame."""
    track: int | None = None
    """Number of the track, as of ``Detection``."""
    age_s: float | None = None
    """Time since the track was seen first, in seconds; None without a track, and for images without time."""

    @property
    def title(self) -> str:
        """Name for display: the class, with the number of the track if there is one."""
        return self.name if self.track is None else f"{self.name} #{self.track}"


@record
class Region:
    """All pixels of one class in a segmented frame."""

    index: int
    """Index of the class; unique within a model."""
    name: str
    """Name of the class."""
    area: float
    """Fraction of the frame that the class covers, 0..1."""
    pixels: int
    """Number of mask pixels of the class."""


@record
class Anomaly:
    """How unusual a frame is, compared with good images."""

    score: float
    """Score of the most unusual patch, 0..1; 0.5 is the limit that the training set."""
    threshold: float
    """Score from which the frame is anomalous, 0..1."""
    box: tuple[float, float, float, float] | None
    """Left, top, right and bottom of the unusual part, in pixels of the frame; None if nothing reaches the threshold."""

    @property
    def is_anomalous(self) -> bool:
        """Whether the score reaches the threshold."""
        return self.score >= self.threshold


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """A model's prediction for one frame. Only the fields of its task are filled."""

    task: Task
    """Task of the model."""
    labels: tuple[Label, ...] = ()
    """Recognized classes, best first; empty if none reached the threshold ("unknown")."""
    objects: tuple[Detection, ...] = ()
    """Detected objects, best first."""
    points: tuple[Point, ...] = ()
    """Found points, best first."""
    regions: tuple[Region, ...] = ()
    """Segmented classes, largest first."""
    mask: Pixels | None = None
    """Class index of each pixel, uint8 (height, width): the whole frame at the model's resolution. 255: outside the part
    that the model saw."""
    embedding: tuple[float, ...] = ()
    """Feature vector of an embedding model."""
    anomaly: Anomaly | None = None
    """How unusual the frame is, of a model for anomalies."""
    heat: npt.NDArray[np.float32] | None = None
    """Score of each patch, 0..1, (rows, columns) over the whole frame, of a model for anomalies."""
    counts: tuple[LineCount, ...] = ()
    """What crossed each counting line so far in this run."""
    zones: tuple[ZoneOccupancy, ...] = ()
    """What is in each zone."""
    stages_ms: dict[str, float] = field(default_factory=dict)
    """Time of the stages prepare, infer and decode in milliseconds."""

    @property
    def top(self) -> Label | None:
        """The best label, or None if the frame is "unknown"."""
        return self.labels[0] if self.labels else None


class TensorSpec(NamedTuple):
    """Shape, type and quantization of one tensor: real = scale * (stored - zero_point)."""

    name: str
    """Name of the tensor."""
    shape: tuple[int, ...]
    """Dimensions, batch first; -1 for a dimension that is not fixed."""
    dtype: str
    """numpy name of the element type: uint8, int8, int16, int32, float32 ..."""
    scale: float = 0.0
    """Quantization scale; 0 if the tensor is not quantized or is quantized per channel."""
    zero_point: int = 0
    """Stored value that stands for 0."""

    @property
    def quantized(self) -> bool:
        """Whether the tensor is quantized with one scale."""
        return self.scale > 0.0
