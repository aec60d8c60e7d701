"""A Keras detector that needs no training: it finds bright squares on a dark background, and photos of such."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from box_scenes import Scene as BoxScene
from box_scenes import put
from box_writers import voc_xml
from edgevision.convert import backend
from edgevision.convert.keras_files.detector_cells import CellGrid

from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.decode import encode_png
from edgevision.preprocessing.spec import Preprocessing
from edgevision.types import Frame

SIDE = 64
"""Side of the network's input in pixels."""
SQUARE = 32
"""Side of the squares: that of an anchor of the finest cells."""
LABEL = "square"
GRID = CellGrid(SIDE, anchor_side=4.0)
THRESHOLD = 0.5


def network() -> Any:
    """Return the network: encoded boxes (b, cells, 4), which are the anchors themselves, and scores (b, cells, 1).

    The score of a cell is the mean brightness of its anchor; that of the coarser cells is always low.
    """
    keras = backend.keras()
    layers = keras.layers
    image = keras.Input((SIDE, SIDE, 3))
    gray = layers.Conv2D(8, 3, padding="same", activation="relu", name="gray")(image)
    mixed = layers.DepthwiseConv2D(3, padding="same", name="smooth")(gray)
    boxes, logits = [], []
    for stride in GRID.strides:
        pooled = layers.AveragePooling2D(SQUARE, strides=stride, padding="same")(mixed)
        boxes.append(layers.Reshape((-1, 4))(layers.Conv2D(4, 1, name=f"box_{stride}")(pooled)))
        logits.append(layers.Reshape((-1, 1))(layers.Conv2D(1, 1, name=f"class_{stride}")(pooled)))
    encoded = layers.Concatenate(axis=1, name="boxes")(boxes)
    scores = layers.Activation("sigmoid", name="scores")(layers.Concatenate(axis=1)(logits))
    model = keras.Model(image, [encoded, scores])
    _set_weights(model)
    return model


def save(path: Path, training: dict[str, Any] | None = None) -> Path:
    """Write the network as ``edgevision train`` does: a .keras file with its model card inside."""
    path.parent.mkdir(parents=True, exist_ok=True)
    network().save(path)
    preprocessing = Preprocessing(SIDE, SIDE, resize="stretch", mean=(0.0,), std=(255.0,))
    about = {"cells": GRID.to_json(), **(training or {})}
    card = ModelCard("squares", "detection", preprocessing, (LABEL,), "sigmoid", threshold=THRESHOLD, training=about)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("edgevision.json", card.dumps())
    return path


def photo(corners: Sequence[tuple[int, int]], seed: int) -> bytes:
    """Return a noisy dark photo with a bright square at each corner x, y, as PNG."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 50, (2 * SIDE, 2 * SIDE, 3))
    for x, y in corners:
        pixels[2 * y : 2 * (y + SQUARE), 2 * x : 2 * (x + SQUARE)] = random.integers(215, 256, 3)
    return encode_png(Frame(pixels.astype(np.uint8), "RGB"))


def write_photos(root: Path, count: int, seed: int = 0, labeled: bool = True) -> Path:
    """Write photos of twice the input's size with one square each, every fifth without one, and Pascal VOC files."""
    random = np.random.default_rng(seed)
    for number in range(count):
        x, y = (4 + 8 * int(step) for step in random.integers(0, 4, 2))  # an anchor fits exactly
        corners = [] if number % 5 == 4 else [(x, y)]
        name = f"photo{number:03d}.png"
        put(root / "images" / name, photo(corners, seed * 1000 + number))
        boxes = tuple((LABEL, tuple(2.0 * v for v in (a, b, a + SQUARE, b + SQUARE))) for a, b in corners)
        scene = BoxScene(name, 2 * SIDE, 2 * SIDE, boxes)  # type: ignore[arg-type]
        if labeled:
            put(root / "annotations" / f"photo{number:03d}.xml", voc_xml(scene))
    return root


def _set_weights(model: Any) -> None:
    random = np.random.default_rng(7)
    strengths = random.uniform(0.6, 1.4, 8)
    gray = np.zeros((3, 3, 3, 8), np.float32)
    gray[1, 1] = strengths / strengths.sum() / 3
    model.get_layer("gray").set_weights([gray, np.zeros(8, np.float32)])
    smooth = np.zeros((3, 3, 8, 1), np.float32)
    smooth[1, 1] = 1.0
    model.get_layer("smooth").set_weights([smooth, np.zeros(8, np.float32)])
    for stride in GRID.strides:
        model.get_layer(f"box_{stride}").set_weights([np.zeros((1, 1, 8, 4), np.float32), np.zeros(4, np.float32)])
        bright = np.full((1, 1, 8, 1), 20.0 if stride == GRID.strides[0] else 0.0, np.float32)
        low = -14.0 if stride == GRID.strides[0] else -6.0
        model.get_layer(f"class_{stride}").set_weights([bright, np.full(1, low, np.float32)])
