"""AutoML Vision Edge: classifiers of 224 pixels with the tensors image and scores; the labels are in dict.txt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...preprocessing.natural import natural_normalization
from .conventions import SIGNED, Conventions, Maker

if TYPE_CHECKING:
    from ...tflite.graph import Graph
    from ...types import Task
    from ..model_file import ModelFile


class AutoML(Maker):
    """Files that Google's AutoML Vision exported, with or without their metadata."""

    title = "AutoML Vision"

    def plausible(self, file: ModelFile, task: Task | None) -> bool:
        """Return whether the input has 224 pixels and the task is classification."""
        return file.inputs[0].shape[1:] == (224, 224, 3) and task in (None, "classification")

    def evidence(self, file: ModelFile, graph: Graph) -> str | None:
        """Return the names of input and output."""
        names = [spec.name for spec in (*file.inputs, *file.outputs)]
        fits = file.inputs[0].dtype == "uint8" and names == ["image", "scores"]
        return "its tensors are named image and scores" if fits else None

    def conventions(self, file: ModelFile, graph: Graph) -> Conventions:
        """Return -1..1 of the whole image, stretched, as for its files with metadata."""
        return Conventions("stretch", *(natural_normalization(file.inputs[0]) or SIGNED))


MAKER = AutoML()
