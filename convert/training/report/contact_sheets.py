"""Contact sheets: augmented training images, and the most confidently wrong test images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgevision.evaluation.evaluate import Evaluation
from edgevision.preprocessing.spec import Preprocessing
from edgevision.preprocessing.transform import pixels

from ..config.augmentation import Augmentation
from ..input.augmentation import augmenter, reseed
from ..input.batches import Examples, real_values
from .plots import Tile, contact_sheet

if TYPE_CHECKING:
    from edgevision.types import Pixels

ROWS, COLUMNS = 4, 5
WORST, WORST_COLUMNS = 16, 4
WORST_SIDE = 200
"""Side in pixels at which a wrong image is shown, whatever the input size of the network."""


def write_samples(examples: Examples, labels: list[str], augmentation: Augmentation, seed: int, path: Path) -> None:
    """Write a PNG with one training image per row: the original, then augmented versions.

    ``labels``: caption of each example.
    """
    model = augmenter(augmentation, examples.preprocessing)
    reseed(model, seed)
    tiles: list[Tile] = []
    for where in _spread(labels, ROWS):
        plain = real_values(examples.pixels.rows(examples.indices[[where]]), examples.preprocessing)
        changed = np.asarray(model(np.repeat(plain, COLUMNS - 1, axis=0), training=True))
        tiles.append(Tile(_bytes(plain[0], examples.preprocessing), labels[where]))
        tiles += [Tile(_bytes(one, examples.preprocessing)) for one in changed]
    contact_sheet(tiles, COLUMNS, path)


def worst_tiles(evaluation: Evaluation, preprocessing: Preprocessing) -> list[tuple[str, Tile]]:
    """Return path and tile of the most confidently wrong test images, as the network saw them."""
    shown = replace(preprocessing, width=WORST_SIDE, height=WORST_SIDE)
    tiles = []
    for wrong in evaluation.metrics.worst[:WORST]:
        item = evaluation.items[wrong.index]
        caption = f"{wrong.true},\npredicted {wrong.predicted} {100 * wrong.score:.0f} %"
        tiles.append((item.path, Tile(_in_color(pixels(item.read(), shown)), caption, good=False)))
    return tiles


def write_worst(evaluation: Evaluation, preprocessing: Preprocessing, path: Path) -> None:
    """Write the most confidently wrong test images as one PNG, or nothing if there are none."""
    tiles = [tile for _, tile in worst_tiles(evaluation, preprocessing)]
    contact_sheet(tiles, min(WORST_COLUMNS, max(2, len(tiles))), path)


def _spread(labels: list[str], count: int) -> list[int]:
    """Return the indices of up to ``count`` images, spread over as many labels as possible."""
    by_label: dict[str, list[int]] = {}
    for index, label in enumerate(labels):
        by_label.setdefault(label, []).append(index)
    found: list[int] = []
    while len(found) < min(count, len(labels)):
        for places in by_label.values():
            if places:
                found.append(places.pop(len(places) // 2))
    return found[:count]


def _bytes(real: np.ndarray, preprocessing: Preprocessing) -> Pixels:
    """Convert real values of an image back to uint8."""
    value = real * preprocessing.std[0] + preprocessing.mean[0]
    return _in_color(np.clip(np.rint(value), 0, 255).astype(np.uint8))


def _in_color(shown: Pixels) -> Pixels:
    """Return an image with three channels, as plots need it."""
    return np.repeat(shown, 3, axis=2) if shown.shape[2] == 1 else shown
