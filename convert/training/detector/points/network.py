"""The network of points: the first blocks of a backbone, and the class of each cell of the map that they end in.

It has the form of FOMO of Edge Impulse (https://docs.edgeimpulse.com, "FOMO: Object detection for constrained devices"): a
classifier that is cut where the image is an eighth of its size, with a softmax over background and classes for each cell.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from edgevision.errors import BadInput

from .... import backend
from ...network.backbones import BackboneSpec, build
from ...network.initial_weights import initialize
from ..network import MOMENTUM, separable
from ..object_network import ObjectNetwork, last_layers, require_maps
from .loss import points_loss

CELL_SIZES = (4, 8, 16, 32)
"""Sides of a cell in pixels of the input: where the backbones end a resolution."""
CELL_SIZE = 8
MIN_WIDTH, MAX_WIDTH = 32, 64
"""Fewest and most channels of the head; the width of the backbone decides."""
PRIOR = 0.01
"""Score of all classes together before training: nearly all cells are background."""
CELLS = "cells"
"""Name of the output."""


@dataclass(frozen=True, slots=True, eq=False)
class PointNetwork(ObjectNetwork):
    """Keras models of one network of points.

    ``raw`` returns logits (b, rows, columns, 1 + classes), ``deployed`` scores of which the first is the background.
    """

    cell: int
    """Side of a cell in pixels of the input."""

    @property
    def first_trained(self) -> str:
        """Layer of the backbone: everything learns, since the blocks kept are few."""
        return str(self.backbone.layers[0].name)

    def loss(self, outputs: Any, boxes: Any, classes: Any) -> Any:
        """Return the loss of a batch."""
        return points_loss(outputs, boxes, classes, self.cell)


def open_points(choice: BackboneSpec, classes: tuple[str, ...], weights: str, cell: int) -> PointNetwork:
    """Build a network of points and initialize its backbone. Raises BadInput, BadModel, MissingFile."""
    require_maps(choice)
    keras = backend.keras()
    if choice.image_size % cell:
        raise BadInput(f"image size {choice.image_size} is invalid: cells of {cell} pixels need a multiple of {cell}")
    whole = build(choice)
    origin = initialize(whole, choice, weights)
    ends = last_layers(whole, choice.image_size)
    if cell not in ends:
        raise BadInput(f"{choice.describe()} has no cells of {cell} pixels; use --cell-size {CELL_SIZE}")
    features = whole.get_layer(ends[cell]).output
    backbone = keras.Model(whole.input, features, name=choice.backbone)
    logits = _head(features, len(classes), head_width(choice.alpha))
    scores = keras.layers.Softmax(name=CELLS, dtype="float32")(logits)
    name = f"{choice.backbone}_points"
    raw = keras.Model(whole.input, logits, name=f"{name}_raw")
    return PointNetwork(choice, classes, origin, backbone, raw, keras.Model(whole.input, scores, name=name), cell)


def head_width(alpha: float) -> int:
    """Return the channels of the head for a width multiplier; a multiple of 8, as int8 kernels like it."""
    return max(MIN_WIDTH, min(MAX_WIDTH, 8 * round(MAX_WIDTH * alpha / 8)))


def _head(x: Any, classes: int, width: int) -> Any:
    """Return the logits of the cells: one look at the neighbors, which tells the center of a thing from its edge."""
    keras = backend.keras()
    layers = keras.layers
    x = layers.Conv2D(width, 1, use_bias=False, name="head_in")(x)
    x = layers.BatchNormalization(momentum=MOMENTUM, name="head_in_bn")(x)
    x = layers.ReLU(6.0, name="head_in_relu")(x)
    x = separable(x, "head")
    background = math.log((1 - PRIOR) / PRIOR * classes)
    bias = keras.initializers.Constant([background] + [0.0] * classes)
    last = layers.Conv2D(
        1 + classes,
        1,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        bias_initializer=bias,
        name="logits",
        dtype="float32",
    )
    return last(x)
