"""From the flatbuffer of a file to the float network that is quantized: constants folded, channels last, bytes in."""

from __future__ import annotations

from typing import NamedTuple

from edgevision.errors import BadModel
from edgevision.preprocessing.spec import Preprocessing
from edgevision.tflite.editable_model import FlatModel

from ..quantization.detection_operator import CutOperator
from ..source_model.flatbuffer_model import FlatbufferModel
from .cut_operator import cut_operator
from .fold_constants import fold_constants
from .image_end import image_as_bytes
from .source_graph import SourceGraph


class Prepared(NamedTuple):
    """A network to quantize, and what comes after it."""

    model: FlatbufferModel
    cut: CutOperator | None
    """The operator at the end of a detector, which is put back after quantization; None without one."""


def prepare(given: bytes, preprocessing: Preprocessing) -> Prepared:
    """Return the network of a float flatbuffer whose images are prepared by ``preprocessing``. Raises BadModel.

    The flatbuffer has passed the strict reader and ``refuse_quantized``. A corrupt one may still raise any exception.
    """
    graph = SourceGraph(given)
    if graph.dtype(graph.image) != "float32":
        raise BadModel(f"the input is {graph.dtype(graph.image)}, expected float32; export it with float32 inputs")
    fold_constants(graph)
    cut = cut_operator(graph)
    if cut is not None:
        given = FlatModel(given).with_outputs(graph.outputs)
    own = image_as_bytes(graph, preprocessing)
    # TensorFlow's calibrator knows only the operators that occur, and refuses a model that lists others.
    graph.drop_unused()
    return Prepared(FlatbufferModel(graph.pack(), own, given, preprocessing), cut)
