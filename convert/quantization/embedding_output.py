"""Adds the pooled features as a second output of an int8 model, so that a device can learn new classes from them.

Nothing is converted again: the input of the last layer becomes an output of the finished graph. The scores do not
change by a single bit.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgevision.engines.interpreter import open_interpreter
from edgevision.errors import BadModel
from edgevision.model_file.card import MAX_EMBEDDING, EmbeddingOutput, ModelCard
from edgevision.postprocessing.feature_vector import MAX_REFERENCES, REFERENCES
from edgevision.preprocessing.spec import Preprocessing
from edgevision.preprocessing.transform import pixels, quantize
from edgevision.tflite.editable_model import FlatModel

from .. import backend
from ..images.calibration import CalibrationSet

if TYPE_CHECKING:
    from edgevision.types import Pixels

PASSING = ("SOFTMAX", "LOG_SOFTMAX", "LOGISTIC", "QUANTIZE", "DEQUANTIZE", "RESHAPE", "SQUEEZE")
"""Operators without weights that may follow the last layer."""


@dataclass(frozen=True, slots=True, eq=False)
class WithEmbedding:
    """A model with its features as a second output."""

    flatbuffer: bytes
    output: EmbeddingOutput


def add_embedding(flatbuffer: bytes) -> WithEmbedding:
    """Make the input of a classifier's last layer its second output. Raises BadModel if that is not a vector."""
    model = FlatModel(flatbuffer)
    tensor = _features(model)
    shape = model.shape(tensor)
    size = shape[-1]
    if size > MAX_EMBEDDING:
        raise BadModel(
            f"--with-embedding: the last layer reads a whole feature map ({size:,} values); "
            "add GlobalAveragePooling2D before it and train again"
        )
    output = EmbeddingOutput(1, model.name(tensor), size)
    return WithEmbedding(model.with_outputs([model.outputs[0], tensor]), output)


def give_embedding(
    flatbuffer: bytes, card: ModelCard, calibration: CalibrationSet
) -> tuple[bytes, ModelCard, dict[str, bytes]]:
    """Return the model with its second output, its card, and the additional entries of the file. Raises BadModel."""
    made = add_embedding(flatbuffer)
    found = (pixels(picture.read(), card.preprocessing) for picture in (*calibration.chosen, *calibration.selection))
    vectors = references(made.flatbuffer, made.output, card.preprocessing, found)
    return made.flatbuffer, card.with_(embedding=made.output), {REFERENCES: vectors}


def references(
    flatbuffer: bytes, output: EmbeddingOutput, preprocessing: Preprocessing, prepared: Iterable[Pixels]
) -> bytes:
    """Return the concatenated feature vectors of up to MAX_REFERENCES preprocessed images (height, width, channels).

    A device that learns a new class compares its distances with those of other objects. Raises EngineError.
    """
    rows = []
    with backend.quiet():
        interpreter = open_interpreter(flatbuffer)
    with closing(interpreter):
        for picture, _ in zip(prepared, range(MAX_REFERENCES), strict=False):
            found = interpreter.infer(quantize(picture, preprocessing, interpreter.inputs[0]))
            rows.append(found[output.output].tobytes())
    return b"".join(rows)


def _features(model: FlatModel) -> int:
    """Return the input tensor of the last operator with weights. Raises BadModel."""
    tensor = model.outputs[0]
    for _ in model.operators:
        found = next((op for op in model.operators if tensor in op.outputs), None)
        if found is None:
            break
        source = found.inputs[0]
        if found.name == "FULLY_CONNECTED" or (found.name == "CONV_2D" and _is_vector(model.shape(source))):
            if source in model.inputs or not _is_vector(model.shape(source)):
                break
            return source
        if found.name not in PASSING:
            raise BadModel(
                f"--with-embedding: the scores come from {found.name}, expected a dense layer over pooled features; "
                "this network has no feature vector to learn new classes from"
            )
        tensor = source
    raise BadModel("--with-embedding: this network has no feature layer before its scores")


def _is_vector(shape: tuple[int, ...]) -> bool:
    """Return whether a shape holds one vector: all dimensions but the last are 1."""
    return len(shape) >= 2 and all(n == 1 for n in shape[:-1])
