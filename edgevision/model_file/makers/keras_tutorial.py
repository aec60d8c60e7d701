"""Keras as in its tutorials: the whole image stretched, 0..1. Only for `--like`: nothing in a file shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...preprocessing.natural import natural_normalization
from .conventions import UNIT, Conventions, Maker

if TYPE_CHECKING:
    from ...tflite.graph import Graph
    from ..model_file import ModelFile


class KerasTutorial(Maker):
    """Files made of a Keras model that was trained on a folder of images, divided by 255."""

    title = "a Keras tutorial"

    def evidence(self, file: ModelFile, graph: Graph) -> str | None:
        """Return None."""
        return None

    def conventions(self, file: ModelFile, graph: Graph) -> Conventions:
        """Return 0..1 of the whole image, as `image_dataset_from_directory` and a division by 255 give it."""
        return Conventions("stretch", *(natural_normalization(file.inputs[0]) or UNIT))


MAKER = KerasTutorial()
