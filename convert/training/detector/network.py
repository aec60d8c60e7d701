"""The network of a detector: a backbone, a light feature pyramid, and a class and a box branch per level."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from edgevision.errors import BadInput

from ... import backend
from ...keras_files.detector_cells import STRIDES, CellGrid
from ..network.backbones import BackboneSpec, build
from ..network.initial_weights import initialize
from .losses import detection_loss
from .object_network import ObjectNetwork, last_layers, require_maps

MIN_WIDTH, MAX_WIDTH = 48, 96
"""Fewest and most channels of the pyramid and its branches."""
BRANCH_DEPTH = 2
"""Depthwise separable convolutions of a branch."""
PRIOR = 0.01
"""Score of every cell before training: nearly all cells are background.

T. Lin et al., 2017, Focal Loss for Dense Object Detection (arXiv:1708.02002), section 4.1.
"""
MOMENTUM = 0.95
"""Momentum of the batch norm statistics; a training has few steps."""
BOXES, SCORES = "boxes", "scores"
"""Names of the outputs."""


@dataclass(frozen=True, slots=True, eq=False)
class DetectorNetwork(ObjectNetwork):
    """Keras models of one detector of boxes.

    ``raw`` returns encoded boxes (b, cells, 4) and logits (b, cells, classes), ``deployed`` boxes and scores.
    """

    grid: CellGrid

    @property
    def first_trained(self) -> str:
        """Layer of the first feature map of the pyramid."""
        return taps(self.backbone, self.choice.image_size)[0]

    def loss(self, outputs: Any, boxes: Any, classes: Any) -> Any:
        """Return the loss of a batch."""
        encoded, logits = outputs
        return detection_loss(logits, encoded, boxes, classes, self.grid)


def open_detector(choice: BackboneSpec, classes: tuple[str, ...], weights: str) -> DetectorNetwork:
    """Build a detector and initialize its backbone. Raises BadInput, BadModel, MissingFile."""
    require_maps(choice)
    if choice.image_size % max(STRIDES):
        raise BadInput(f"image size {choice.image_size} is invalid: a detector needs a multiple of {max(STRIDES)}")
    keras = backend.keras()
    backbone = build(choice)
    origin = initialize(backbone, choice, weights)
    maps = [backbone.get_layer(name).output for name in taps(backbone, choice.image_size)]
    backbone = keras.Model(backbone.input, maps[-1], name=backbone.name)  # without layers behind the last map
    levels = _pyramid(maps, pyramid_width(choice.alpha))
    boxes = _branches(levels, 4, "box", 0.0)
    logits = _branches(levels, len(classes), "class", -math.log((1 - PRIOR) / PRIOR))
    scores = keras.layers.Activation("sigmoid", name=SCORES, dtype="float32")(logits)
    name = f"{choice.backbone}_detector"
    return DetectorNetwork(
        choice,
        classes,
        origin,
        backbone,
        keras.Model(backbone.input, [boxes, logits], name=f"{name}_raw"),
        keras.Model(backbone.input, [boxes, scores], name=name),
        CellGrid(choice.image_size),
    )


def pyramid_width(alpha: float) -> int:
    """Return the channels of the pyramid for a width multiplier; a multiple of 8, as int8 kernels like it."""
    return max(MIN_WIDTH, min(MAX_WIDTH, 8 * round(MAX_WIDTH * alpha / 8)))


def taps(backbone: Any, side: int) -> list[str]:
    """Return the names of the layers that end each stride of STRIDES."""
    found = last_layers(backbone, side)
    return [found[stride] for stride in STRIDES]


def _pyramid(features: list[Any], width: int) -> list[Any]:
    """Return the maps of the pyramid, the finest first: each also sees the coarser ones.

    T. Lin et al., 2017, Feature Pyramid Networks for Object Detection (arXiv:1612.03144).
    """
    keras = backend.keras()
    layers = keras.layers
    levels: list[Any] = []
    for stride, feature in zip(reversed(STRIDES), reversed(features), strict=True):
        name = f"pyramid_{stride}"
        x = layers.Conv2D(width, 1, use_bias=False, name=f"{name}_lateral")(feature)
        x = layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_lateral_bn")(x)
        if levels:
            # Not UpSampling2D, which becomes RESHAPE and TILE in a .tflite; this becomes RESIZE_NEAREST_NEIGHBOR.
            upper = keras.ops.image.resize(levels[0], x.shape[1:3], interpolation="nearest")
            x = layers.Add(name=f"{name}_add")([x, upper])
        x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
        x = layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_bn")(x)
        levels.insert(0, layers.ReLU(6.0, name=f"{name}_relu")(x))
    return levels


def _branches(levels: list[Any], outputs: int, name: str, bias: float) -> Any:
    """Return the outputs of one kind for all cells, (b, cells, outputs), from a branch on each level."""
    keras = backend.keras()
    parts = []
    for stride, x in zip(STRIDES, levels, strict=True):
        for number in range(1, BRANCH_DEPTH + 1):
            x = separable(x, f"{name}_{stride}_{number}")
        last = keras.layers.Conv2D(
            outputs,
            1,
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
            bias_initializer=keras.initializers.Constant(bias),
            name=f"{name}_{stride}",
            dtype="float32",
        )
        parts.append(keras.layers.Reshape((-1, outputs), name=f"{name}_{stride}_cells")(last(x)))
    return keras.layers.Concatenate(axis=1, name=BOXES if name == "box" else "logits", dtype="float32")(parts)


def separable(x: Any, name: str) -> Any:
    """Return the output of a depthwise separable convolution of the same width, with batch norm and ReLU6."""
    layers = backend.keras().layers
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
    x = layers.Conv2D(x.shape[-1], 1, use_bias=False, name=f"{name}_pointwise")(x)
    x = layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)
