"""What the user requests of a source: size, rate, orientation, region. ``ANY`` requests nothing."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Literal, get_args

from edgevision.errors import BadInput

if TYPE_CHECKING:
    from edgevision.preprocessing.spec import Preprocessing

Rotation = Literal[0, 90, 180, 270]
Flip = Literal["none", "horizontal", "vertical", "both"]
MAX_SIDE = 16384
"""Pixels; larger than any sensor."""


@dataclass(frozen=True, slots=True)
class CaptureRequest:
    """Request made when a source is opened. The image is rotated, then flipped, then cropped to ``roi``."""

    width: int | None = None
    """Pixels at the camera, before rotation; None: the camera's default. Given together with ``height``."""
    height: int | None = None
    fps: float | None = None
    """Maximum frames a second; None: as many as arrive."""
    rotate: Rotation = 0
    """Degrees clockwise."""
    flip: Flip = "none"
    roi: tuple[float, float, float, float] | None = None
    """Region of interest as x, y, width, height, each 0..1 of the rotated and flipped image; None: all of it."""
    preprocessing: Preprocessing | None = None
    """Preprocessing of the model: lets a source deliver scaled-down frames, no coarser than the model's input."""
    frozen_s: float | None = None
    """Seconds without change after which a live image counts as frozen; 0: never; None: the camera's default."""

    def __post_init__(self) -> None:
        """Validate the request. Raises BadInput."""
        if (self.width is None) != (self.height is None):
            raise BadInput("give both width and height of the camera image, or neither")
        if not all(side is None or 1 <= side <= MAX_SIDE for side in (self.width, self.height)):
            raise BadInput(f"invalid image size {self.width}x{self.height}: each side must be 1 to {MAX_SIDE} pixels")
        if self.fps is not None and not (isfinite(self.fps) and 0 < self.fps <= 1000):
            raise BadInput(f"invalid camera rate {self.fps:g} frames/s: it must be above 0 and at most 1000")
        if self.rotate not in get_args(Rotation):
            raise BadInput(f"invalid rotation {self.rotate}: it must be 0, 90, 180 or 270 degrees")
        if self.flip not in get_args(Flip):
            raise BadInput(f"invalid flip {self.flip!r}: it must be none, horizontal, vertical or both")
        if self.frozen_s is not None and not (isfinite(self.frozen_s) and self.frozen_s >= 0):
            raise BadInput(f"invalid freeze timeout {self.frozen_s:g} s: it must be 0 (never) or more")
        if self.roi is not None and not _inside(self.roi):
            raise BadInput(
                f"invalid region {','.join(f'{value:g}' for value in self.roi)}: it must lie within the image; use "
                "x,y,width,height, each 0 to 1, such as 0.25,0.25,0.5,0.5 for the middle"
            )

    @property
    def size(self) -> tuple[int, int] | None:
        """Requested width and height (pixels) at the camera, if any."""
        return None if self.width is None or self.height is None else (self.width, self.height)

    @property
    def turns(self) -> bool:
        """Whether frames are rotated, flipped or cropped."""
        return self.rotate != 0 or self.flip != "none" or self.roi is not None

    def frozen_after(self, default_s: float) -> float:
        """Return the freeze timeout in seconds, ``default_s`` unless requested otherwise; 0: never."""
        return default_s if self.frozen_s is None else self.frozen_s


ANY = CaptureRequest()


def _inside(roi: tuple[float, float, float, float]) -> bool:
    x, y, width, height = roi
    if not all(isfinite(value) for value in roi):
        return False
    fits = x + width <= 1 + 1e-6 and y + height <= 1 + 1e-6
    return x >= 0 and y >= 0 and width > 0 and height > 0 and fits
