"""The pooled features as a second output of an int8 model, so that a device can learn new classes by them.

Nothing is converted anew: the input of the last layer becomes an output of the finished graph, and its scores stay what
they were, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgevision import pictures
from edgevision.card import MAX_EMBEDDING, EmbeddingOutput, ModelCard
from edgevision.embedding import MAX_REFERENCES, REFERENCES
from edgevision.errors import BadModel
from edgevision.interpreter import open_interpreter
from edgevision.preprocess import pixels, quantize
from edgevision.rule import Rule

from . import backend
from .calibrate import CalibrationSet
from .repair.flatmodel import FlatModel

if TYPE_CHECKING:
    from edgevision.data import Pixels

PASSING = ("SOFTMAX", "LOG_SOFTMAX", "LOGISTIC", "QUANTIZE", "DEQUANTIZE", "RESHAPE", "SQUEEZE")
"""Operators between the last layer and the output that have no weights."""


@dataclass(frozen=True, slots=True, eq=False)
class WithEmbedding:
    """A model that gives its features, too."""

    flatbuffer: bytes
    output: EmbeddingOutput


def add_embedding(flatbuffer: bytes) -> WithEmbedding:
    """Makes the input of a classifier's last layer its second output. Raises BadModel where that is no vector."""
    model = FlatModel(flatbuffer)
    tensor = _features(model)
    shape = model.shape(tensor)
    size = shape[-1]
    if size > MAX_EMBEDDING:
        raise BadModel(
            f"--with-embedding: the last layer reads {size:,} values, a whole feature map; "
            "put a GlobalAveragePooling2D before it and train again"
        )
    output = EmbeddingOutput(1, model.name(tensor), size)
    return WithEmbedding(model.with_outputs([model.outputs[0], tensor]), output)


def give_embedding(
    flatbuffer: bytes, card: ModelCard, calibration: CalibrationSet
) -> tuple[bytes, ModelCard, dict[str, bytes]]:
    """The model with its second output, its card, and the entries of the file that go with them. Raises BadModel."""
    made = add_embedding(flatbuffer)
    found = (pixels(pictures.read(picture.path), card.rule) for picture in (*calibration.chosen, *calibration.choosing))
    vectors = references(made.flatbuffer, made.output, card.rule, found)
    return made.flatbuffer, card.with_(embedding=made.output), {REFERENCES: vectors}


def references(flatbuffer: bytes, output: EmbeddingOutput, rule: Rule, prepared: Iterable[Pixels]) -> bytes:
    """What the model makes of up to MAX_REFERENCES prepared pictures (height, width, channels), vector after vector.

    A device that is taught a new class needs pictures of other things to know how near is near. Raises EngineError.
    """
    rows = []
    with backend.quiet():
        interpreter = open_interpreter(flatbuffer)
    with closing(interpreter):
        for picture, _ in zip(prepared, range(MAX_REFERENCES), strict=False):
            found = interpreter.infer(quantize(picture, rule, interpreter.inputs[0]))
            rows.append(found[output.output].tobytes())
    return b"".join(rows)


def _features(model: FlatModel) -> int:
    """The tensor that the last operator with weights judges by. Raises BadModel."""
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
                f"--with-embedding: the scores come out of {found.name} and not of a dense layer over pooled features; "
                "this network has no vector that new classes could be learned by"
            )
        tensor = source
    raise BadModel("--with-embedding: this network has no layer of features before its scores")


def _is_vector(shape: tuple[int, ...]) -> bool:
    """One picture, one place, any number of values."""
    return len(shape) >= 2 and all(n == 1 for n in shape[:-1])
