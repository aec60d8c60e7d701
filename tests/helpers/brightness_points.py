"""A Keras network of points that needs no training: it finds bright cells on a dark background, and photos of such."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from box_scenes import Scene, put
from box_writers import voc_xml
from edgevision.convert import backend

from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.decode import encode_png
from edgevision.preprocessing.spec import Preprocessing
from edgevision.types import Frame

SIDE, CELL = 64, 8
"""Side of the network's input and of its cells in pixels; photos are twice as large."""
LABEL = "spot"


def network() -> Any:
    """Return the network: scores (b, rows, columns, 2), background first; a cell's score follows its mean brightness."""
    keras = backend.keras()
    layers = keras.layers
    image = keras.Input((SIDE, SIDE, 3))
    gray = layers.Conv2D(8, 3, padding="same", activation="relu", name="gray")(image)
    pooled = layers.AveragePooling2D(CELL)(gray)
    model = keras.Model(image, layers.Softmax(name="cells")(layers.Conv2D(2, 1, name="logits")(pooled)))
    random = np.random.default_rng(7)
    kernel = np.zeros((3, 3, 3, 8), np.float32)
    kernel[1, 1] = random.uniform(0.6, 1.4, 8) / 3
    model.get_layer("gray").set_weights([kernel, np.zeros(8, np.float32)])
    bright = np.zeros((1, 1, 8, 2), np.float32)
    bright[..., 1] = 2.0
    model.get_layer("logits").set_weights([bright, np.array([8.0, 0.0], np.float32)])
    return model


def save(path: Path) -> Path:
    """Write the network as ``edgevision train --head points`` does: a .keras file with its model card inside."""
    path.parent.mkdir(parents=True, exist_ok=True)
    network().save(path)
    preprocessing = Preprocessing(SIDE, SIDE, resize="stretch", mean=(0.0,), std=(255.0,))
    card = ModelCard("spots", "points", preprocessing, (LABEL,), "softmax", training={"cells": {"strides": [CELL]}})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("edgevision.json", card.dumps())
    return path


def write_photos(root: Path, count: int, seed: int = 0) -> Path:
    """Write noisy dark photos with up to four bright cells each, and Pascal VOC files."""
    random = np.random.default_rng(seed)
    side, cell = 2 * SIDE, 2 * CELL
    for number in range(count):
        pixels = random.integers(0, 40, (side, side, 3))
        boxes = []
        for place in random.choice(16, number % 5, replace=False).tolist():
            x, y = (2 * cell * part for part in divmod(place, 4))
            pixels[y : y + cell, x : x + cell] = random.integers(215, 256, 3)
            boxes.append((LABEL, (float(x), float(y), float(x + cell), float(y + cell))))
        name = f"photo{number:03d}"
        put(root / f"{name}.png", encode_png(Frame(pixels.astype(np.uint8), "RGB")))
        put(root / f"{name}.xml", voc_xml(Scene(f"{name}.png", side, side, tuple(boxes))))
    return root
