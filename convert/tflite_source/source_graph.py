"""The graph of a float .tflite with the edits that make it quantizable: remove operators, put others at its input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.tflite.editable_model import FlatModel
from edgevision.tflite.object_api import schema

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

FLOAT_TYPES = ("float32", "float16", "bfloat16")
VALID = 1
"""Number of the padding VALID in the schema."""


class SourceGraph(FlatModel):
    """The only graph of a model that the strict reader passed."""

    def __init__(self, flatbuffer: bytes) -> None:
        """Parse a flatbuffer and drop what does not describe the float network: metadata, signatures, ranges, a free batch."""
        super().__init__(flatbuffer)
        self._model.metadata = self._model.metadataBuffer = self._model.signatureDefs = None
        for number, tensor in enumerate(self._graph.tensors):
            tensor.shapeSignature = None
            if self.dtype(number) in FLOAT_TYPES:
                tensor.quantization = None  # ranges that an earlier calibration left

    @property
    def image(self) -> int:
        """The input."""
        return self.inputs[0]

    @property
    def tensor_count(self) -> int:
        """Number of tensors."""
        return len(self._graph.tensors)

    def set_image(self, tensor: int) -> None:
        """Make a tensor the input."""
        self.set_ends([tensor], self.outputs)

    def prepend_transpose(self, axes: Sequence[int]) -> None:
        """Make the input a transposition of a new one: axis n of the network's image is axis ``axes[n]`` of the new one."""
        shape = self.shape(self.image)
        new = self.add_tensor("image", "float32", tuple(shape[list(axes).index(n)] for n in range(len(axes))))
        order = self.add_constant("image_axes", np.asarray(axes, np.int32))
        self._prepend("TRANSPOSE", (new, order), schema().TransposeOptionsT())

    def prepend_reshape(self, shape: tuple[int, ...]) -> None:
        """Make the input a new one of another shape with the same number of values."""
        own = np.asarray(self.shape(self.image), np.int32)
        options = schema().ReshapeOptionsT()
        options.newShape = own
        inputs = self.add_tensor("image", "float32", shape), self.add_constant("image_shape", own)
        self._prepend("RESHAPE", inputs, options)

    def prepend_convolution(self, matrix: Array, offset: Array) -> None:
        """Make the input a 1x1 convolution of a new one: image @ matrix + offset; ``matrix``: (channels, channels)."""
        options = schema().Conv2DOptionsT()
        options.padding, options.strideW, options.strideH = VALID, 1, 1
        kernel = matrix.T[:, np.newaxis, np.newaxis, :].astype(np.float32)
        new = self.add_tensor("image", "float32", self.shape(self.image))
        weights = self.add_constant("image/conv2d/kernel", kernel)
        bias = self.add_constant("image/conv2d/bias", offset.astype(np.float32))
        self._prepend("CONV_2D", (new, weights, bias), options)

    def _prepend(self, name: str, inputs: Sequence[int], options: Any) -> None:
        """Compute the input by a new first operator from ``inputs``, of which the first one becomes the input."""
        self.add_operator(name, inputs, [self.image], options, first=True)
        self.set_image(inputs[0])
