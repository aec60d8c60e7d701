"""What the networks of all heads have in common: a backbone, and Keras models that share their layers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgevision.errors import BadInput

from ..network.backbones import CNN, BackboneSpec
from ..network.initial_weights import Origin

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class ObjectNetwork(ABC):
    """Keras models of one network that finds objects; they share their layers."""

    choice: BackboneSpec
    classes: tuple[str, ...]
    origin: Origin
    backbone: Any
    """Model from normalized images to the last feature map."""
    raw: Any
    """Model from normalized images (b, side, side, 3) to what ``loss`` takes."""
    deployed: Any
    """Model from normalized images to scores 0..1 and perhaps places; this one is saved."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Height, width and channels of the input."""
        return tuple(self.deployed.inputs[0].shape[1:])

    @property
    @abstractmethod
    def first_trained(self) -> str:
        """Name of a layer of the backbone: its block and the later ones learn, unless the user says otherwise."""

    @abstractmethod
    def loss(self, outputs: Any, boxes: Any, classes: Any) -> Any:
        """Return the loss of a batch, a scalar, as a TensorFlow function.

        ``outputs``: of ``raw``; ``boxes``: (b, objects, 4) in pixels; ``classes``: (b, objects), see ``examples``.
        """

    def infer(self, images: Any) -> Any:
        """Return the outputs of ``deployed`` for normalized images, as a TensorFlow function of the network."""
        return self.deployed(images, training=False)

    def values(self) -> list[npt.NDArray[Any]]:
        """Return a copy of all variables."""
        return [variable.numpy().copy() for variable in self.deployed.variables]

    def assign(self, values: Sequence[npt.NDArray[Any]]) -> None:
        """Set all variables from the output of ``values``."""
        for variable, value in zip(self.deployed.variables, values, strict=True):
            variable.assign(value)


def require_maps(choice: BackboneSpec) -> None:
    """Raise BadInput for a backbone without feature maps of several resolutions."""
    if choice.backbone == CNN:
        raise BadInput("the backbone cnn is only for classifiers; leave out --backbone to train a detector")


def last_layers(backbone: Any, side: int) -> dict[int, str]:
    """Return the name of the last layer of each stride; ``side``: of the square input in pixels."""
    found: dict[int, str] = {}
    for layer in backbone.layers:
        shape = layer.output.shape
        if len(shape) == 4 and shape[1] == shape[2] and side % shape[1] == 0:
            found[side // shape[1]] = layer.name
    return found
