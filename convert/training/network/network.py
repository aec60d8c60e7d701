"""The network in the forms that training needs: whole, split in two for fine-tuning, and as deployed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ... import backend
from .backbones import CNN, BackboneSpec, blocks, build
from .bn_folding import folded
from .head import Head
from .initial_weights import Origin, initialize

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Keras models of one network; they share their layers."""

    choice: BackboneSpec
    goal: Head
    origin: Origin
    backbone: Any
    """Model from real values, (b, side, side, channels), to the last feature map, or to features for ``cnn``."""
    head: tuple[Any, ...]
    """Layers from the feature map to the logits: pooling, dropout and dense."""
    deployed: Any
    """Model from real values, (b, side, side, channels), to scores 0..1; this one is saved."""

    @property
    def variables(self) -> list[Any]:
        """All variables of the deployed network, in a fixed order."""
        return list(self.deployed.variables)

    def values(self) -> list[npt.NDArray[Any]]:
        """Return a copy of all variables."""
        return [variable.numpy().copy() for variable in self.variables]

    def assign(self, values: Sequence[npt.NDArray[Any]]) -> None:
        """Set all variables from the output of ``values``."""
        for variable, value in zip(self.variables, values, strict=True):
            variable.assign(value)

    def cut(self, top_blocks: int) -> tuple[Any, Any]:
        """Split the backbone into (lower, upper), with the top ``top_blocks`` blocks (at least 1) in the upper part."""
        keras = backend.keras()
        names = blocks(self.backbone, self.choice.row)
        place = self.backbone.get_layer(names[-1 - min(top_blocks, len(names) - 1)]).output
        return keras.Model(self.backbone.input, place), keras.Model(place, self.backbone.output)

    @property
    def block_count(self) -> int:
        """Number of blocks above the stem, all of which can be fine-tuned."""
        return len(blocks(self.backbone, self.choice.row)) - 1

    def map_bytes(self, top_blocks: int) -> int:
        """Return the bytes per image of the upper part's input, in half precision."""
        return 2 * int(math.prod(self.cut(top_blocks)[0].output.shape[1:]))

    def apply_head(self, features: Any, pooled: bool = False) -> Any:
        """Apply the head to a feature map (or pooled features) in a functional model for training and return the logits."""
        from ..cluster.joint_random import JointDropout

        pool, dropout, dense = self.head
        return dense(JointDropout(dropout.rate)(features if pooled else pool(features)))


def open_network(choice: BackboneSpec, goal: Head, weights: str, dropout: float) -> Network:
    """Build a network and initialize its weights. Raises BadInput, BadModel, MissingFile."""
    keras = backend.keras()
    backbone = build(choice)
    origin = initialize(backbone, choice, weights)
    pool = (
        keras.layers.Identity(name="features")
        if choice.backbone == CNN
        else keras.layers.GlobalAveragePooling2D(name="pool")
    )
    # Always float32: half precision is too coarse for the last sum.
    dense = keras.layers.Dense(goal.outputs, name="scores", dtype="float32")
    head = (pool, keras.layers.Dropout(dropout, name="dropout"), dense)
    x = backbone.output
    for layer in head:
        x = layer(x)
    scores = keras.layers.Activation(goal.activation, name=goal.activation, dtype="float32")(x)
    deployed = keras.Model(backbone.input, scores, name=f"{choice.backbone}_classifier")
    return Network(choice, goal, origin, backbone, head, deployed)


def for_inference(model: Any) -> Any:
    """Return a compiled function of the model with batch norm folded: batches in, eager tensors out."""
    tf = backend.tensorflow()
    copy = folded(model)
    shape = (None, *model.inputs[0].shape[1:])
    return tf.function(
        lambda x: copy(x, training=False), autograph=False, input_signature=[tf.TensorSpec(shape, tf.float32)]
    )
