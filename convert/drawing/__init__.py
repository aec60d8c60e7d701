"""Draws small picture sets, deterministically by seed: the whole chain can be seen without a camera or a download.

``draw_set`` makes class folders to learn from; ``draw_calibration_set`` made the repository's ``calibration_images/``.
"""

from .sets import draw_calibration_set, draw_set
from .things import THINGS

__all__ = ["THINGS", "draw_calibration_set", "draw_set"]
