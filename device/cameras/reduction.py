"""How far a JPEG may be scaled down while it is decoded: never below what the model looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgevision.geometry import plan

from .turned import turned_size

if TYPE_CHECKING:
    from .wanted import Wanted

FACTORS = (8, 4, 2)
"""That a JPEG decoder offers: it leaves out the fine parts of each 8x8 block."""


def reduction(width: int, height: int, wanted: Wanted) -> int:
    """1, 2, 4 or 8: what to divide a picture of this size (pixels) by.

    The part that the model sees, after turning and cutting, keeps at least as many pixels as the model's input. 1
    where nothing is known of the model.
    """
    rule = wanted.rule
    if rule is None:
        return 1
    for factor in FACTORS:
        small = (width // factor, height // factor)
        if min(small) < 1:
            continue
        geometry = plan(*turned_size(*small, wanted), rule)
        if geometry.source[2] >= geometry.target[2] and geometry.source[3] >= geometry.target[3]:
            return factor
    return 1
