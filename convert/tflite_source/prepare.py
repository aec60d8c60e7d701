"""From the flatbuffer of a file to the float network that is quantized: constants folded, channels last, bytes in."""

from __future__ import annotations

from edgevision.errors import BadModel
from edgevision.preprocessing.spec import Preprocessing

from ..source_model.flatbuffer_model import FlatbufferModel
from .fold_constants import fold_constants
from .image_end import image_as_bytes
from .source_graph import SourceGraph


def prepare(given: bytes, preprocessing: Preprocessing) -> FlatbufferModel:
    """Return the network of a float flatbuffer whose images are prepared by ``preprocessing``. Raises BadModel.

    The flatbuffer has passed the strict reader and ``refuse_quantized``. A corrupt one may still raise any exception.
    """
    graph = SourceGraph(given)
    if graph.dtype(graph.image) != "float32":
        raise BadModel(f"the input is {graph.dtype(graph.image)}, expected float32; export it with float32 inputs")
    fold_constants(graph)
    own = image_as_bytes(graph, preprocessing)
    graph.drop_unused()
    return FlatbufferModel(graph.pack(), own, given, preprocessing)
