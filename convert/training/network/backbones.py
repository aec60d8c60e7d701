"""Table of the trainable backbones, and a builder for them without their top."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edgevision.errors import BadInput, UnknownName, nearest
from edgevision.preprocessing.spec import Preprocessing, Resize

from ... import backend
from . import efficientnet_lite, mobilenet_v4

CNN = "cnn"
GRAY, COLOR = 1, 3
"""Numbers of channels of the input."""
MIN_SIDE = 32
"""Smallest side in pixels: all networks but the small CNN halve it five times."""


@dataclass(frozen=True, slots=True)
class Backbone:
    """A family of networks."""

    name: str
    builder: str
    """Name of its function in keras.applications; empty for a network of our own."""
    mean: float
    std: float
    """real = (pixel - mean) / std. All are built without rescaling layers, so that the device can feed plain bytes."""
    image_size: int
    """Default side of the input in pixels."""
    alphas: tuple[float, ...] = ()
    """Width multipliers with published ImageNet weights."""
    sizes: tuple[int, ...] = ()
    """Sides in pixels with published ImageNet weights."""
    weights_file: Callable[[float, int, bool], str] | None = None
    """Function (alpha, size, minimalistic) -> file name in the Keras cache and on its server."""
    block: str = ""
    """Regular expression for layer names whose groups identify the block; fine-tuning starts at a block boundary."""
    fine_tune_blocks: int = 0
    """Default number of blocks to fine-tune, counted from the top."""
    warning: str = ""
    """Warning shown before training starts."""
    own: Callable[[str, int, int], Any] | None = None
    """Function (name, side, channels) that builds a network of our own without its top; such a network has one width only."""
    size_step: int = MIN_SIDE
    """The side of the input is a multiple of this."""


def _v1_file(alpha: float, size: int, _: bool) -> str:
    text = {1.0: "1_0", 0.75: "7_5", 0.5: "5_0", 0.25: "2_5"}[alpha]
    return f"mobilenet_{text}_{size}_tf_no_top.h5"


def _v2_file(alpha: float, size: int, _: bool) -> str:
    return f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{size}_no_top.h5"


def _v3_file(kind: str) -> Callable[[float, int, bool], str]:
    def name(alpha: float, _: int, minimalistic: bool) -> str:
        variant = "minimalistic_" if minimalistic else ""
        return f"weights_mobilenet_v3_{kind}_{variant}224_{alpha}_float_no_top_v2.h5"

    return name


V3_WARNING = (
    "the hard-swish and squeeze blocks of MobileNetV3 are slow in int8 and not supported by the Edge TPU; "
    "use --minimalistic to leave them out"
)
LITE_STEP = 4
"""The published sides of EfficientNet-Lite, 240 and 260, are not multiples of 32."""
_V3_BLOCK = r"(expanded_conv)_(?:(\d+)_)?"
BACKBONES: dict[str, Backbone] = {
    row.name: row
    for row in (
        Backbone(
            "mobilenet_v2", "MobileNetV2", 127.5, 127.5, 224, (0.35, 0.5, 0.75, 1.0, 1.3, 1.4), (96, 128, 160, 192, 224),
            _v2_file, r"(?:block_(\d+)_|(Conv_1))", 4,
        ),
        Backbone(
            "mobilenet", "MobileNet", 127.5, 127.5, 224, (0.25, 0.5, 0.75, 1.0), (128, 160, 192, 224),
            _v1_file, r"conv_(?:pad|dw|pw)_(\d+)", 8,
        ),
        Backbone(
            "mobilenet_v3_small", "MobileNetV3Small", 127.5, 127.5, 224, (0.75, 1.0), (224,),
            _v3_file("small"), _V3_BLOCK, 4, V3_WARNING,
        ),
        Backbone(
            "mobilenet_v3_large", "MobileNetV3Large", 127.5, 127.5, 224, (0.75, 1.0), (224,),
            _v3_file("large"), _V3_BLOCK, 4, V3_WARNING,
        ),
        *(
            Backbone(
                name, "", 127.0, 128.0, size, (1.0,), (size,), None, r"mbconv_(\d+)_|(top)", 4,
                own=efficientnet_lite.build, size_step=LITE_STEP,
            )
            for name, size in (("efficientnet_lite0", 224), ("efficientnet_lite1", 240), ("efficientnet_lite2", 260))
        ),
        *(
            Backbone(
                name, "", 127.5, 127.5, 224, (1.0,), (), None, r"(conv|fused|uib|top|head)_?(\d*)", 4, own=mobilenet_v4.build
            )
            for name in mobilenet_v4.BLOCKS
        ),
        Backbone(CNN, "", 127.5, 127.5, 64),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class BackboneSpec:
    """A backbone with all its parameters."""

    backbone: str
    image_size: int
    """Side of the input in pixels."""
    alpha: float = 1.0
    """Width multiplier; 1 for ``cnn`` and the networks with one width only."""
    minimalistic: bool = True
    """MobileNetV3 only: plain ReLU and no squeeze blocks."""
    cnn_filters: tuple[int, ...] = (32, 64, 128)
    """Number of filters of each conv-pool block of ``cnn``."""
    cnn_dense: int = 128
    """Number of units of the dense layer of ``cnn``."""
    channels: int = 3
    """Channels of the input: 3 for color, 1 for gray."""

    @property
    def row(self) -> Backbone:
        """The row of BACKBONES."""
        return find(self.backbone)

    def options(self) -> dict[str, Any]:
        """Return the parameters that only this family has, as JSON values."""
        if self.backbone == CNN:
            return {"cnn_filters": list(self.cnn_filters), "cnn_dense": self.cnn_dense}
        return {"minimalistic": self.minimalistic} if "v3" in self.backbone else {}

    def preprocessing(self, resize: Resize) -> Preprocessing:
        """Return the preprocessing for this network."""
        row = self.row
        return Preprocessing(
            width=self.image_size,
            height=self.image_size,
            channels=self.channels,
            resize=resize,
            order="GRAY" if self.channels == GRAY else "RGB",
            mean=(row.mean,),
            std=(row.std,),
        )

    def describe(self) -> str:
        """Return a readable summary: ``mobilenet_v2 1.0, 224x224``."""
        size = f"{self.image_size}x{self.image_size}{' gray' if self.channels == GRAY else ''}"
        if self.backbone == CNN:
            blocks = "-".join(str(n) for n in self.cnn_filters)
            return f"cnn {blocks}, dense {self.cnn_dense}, {size}"
        if self.row.own is not None:
            return f"{self.backbone}, {size}"
        small = " minimalistic" if self.minimalistic and "v3" in self.backbone else ""
        return f"{self.backbone}{small} {self.alpha:g}, {size}"


def find(name: str) -> Backbone:
    """Return a backbone by name. Raises UnknownName."""
    if name not in BACKBONES:
        known = list(BACKBONES)
        raise UnknownName(f"unknown backbone {name!r}{nearest(name, known)}; available: {', '.join(known)}")
    return BACKBONES[name]


def build(choice: BackboneSpec) -> Any:
    """Build a backbone without its top: a functional Keras model from normalized images to the last feature map.

    The weights are random. Raises BadInput for an unsupported input size.
    """
    _check(choice)
    keras = backend.keras()
    if choice.backbone == CNN:
        return _cnn(choice)
    if choice.row.own is not None:
        return choice.row.own(choice.backbone, choice.image_size, choice.channels)
    options: dict[str, Any] = {}
    if choice.backbone.startswith("mobilenet_v3"):
        options = {"minimalistic": choice.minimalistic, "include_preprocessing": False}
    side = choice.image_size
    try:
        return getattr(keras.applications, choice.row.builder)(
            input_shape=(side, side, choice.channels), alpha=choice.alpha, include_top=False, weights=None, **options
        )
    except ValueError as error:
        raise BadInput(f"cannot build {choice.describe()}: {str(error).splitlines()[0]}") from None


def blocks(model: Any, row: Backbone) -> list[str]:
    """Return the names of the layers that end a block, in order: the places where the network can be split."""
    ends: dict[tuple[str | None, ...], str] = {}
    for layer in model.layers:
        match = re.match(row.block, layer.name) if row.block else None
        key = match.groups() if match else next(reversed(ends), ("stem",))
        ends[key] = layer.name
    return list(ends.values())


def _cnn(choice: BackboneSpec) -> Any:
    """Build a textbook CNN: alternating convolution and pooling, then a dense layer."""
    keras = backend.keras()
    x = inputs = keras.Input((choice.image_size, choice.image_size, choice.channels))
    for number, filters in enumerate(choice.cnn_filters, 1):
        x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv_{number}")(x)
        x = keras.layers.MaxPooling2D(2, name=f"pool_{number}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(choice.cnn_dense, activation="relu", name="dense")(x)
    return keras.Model(inputs, x, name="cnn")


def _check(choice: BackboneSpec) -> None:
    side = choice.image_size
    if choice.channels not in (GRAY, COLOR):
        raise BadInput(f"--channels must be {GRAY} (gray) or {COLOR} (color), got {choice.channels}")
    if choice.backbone == CNN:
        least = 2 ** len(choice.cnn_filters)
        if side < least:
            raise BadInput(
                f"image size {side} is too small for {len(choice.cnn_filters)} pooling layers; "
                f"use --image-size {least} or more, or fewer --cnn-filters"
            )
        return
    step = choice.row.size_step
    if side < MIN_SIDE or side % step:
        near = max(MIN_SIDE, round(side / step) * step)
        raise BadInput(
            f"image size {side} is invalid: {choice.backbone} needs a multiple of {step}; try --image-size {near}"
        )
    if choice.row.own is not None and choice.alpha != 1.0:
        raise BadInput(f"--alpha {choice.alpha:g} is invalid: {choice.backbone} has one width only; omit --alpha")
