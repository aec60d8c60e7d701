"""What the user requests of a source: size, rate, orientation, region. ``ANY`` requests nothing."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Literal, get_args

from edgevision.errors import BadInput
from edgevision.records import record

if TYPE_CHECKING:
    from edgevision.preprocessing.spec import Preprocessing

Rotation = Literal[0, 90, 180, 270]
Flip = Literal["none", "horizontal", "vertical", "both"]
Roi = tuple[float, float, float, float]
"""Region of interest as x, y, width, height, each 0..1 of the image."""
MAX_SIDE = 16384
"""Pixels; larger than any sensor."""
MAX_FPS = 1000
"""Frames per second."""


@record
class CaptureRequest:
    """Request made when a source is opened. The image is rotated, then flipped, then cropped to ``roi``."""

    width: int | None = None
    """Pixels at the camera, before rotation; None: the camera's default. Given together with ``height``."""
    height: int | None = None
    fps: float | None = None
    """Maximum frames per second; None: as many as arrive."""
    rotate: Rotation = 0
    """Degrees clockwise."""
    flip: Flip = "none"
    roi: Roi | None = None
    """Region of interest in the rotated and flipped image; None: all of it."""
    preprocessing: Preprocessing | None = None
    """Preprocessing of the model: lets a source deliver scaled-down frames, no coarser than the model's input."""
    freeze_timeout_s: float | None = None
    """Seconds without change after which a live image counts as frozen; 0: never; None: the camera's default."""

    insecure: bool = False
    """Whether any certificate of an encrypted camera is accepted, unverified."""

    def __post_init__(self) -> None:
        """Validate the request. Raises BadInput."""
        if (self.width is None) != (self.height is None):
            raise BadInput("give both width and height of the camera image, or neither")
        if not all(side is None or 1 <= side <= MAX_SIDE for side in (self.width, self.height)):
            raise BadInput(f"invalid image size {self.width}x{self.height}: each side must be 1 to {MAX_SIDE} pixels")
        if self.fps is not None and not (isfinite(self.fps) and 0 < self.fps <= MAX_FPS):
            raise BadInput(f"invalid camera rate {self.fps:g} frames/s: it must be above 0 and at most {MAX_FPS}")
        if self.rotate not in get_args(Rotation):
            raise BadInput(f"invalid rotation {self.rotate}: it must be 0, 90, 180 or 270 degrees")
        if self.flip not in get_args(Flip):
            raise BadInput(f"invalid flip {self.flip!r}: it must be none, horizontal, vertical or both")
        if self.freeze_timeout_s is not None and not (isfinite(self.freeze_timeout_s) and self.freeze_timeout_s >= 0):
            raise BadInput(f"invalid freeze timeout {self.freeze_timeout_s:g} s: it must be 0 (never) or more")
        if self.roi is not None:
            require_inside(self.roi)

    @property
    def size(self) -> tuple[int, int] | None:
        """Requested width and height (pixels) at the camera, if any."""
        return None if self.width is None or self.height is None else (self.width, self.height)

    @property
    def turns(self) -> bool:
        """Whether frames are rotated, flipped or cropped."""
        return self.rotate != 0 or self.flip != "none" or self.roi is not None

    def freeze_timeout_or(self, default_s: float) -> float:
        """Return the freeze timeout in seconds, ``default_s`` unless requested otherwise; 0: never."""
        return default_s if self.freeze_timeout_s is None else self.freeze_timeout_s


ANY = CaptureRequest()


def require_inside(roi: Roi) -> None:
    """Check that a region lies within the image. Raises BadInput."""
    x, y, width, height = roi
    fits = x + width <= 1 + 1e-6 and y + height <= 1 + 1e-6
    if not (all(isfinite(value) for value in roi) and x >= 0 and y >= 0 and width > 0 and height > 0 and fits):
        raise BadInput(
            f"invalid region {','.join(f'{value:g}' for value in roi)}: it must lie within the image; use "
            "x,y,width,height, each 0 to 1, such as 0.25,0.25,0.5,0.5 for the middle"
        )
