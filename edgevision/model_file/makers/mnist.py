"""Classifiers of handwritten digits. Only for `--like`: the user has to know that the ink must be light."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...preprocessing.image_input import image_input
from ...preprocessing.natural import natural_normalization
from .conventions import UNIT, Conventions, Maker

if TYPE_CHECKING:
    from ...tflite.graph import Graph
    from ...types import Task
    from ..model_file import ModelFile

MAX_SIDE = 32
"""Largest side of such an image (pixels)."""
REMARK = "the digits must be light on a dark background, as in MNIST"


class Mnist(Maker):
    """Files made of a model that was trained on MNIST or a data set like it."""

    title = "MNIST"

    def plausible(self, file: ModelFile, task: Task | None) -> bool:
        """Return whether the input is a small gray image and the task is classification."""
        image = image_input(file.inputs[0])
        small = image is not None and image.channels == 1 and image.width == image.height <= MAX_SIDE
        return small and task in (None, "classification")

    def evidence(self, file: ModelFile, graph: Graph) -> str | None:
        """Return None."""
        return None

    def conventions(self, file: ModelFile, graph: Graph) -> Conventions:
        """Return 0..1 of the central square."""
        return Conventions("crop", *(natural_normalization(file.inputs[0]) or UNIT), remark=REMARK)


MAKER = Mnist()
