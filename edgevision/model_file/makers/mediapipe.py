"""MediaPipe: the detectors of faces, hands and people of its solutions, which are recognized by their anchors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...preprocessing.natural import natural_normalization
from .conventions import SIGNED, UNIT, Conventions, Maker

if TYPE_CHECKING:
    from ...tflite.graph import Graph
    from ...types import Task
    from ..model_file import ModelFile

DETECTORS = {
    # side of the input (pixels), number of anchors, values of each: what it finds, its mean and std
    (128, 896, 16): ("faces, short range", SIGNED),
    (256, 896, 16): ("faces, back camera", SIGNED),
    (192, 2304, 16): ("faces, full range", SIGNED),
    (192, 2016, 18): ("palms", UNIT),
    (128, 896, 18): ("palms", SIGNED),
    (256, 2944, 18): ("palms", SIGNED),
    (224, 2254, 12): ("people", SIGNED),
    (128, 896, 12): ("people", SIGNED),
}


class MediaPipe(Maker):
    """Detectors with anchors: boxes and key points in one output, scores in another, each perhaps in two parts."""

    title = "MediaPipe"
    before_metadata = True
    """Metadata do not say that images are fitted into the input whole, with borders."""

    def plausible(self, file: ModelFile, task: Task | None) -> bool:
        """Return whether the task is detection."""
        return task == "detection"

    def evidence(self, file: ModelFile, graph: Graph) -> str | None:
        """Return what the model finds, if its input and its anchors are those of one of the detectors."""
        found = self._detector(file)
        return None if found is None else f"its outputs are the anchors of the detector of {found[0]}"

    def conventions(self, file: ModelFile, graph: Graph) -> Conventions:
        """Return the range of the detector's input; the whole image, with a black border."""
        found = self._detector(file)
        mean, std = natural_normalization(file.inputs[0]) or (SIGNED if found is None else found[1])
        return Conventions("letterbox", mean, std)

    def _detector(self, file: ModelFile) -> tuple[str, tuple[float, float]] | None:
        shapes = [spec.shape for spec in file.outputs]
        if len(shapes) not in (2, 4) or any(len(shape) != 3 for shape in shapes):
            return None
        values = max(shape[2] for shape in shapes)
        anchors = sum(shape[1] for shape in shapes if shape[2] == values)
        scores = sum(shape[1] for shape in shapes if shape[2] == 1)
        side = file.inputs[0].shape[1]
        return DETECTORS.get((side, anchors, values)) if scores == anchors else None


MAKER = MediaPipe()
