"""MoveNet: the bytes of the whole image on a black square."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...preprocessing.natural import natural_normalization
from ..detector import detector_layouts
from .conventions import BYTES, Conventions, Maker

if TYPE_CHECKING:
    from ...tflite.graph import Graph
    from ...types import Task
    from ..model_file import ModelFile

LAYOUT = "movenet"


class MoveNet(Maker):
    """Files that find the 17 key points of one person or of several."""

    title = "MoveNet"

    def plausible(self, file: ModelFile, task: Task | None) -> bool:
        """Return False: what is not recognized by its outputs is another model."""
        return False

    def evidence(self, file: ModelFile, graph: Graph) -> str | None:
        """Return that the outputs have the layout."""
        layouts = {layout.name for layout in detector_layouts(file)}
        return "its outputs are the key points of MoveNet" if layouts == {LAYOUT} else None

    def conventions(self, file: ModelFile, graph: Graph) -> Conventions:
        """Return the bytes, or what a usual quantization shows; the image is padded with black, as in its model card."""
        return Conventions("letterbox", *(natural_normalization(file.inputs[0]) or BYTES))


MAKER = MoveNet()
