"""Models for choosing a network before training: random weights, converted like trained ones.

    python -m edgevision.convert.sweep FOLDER CLASSES NAME:ALPHA:SIZE ...

Time and memory do not depend on the weights. The file name and the model card identify the network.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgevision import children
from edgevision.errors import BadInput, EdgeVisionError
from edgevision.model_file import model_file
from edgevision.model_file.card import ModelCard

from . import backend
from .quantization.ptq import to_int8
from .source_model.float_model import FloatModel
from .training.network.backbones import CNN, BackboneSpec, build, find

if TYPE_CHECKING:
    from edgevision.types import Pixels

PICTURES = 4
"""Number of calibration images; the ranges do not matter here."""
REFUSED = 3


def choice(spec: str) -> BackboneSpec:
    """Parse a network such as ``mobilenet_v2:0.35:96``. Raises BadInput, UnknownName."""
    name, *numbers = spec.split(":")
    try:
        alpha, size = float(numbers[0]), int(numbers[1])
    except (IndexError, ValueError):
        raise BadInput(f"invalid network {spec!r}; expected NAME:ALPHA:SIZE such as mobilenet_v2:0.35:96") from None
    return BackboneSpec(find(name).name, size, alpha)


def make(wanted: BackboneSpec, classes: int, folder: Path) -> Path:
    """Write a .tflite with random weights. Raises BadInput, BadModel, CannotWrite."""
    keras = backend.keras()
    keras.utils.set_random_seed(0)
    backbone = build(wanted)
    x = backbone.output if wanted.backbone == CNN else keras.layers.GlobalAveragePooling2D(name="pool")(backbone.output)
    scores = keras.layers.Dense(classes, activation="softmax", name="scores")(x)
    model = FloatModel(keras.Model(backbone.input, scores), wanted.preprocessing("crop"), None, None)
    flatbuffer = to_int8(model, lambda: _noise(model.shape))
    name = f"{wanted.backbone}_{wanted.alpha:g}_{wanted.image_size}"
    network = {"name": wanted.backbone, "alpha": wanted.alpha, "image_size": wanted.image_size, "weights": "random"}
    labels = tuple(f"class {number}" for number in range(classes))
    card = ModelCard(
        name, "classification", model.preprocessing, labels, activation="softmax", training={"backbone": network}
    )
    path = folder / f"{name}.tflite"
    model_file.write(path, flatbuffer, card)
    keras.backend.clear_session()
    return path


def _noise(shape: tuple[int, int, int]) -> Iterator[Pixels]:
    rng = np.random.default_rng(0)
    for _ in range(PICTURES):
        yield rng.integers(0, 256, shape, np.uint8)


def _main(folder: str, classes: str, *specs: str) -> int:
    try:
        for wanted in [choice(spec) for spec in specs]:
            print(make(wanted, int(classes), Path(folder)), flush=True)
    except EdgeVisionError as error:
        print(error, file=sys.stderr)
        return REFUSED
    return 0


if __name__ == "__main__":
    children.die_with_parent()
    sys.exit(_main(*sys.argv[1:]))
