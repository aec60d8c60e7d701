"""Teachable Machine: a MobileNetV2 of width 0.35 under a head of two dense layers, on the central square of 224 pixels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ...preprocessing.natural import byte_normalization
from .conventions import SIGNED, Conventions, Maker

if TYPE_CHECKING:
    from ...tflite.graph import Graph
    from ...types import Task
    from ..model_file import ModelFile

INPUT = re.compile(r"(serving_default_)?sequential_\d+_input(:0)?(_int8)?")
SHAPE = (224, 224, 3)
HEAD = (100, 1280)
"""Shape of the weights of the first dense layer: 100 units on the 1280 features of the network."""


class TeachableMachine(Maker):
    """Files from the TensorFlow Lite export of an image project, floating point or quantized."""

    title = "Teachable Machine"

    def plausible(self, file: ModelFile, task: Task | None) -> bool:
        """Return whether the input has 224 pixels and the task is classification."""
        return file.inputs[0].shape[1:] == SHAPE and task in (None, "classification")

    def evidence(self, file: ModelFile, graph: Graph) -> str | None:
        """Return the name of the input, if the head of the network fits."""
        spec = file.inputs[0]
        if spec.shape[1:] != SHAPE or INPUT.fullmatch(spec.name) is None or spec.dtype not in ("float32", "uint8"):
            return None
        dense = [op for op in graph.operators if op.name == "FULLY_CONNECTED"]
        heads = [graph.tensors[op.inputs[1]].spec.shape for op in dense if len(op.inputs) > 1]
        fits = len(heads) == 2 and heads[0] == HEAD and heads[1][1:] == HEAD[:1]
        return f"its input is named {spec.name}, and its head has 100 units" if fits else None

    def conventions(self, file: ModelFile, graph: Graph) -> Conventions:
        """Return -1..1, or the bytes of the image for a quantized input, whatever its scale."""
        mean, std = byte_normalization(file.inputs[0]) or SIGNED
        return Conventions("crop", mean, std)


MAKER = TeachableMachine()
