"""The floating-point network of a .tflite: what is quantized, and the file as given, which it must match."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgevision.engines.interpreter import open_interpreter
from edgevision.preprocessing.spec import Preprocessing
from edgevision.preprocessing.transform import quantize

from .. import backend
from .float_model import FloatModel, real_values

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.types import Pixels


@dataclass(frozen=True, slots=True, eq=False)
class FlatbufferModel:
    """The counterpart of ``FloatModel`` for a network that is a flatbuffer already."""

    flatbuffer: bytes
    """The network to quantize: float32 throughout, one image (1, height, width, channels) in."""
    preprocessing: Preprocessing
    """Its preprocessing; always with scalar mean and std, and RGB or gray."""
    given: bytes
    """The flatbuffer of the file."""
    given_preprocessing: Preprocessing
    """How images are prepared for ``given``."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the input."""
        return self.preprocessing.height, self.preprocessing.width, self.preprocessing.channels

    @property
    def layer_names(self) -> frozenset[str]:
        """Names of the layers: none are known, since tensors have the names that a converter gave them."""
        return frozenset()

    def normalize(self, pixels: Pixels) -> npt.NDArray[np.float32]:
        """Convert bytes to the normalized values that the quantized input represents."""
        return real_values(pixels, self.preprocessing)

    def results(self, batch: Pixels) -> list[npt.NDArray[np.float32]]:
        """Return all outputs of the file as given, each (n, ...), for uint8 images (n, height, width, channels)."""
        if self.given_preprocessing.order == "BGR":
            batch = batch[..., ::-1]
        with backend.quiet():
            interpreter = open_interpreter(self.given)
        with closing(interpreter):
            spec = interpreter.inputs[0]
            rows = [interpreter.infer(quantize(image, self.given_preprocessing, spec)) for image in batch]
        return [np.concatenate([np.asarray(row, np.float32) for row in column]) for column in zip(*rows, strict=True)]

    def outputs(self, batch: Pixels) -> npt.NDArray[np.float32]:
        """Return the first output of the file as given, (n, ...)."""
        return self.results(batch)[0]


SourceNetwork = FloatModel | FlatbufferModel
"""The network of a source model, whatever its file is."""
