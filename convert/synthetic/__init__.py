"""Synthetic image sets, deterministic by seed: the demo needs no camera and no download.

``draw_set`` draws class folders for training; ``draw_calibration_set`` drew the repository's ``calibration_images/``.
"""

from .image_sets import draw_calibration_set, draw_set
from .objects import THINGS

__all__ = ["THINGS", "draw_calibration_set", "draw_set"]
