"""Recognize the cells of FOMO, which have the shape of a segmentation mask.

Edge Impulse's FOMO is a MobileNetV2 cut where the image is an eighth of its size, with a softmax over background and
classes. The shape alone proves nothing: a segmenter may have the same. So the name that Edge Impulse gives to the input
is required, too; elsewhere, ``edgevision card --task points`` says it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import BadModel
from ..preprocessing.image_input import image_input
from ..tflite.outputs import cell_classes
from .makers.edge_impulse import INPUT

if TYPE_CHECKING:
    from ..tflite.graph import Graph
    from ..types import TensorSpec

STRIDE = 8
"""Pixels of the input per cell."""


def is_cell_shape(output: TensorSpec, image: TensorSpec) -> bool:
    """Return whether an output can hold cells over the input: several scores for each, and fewer cells than pixels."""
    found = image_input(image)
    try:
        cell_classes(output)
    except BadModel:
        return False
    return found is not None and output.shape[1] < found.height and output.shape[2] < found.width


def is_fomo(graph: Graph, ends_in_softmax: bool) -> bool:
    """Return whether a graph with one output has the shapes and the names of Edge Impulse's FOMO."""
    if len(graph.inputs) != 1 or not ends_in_softmax:
        return False
    spec, output = graph.input_specs[0], graph.output_specs[0]
    found = image_input(spec)
    if found is None or not INPUT.fullmatch(spec.name) or not is_cell_shape(output, spec):
        return False
    return output.shape[1:3] == (-(-found.height // STRIDE), -(-found.width // STRIDE))
