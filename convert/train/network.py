"""The network in the forms that training needs: whole, cut in two for fine-tuning, and as it is deployed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import backend
from ..backbones import CNN, Choice, blocks, build
from ..folding import folded
from ..weights import Origin, initialize
from .goal import Goal

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Keras models that share their layers."""

    choice: Choice
    goal: Goal
    origin: Origin
    backbone: Any
    """(b, side, side, 3) real values -> last feature map, or features for ``cnn``."""
    head: tuple[Any, ...]
    """Layers from the feature map to the logits: pooling, dropout, dense."""
    deployed: Any
    """(b, side, side, 3) -> scores 0..1; what is saved."""

    @property
    def variables(self) -> list[Any]:
        """All that the deployed network is made of, in a fixed order."""
        return list(self.deployed.variables)

    def values(self) -> list[npt.NDArray[Any]]:
        """A copy of all variables."""
        return [variable.numpy().copy() for variable in self.variables]

    def assign(self, values: Sequence[npt.NDArray[Any]]) -> None:
        """Takes over what ``values`` gave."""
        for variable, value in zip(self.variables, values, strict=True):
            variable.assign(value)

    def cut(self, top_blocks: int) -> tuple[Any, Any]:
        """The backbone as (lower, upper), so that ``top_blocks`` blocks (at least 1) are in the upper one."""
        keras = backend.keras()
        names = blocks(self.backbone, self.choice.row)
        place = self.backbone.get_layer(names[-1 - min(top_blocks, len(names) - 1)]).output
        return keras.Model(self.backbone.input, place), keras.Model(place, self.backbone.output)

    def map_bytes(self, top_blocks: int) -> int:
        """Bytes of one picture where the upper part begins, in half precision."""
        return 2 * int(math.prod(self.cut(top_blocks)[0].output.shape[1:]))

    def block_count(self) -> int:
        """Blocks above the stem: what ``cut`` can put into the upper part at most."""
        return len(blocks(self.backbone, self.choice.row)) - 1

    def apply_head(self, features: Any, pooled: bool = False) -> Any:
        """The logits of a feature map (or of pooled features) as a part of a functional model."""
        for layer in self.head[1:] if pooled else self.head:
            features = layer(features)
        return features


def open_network(choice: Choice, goal: Goal, weights: str, dropout: float) -> Network:
    """Builds a network and gives it its first weights. Raises BadInput, BadModel, MissingFile."""
    keras = backend.keras()
    backbone = build(choice)
    origin = initialize(backbone, choice, weights)
    pool = (
        keras.layers.Identity(name="features")
        if choice.backbone == CNN
        else keras.layers.GlobalAveragePooling2D(name="pool")
    )
    # float32 whatever the rest computes in: half precision is too coarse for the last sum.
    dense = keras.layers.Dense(goal.outputs, name="scores", dtype="float32")
    head = (pool, keras.layers.Dropout(dropout, name="dropout"), dense)
    x = backbone.output
    for layer in head:
        x = layer(x)
    scores = keras.layers.Activation(goal.activation, name=goal.activation, dtype="float32")(x)
    deployed = keras.Model(backbone.input, scores, name=f"{choice.backbone}_classifier")
    return Network(choice, goal, origin, backbone, head, deployed)


def for_inference(model: Any) -> Any:
    """A compiled function of a model's folded copy: batches in, numpy-ready tensors out."""
    tf = backend.tensorflow()
    copy = folded(model)
    shape = (None, *model.inputs[0].shape[1:])
    return tf.function(
        lambda x: copy(x, training=False), autograph=False, input_signature=[tf.TensorSpec(shape, tf.float32)]
    )
