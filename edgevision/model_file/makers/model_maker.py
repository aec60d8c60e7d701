"""TensorFlow Lite Model Maker: classifiers whose metadata name their network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...preprocessing.natural import natural_normalization
from .conventions import UNIT, Conventions, Maker

if TYPE_CHECKING:
    from ...tflite.graph import Graph
    from ...types import Task
    from ..model_file import ModelFile

NETWORKS = ("efficientnet_lite", "mobilenet_v2", "resnet_50")
"""Starts of the names that Model Maker writes into the metadata."""


class ModelMaker(Maker):
    """Files that Model Maker exported with their metadata."""

    title = "TensorFlow Lite Model Maker"

    def plausible(self, file: ModelFile, task: Task | None) -> bool:
        """Return whether the input has 224 pixels and the task is classification."""
        return file.inputs[0].shape[1:] == (224, 224, 3) and task in (None, "classification")

    def evidence(self, file: ModelFile, graph: Graph) -> str | None:
        """Return the name in the metadata."""
        name = "" if file.metadata is None else file.metadata.name
        return f"its metadata name the network {name}" if name.startswith(NETWORKS) else None

    def conventions(self, file: ModelFile, graph: Graph) -> Conventions:
        """Return 0..1 of the whole image, stretched: Model Maker's default, without augmentation."""
        return Conventions("stretch", *(natural_normalization(file.inputs[0]) or UNIT))


MAKER = ModelMaker()
