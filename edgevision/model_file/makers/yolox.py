"""YOLOX: the bytes of the image in the order blue, green, red, in the upper left corner of a gray letterbox.

Source: the preprocessing of YOLOX from version 0.1.1 on; older weights were trained on normalized RGB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...preprocessing.natural import natural_normalization
from ..detector import detector_layouts
from .conventions import BYTES, Conventions, Maker

if TYPE_CHECKING:
    from ...tflite.graph import Graph
    from ...types import Task
    from ..model_file import ModelFile

LAYOUT = "yolox"
GRAY = 114
"""Value of the border."""


class YoloX(Maker):
    """Files made of a model that was trained by YOLOX, recognized by their outputs if no other layout fits them."""

    title = "YOLOX"

    def plausible(self, file: ModelFile, task: Task | None) -> bool:
        """Return whether the task is detection."""
        return task in (None, "detection")

    def evidence(self, file: ModelFile, graph: Graph) -> str | None:
        """Return that the layout is the only one that fits."""
        layouts = {layout.name for layout in detector_layouts(file)}
        return "its outputs have the layout of YOLOX" if layouts == {LAYOUT} else None

    def conventions(self, file: ModelFile, graph: Graph) -> Conventions:
        """Return the bytes, or what a usual quantization shows."""
        mean, std = natural_normalization(file.inputs[0]) or BYTES
        return Conventions("letterbox", mean, std, fill=GRAY, align="top_left", order="BGR", layout=LAYOUT)


MAKER = YoloX()
