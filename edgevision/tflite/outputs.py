"""What the outputs of a model hold: real values, class scores or masks."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import BadModel

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..types import Tensor, TensorSpec
    from .metadata import Metadata


def dequantize(output: Tensor, spec: TensorSpec) -> npt.NDArray[np.float32]:
    """Return real values in the shape of ``output``: scale * (stored - zero_point); unquantized values only as float."""
    if not spec.quantized:
        return output.astype(np.float32)
    return (output.astype(np.float32) - spec.zero_point) * np.float32(spec.scale)


def classes(spec: TensorSpec, activation: str) -> int:
    """Return the number of labels an output needs. Raises BadModel if it is not a list of scores."""
    sizes = [n for n in spec.shape[1:] if n != 1]
    if len(spec.shape) < 1 or len(sizes) > 1 or any(n < 1 for n in spec.shape[1:]):
        raise BadModel(f"the output {spec.name} of shape {spec.shape} is not a list of class scores")
    count = sizes[0] if sizes else 1
    return 2 if count == 1 and activation in ("sigmoid", "sigmoid_logits") else count


def cell_classes(spec: TensorSpec) -> int:
    """Return the classes of a grid of cells, without the background. Raises BadModel if the output is none."""
    if len(spec.shape) != 4 or spec.shape[0] not in (1, -1) or min(spec.shape[1:]) < 1 or spec.shape[3] < 2:
        raise BadModel(
            f"expected the output {spec.name} to be a grid of cells [1, rows, columns, 1 + classes], got {list(spec.shape)}"
        )
    return spec.shape[3] - 1


class OutputFacts(NamedTuple):
    """What a model file says about its outputs beyond its card."""

    metadata: Metadata | None = None
    """The standard metadata."""
    files: Mapping[str, bytes] = MappingProxyType({})
    """Entries of the archive, which the metadata refers to."""
    operator_outputs: tuple[int | None, ...] = ()
    """Outputs with boxes, classes, scores and count, as the operator that makes them tells; empty if unknown."""


MAX_CLASSES = 255
"""Maximum number of classes, since the mask has one byte per pixel."""


def mask_kind(spec: TensorSpec) -> str:
    """Return the kind of mask: classes, scores or plane. Raises BadModel if the output is not a mask."""
    shape = spec.shape[1:]
    channels = shape[2] if len(shape) == 3 else 1
    if len(shape) not in (2, 3) or channels < 1 or spec.shape[0] not in (1, -1):
        raise BadModel(
            f"expected the output {spec.name} to be a mask [1, height, width(, classes)], got {list(spec.shape)}"
        )
    if channels > MAX_CLASSES:
        raise BadModel(f"the output {spec.name} has {channels} classes; a mask supports at most {MAX_CLASSES}")
    if channels > 1:
        return "scores"
    return "plane" if spec.quantized or spec.dtype.startswith("float") else "classes"
