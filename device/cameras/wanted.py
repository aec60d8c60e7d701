"""What the user asks of a source: size, rate, which way up, which part. ``ANY`` asks for nothing."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Literal, get_args

from edgevision.errors import BadInput

if TYPE_CHECKING:
    from edgevision.rule import Rule

Rotation = Literal[0, 90, 180, 270]
Flip = Literal["none", "horizontal", "vertical", "both"]
MAX_SIDE = 16384
"""Pixels; larger than any sensor."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Asked of a source when it is opened. The picture is rotated, then flipped, then cut to ``roi``."""

    width: int | None = None
    """Pixels at the camera, before rotation; None: the camera's own. Given together with ``height``."""
    height: int | None = None
    fps: float | None = None
    """Frames a second, at most; None: as many as come."""
    rotate: Rotation = 0
    """Degrees clockwise."""
    flip: Flip = "none"
    roi: tuple[float, float, float, float] | None = None
    """x, y, width, height of the part that is looked at, each 0..1 of the turned picture; None: all of it."""
    rule: Rule | None = None
    """The model's: a source may then deliver frames scaled down, as long as they are no coarser than its input."""
    frozen_s: float | None = None
    """A live picture that does not change for so many seconds is frozen; 0: never; None: what fits the camera."""

    def __post_init__(self) -> None:
        """Raises BadInput."""
        if (self.width is None) != (self.height is None):
            raise BadInput("width and height of the camera's picture are given together or not at all")
        if not all(side is None or 1 <= side <= MAX_SIDE for side in (self.width, self.height)):
            raise BadInput(f"a picture of {self.width}x{self.height} pixels cannot be; each side is 1 to {MAX_SIDE}")
        if self.fps is not None and not (isfinite(self.fps) and 0 < self.fps <= 1000):
            raise BadInput(f"a camera cannot give {self.fps:g} frames/s; it must be more than 0, at most 1000")
        if self.rotate not in get_args(Rotation):
            raise BadInput(f"cannot rotate by {self.rotate} degrees; it must be 0, 90, 180 or 270")
        if self.flip not in get_args(Flip):
            raise BadInput(f"cannot flip {self.flip!r}; it must be none, horizontal, vertical or both")
        if self.frozen_s is not None and not (isfinite(self.frozen_s) and self.frozen_s >= 0):
            raise BadInput(f"a picture cannot be frozen after {self.frozen_s:g} s; it must be 0 (never) or more")
        if self.roi is not None and not _inside(self.roi):
            raise BadInput(
                f"the part {','.join(f'{value:g}' for value in self.roi)} is not within the picture; write x,y,width,height, "
                "each 0 to 1; for the middle: 0.25,0.25,0.5,0.5"
            )

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height (pixels) at the camera, if asked for."""
        return None if self.width is None or self.height is None else (self.width, self.height)

    @property
    def turns(self) -> bool:
        """Whether frames are changed on their way: rotated, flipped or cut."""
        return self.rotate != 0 or self.flip != "none" or self.roi is not None

    def frozen_after(self, default_s: float) -> float:
        """Seconds after which an unchanged picture is frozen, of a camera whose own are ``default_s``; 0: never."""
        return default_s if self.frozen_s is None else self.frozen_s


ANY = Wanted()


def _inside(roi: tuple[float, float, float, float]) -> bool:
    x, y, width, height = roi
    if not all(isfinite(value) for value in roi):
        return False
    fits = x + width <= 1 + 1e-6 and y + height <= 1 + 1e-6
    return x >= 0 and y >= 0 and width > 0 and height > 0 and fits
