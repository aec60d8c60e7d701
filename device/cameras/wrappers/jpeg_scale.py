"""How far a JPEG may be scaled down during decoding: never below the resolution that the model uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgevision.preprocessing.geometry import plan

from .orientation import turned_size

if TYPE_CHECKING:
    from ...stream.request import CaptureRequest

FACTORS = (8, 4, 2)
"""Scale factors that a JPEG decoder offers: it omits the high frequencies of each 8x8 block."""


def reduction(width: int, height: int, wanted: CaptureRequest) -> int:
    """Return 1, 2, 4 or 8: the factor by which an image of this size (pixels) may be divided.

    The part that the model sees, after rotation and cropping, keeps at least as many pixels as the model's input.
    Returns 1 if the model is not known.
    """
    preprocessing = wanted.preprocessing
    if preprocessing is None:
        return 1
    for factor in FACTORS:
        small = (width // factor, height // factor)
        if min(small) < 1:
            continue
        geometry = plan(*turned_size(*small, wanted), preprocessing)
        if geometry.source[2] >= geometry.target[2] and geometry.source[3] >= geometry.target[3]:
            return factor
    return 1
