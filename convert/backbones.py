"""The networks that can be trained, one row each, and how one is built without its top."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edgevision.errors import BadInput, UnknownName, nearest
from edgevision.rule import Resize, Rule

from . import backend

CNN = "cnn"
MIN_SIDE = 32
"""Pixels: keras.applications' networks halve five times."""


@dataclass(frozen=True, slots=True)
class Backbone:
    """One family of networks."""

    name: str
    builder: str
    """Name of its function in keras.applications; empty for the small CNN of our own."""
    mean: float
    std: float
    """real = (pixel - mean) / std. All are built without rescaling layers, so that the device feeds plain bytes."""
    image_size: int
    """Pixels of a side, unless told otherwise."""
    alphas: tuple[float, ...] = ()
    """Width multipliers for which ImageNet weights are published."""
    sizes: tuple[int, ...] = ()
    """Sides for which ImageNet weights are published."""
    weights_file: Callable[[float, int, bool], str] | None = None
    """(alpha, size, minimalistic) -> the file's name in the Keras cache and on its server."""
    block: str = ""
    """Pattern of a layer's name whose groups say to which block it belongs; fine-tuning begins at a block."""
    fine_tune_blocks: int = 0
    """Blocks from the top that are fine-tuned unless told otherwise."""
    warning: str = ""
    """What its user should know before it is too late."""


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
    "MobileNetV3's hard-swish and squeeze blocks are slow in int8 and not supported on an Edge TPU; "
    "--minimalistic leaves them out"
)
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
        Backbone(CNN, "", 127.5, 127.5, 64),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """A network, fully chosen."""

    backbone: str
    image_size: int
    """Pixels of a side."""
    alpha: float = 1.0
    """Width multiplier; not for ``cnn``."""
    minimalistic: bool = True
    """MobileNetV3 only: plain ReLU, no squeeze blocks."""
    cnn_filters: tuple[int, ...] = (32, 64, 128)
    """Filters of each conv-pool block of ``cnn``."""
    cnn_dense: int = 128
    """Units of the dense layer of ``cnn``."""

    @property
    def row(self) -> Backbone:
        """Its row of the table."""
        return find(self.backbone)

    def rule(self, resize: Resize) -> Rule:
        """How pictures are prepared for it."""
        row = self.row
        return Rule(self.image_size, self.image_size, resize=resize, mean=(row.mean,), std=(row.std,))

    def describe(self) -> str:
        """For people: ``mobilenet_v2 1.0, 224x224``."""
        size = f"{self.image_size}x{self.image_size}"
        if self.backbone == CNN:
            blocks = "-".join(str(n) for n in self.cnn_filters)
            return f"cnn {blocks}, dense {self.cnn_dense}, {size}"
        small = " minimalistic" if self.minimalistic and "v3" in self.backbone else ""
        return f"{self.backbone}{small} {self.alpha:g}, {size}"


def find(name: str) -> Backbone:
    """A row by its name. Raises UnknownName."""
    if name not in BACKBONES:
        known = list(BACKBONES)
        raise UnknownName(f"no backbone {name!r}{nearest(name, known)}; there are {', '.join(known)}")
    return BACKBONES[name]


def build(choice: Choice) -> Any:
    """The network without its top: a functional Keras model from real pictures to its last feature map.

    Weights are random. Raises BadInput for a size that it cannot have.
    """
    _check(choice)
    keras = backend.keras()
    if choice.backbone == CNN:
        return _cnn(choice)
    options: dict[str, Any] = {}
    if choice.backbone.startswith("mobilenet_v3"):
        options = {"minimalistic": choice.minimalistic, "include_preprocessing": False}
    side = choice.image_size
    try:
        return getattr(keras.applications, choice.row.builder)(
            input_shape=(side, side, 3), alpha=choice.alpha, include_top=False, weights=None, **options
        )
    except ValueError as error:
        raise BadInput(f"{choice.describe()} cannot be built: {str(error).splitlines()[0]}") from None


def blocks(model: Any, row: Backbone) -> list[str]:
    """Names of the layers that end a block, in order: where a network may be cut in two."""
    ends: dict[tuple[str | None, ...], str] = {}
    for layer in model.layers:
        match = re.match(row.block, layer.name) if row.block else None
        key = match.groups() if match else next(reversed(ends), ("stem",))
        ends[key] = layer.name
    return list(ends.values())


def _cnn(choice: Choice) -> Any:
    """Convolution and pooling in turn, then a dense layer: what textbooks begin with."""
    keras = backend.keras()
    x = inputs = keras.Input((choice.image_size, choice.image_size, 3))
    for number, filters in enumerate(choice.cnn_filters, 1):
        x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv_{number}")(x)
        x = keras.layers.MaxPooling2D(2, name=f"pool_{number}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(choice.cnn_dense, activation="relu", name="dense")(x)
    return keras.Model(inputs, x, name="cnn")


def _check(choice: Choice) -> None:
    side = choice.image_size
    if choice.backbone == CNN:
        least = 2 ** len(choice.cnn_filters)
        if side < least:
            raise BadInput(
                f"{side} px can be halved fewer than {len(choice.cnn_filters)} times; "
                f"give --image-size {least} or more, or fewer --cnn-filters"
            )
    elif side < MIN_SIDE or side % MIN_SIDE:
        near = max(MIN_SIDE, round(side / MIN_SIDE) * MIN_SIDE)
        raise BadInput(
            f"{choice.backbone} takes sides that are multiples of {MIN_SIDE}, not {side}; try --image-size {near}"
        )
