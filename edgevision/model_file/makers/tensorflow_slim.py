"""TensorFlow Slim: the MobileNet and Inception networks that TensorFlow and Coral publish, and models made from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...preprocessing.natural import natural_normalization
from .conventions import SIGNED, Conventions, Maker

if TYPE_CHECKING:
    from ...tflite.graph import Graph
    from ..model_file import ModelFile

SCOPES = (
    "MobilenetV1/",
    "MobilenetV2/",
    "MobilenetV3/",
    "MobilenetEdgeTPU/",
    "InceptionV1/",
    "InceptionV2/",
    "InceptionV3/",
    "InceptionV4/",
)
"""Starts of the tensor names; Slim's networks write their own name with one capital letter, others do not."""
CROP_FRACTION = 0.875
"""Share of the image on which Slim evaluates a classifier."""


class TensorFlowSlim(Maker):
    """Files whose tensors have the names of Slim's networks."""

    title = "TensorFlow Slim"

    def evidence(self, file: ModelFile, graph: Graph) -> str | None:
        """Return the name of the network that the tensors bear."""
        names = (tensor.spec.name for tensor in graph.tensors)
        found = next((scope for name in names for scope in SCOPES if name.startswith(scope)), None)
        return None if found is None else f"its tensors are named {found}..."

    def conventions(self, file: ModelFile, graph: Graph) -> Conventions:
        """Return -1..1, on the central part for a classifier and on the whole image for a detector or segmenter.

        The scale of a quantized input that is not a usual one comes from the range that the converter saw, not from the
        training: Coral's MobilenetEdgeTPU 0.75, 0.01157 * (byte - 123), recognizes 73.5 % of 499 photos by its scale and
        80.2 % by -1..1.
        """
        mean, std = natural_normalization(file.inputs[0]) or SIGNED
        dense = len(file.outputs) > 1 or sum(size != 1 for size in file.outputs[0].shape[1:]) > 1
        return Conventions("stretch", mean, std) if dense else Conventions("crop", mean, std, CROP_FRACTION)


MAKER = TensorFlowSlim()
