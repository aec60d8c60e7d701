"""Contact sheets: what augmentation makes of the training pictures, and what the model got most wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgevision.evaluate import Evaluation
from edgevision.preprocess import pixels
from edgevision.rule import Rule

from ..augment import Augmentation, augmenter, reseed
from ..batches import Examples, real_values
from ..plots import Tile, contact_sheet

if TYPE_CHECKING:
    from edgevision.data import Pixels

ROWS, COLUMNS = 4, 5
WORST, WORST_COLUMNS = 16, 4
WORST_SIDE = 200
"""Pixels at which a wrong picture is shown, whatever the network takes."""


def write_samples(examples: Examples, labels: list[str], augmentation: Augmentation, seed: int, path: Path) -> None:
    """One training picture a row: as it is, then as the network may see it. ``labels``: of each example, for people."""
    model = augmenter(augmentation, examples.rule)
    reseed(model, seed)
    tiles: list[Tile] = []
    for where in _spread(labels, ROWS):
        plain = real_values(examples.pixels.rows(examples.indices[[where]]), examples.rule)
        changed = np.asarray(model(np.repeat(plain, COLUMNS - 1, axis=0), training=True))
        tiles.append(Tile(_bytes(plain[0], examples.rule), labels[where]))
        tiles += [Tile(_bytes(one, examples.rule)) for one in changed]
    contact_sheet(tiles, COLUMNS, path)


def worst_tiles(evaluation: Evaluation, rule: Rule) -> list[tuple[str, Tile]]:
    """The most confidently wrong test pictures, as the network saw them: path and picture."""
    shown = replace(rule, width=WORST_SIDE, height=WORST_SIDE)
    tiles = []
    for wrong in evaluation.verdict.judgement.worst[:WORST]:
        item = evaluation.items[wrong.index]
        caption = f"{wrong.true},\ntaken for {wrong.predicted} {100 * wrong.score:.0f} %"
        tiles.append((item.path, Tile(pixels(item.read(), shown), caption, good=False)))
    return tiles


def write_worst(evaluation: Evaluation, rule: Rule, path: Path) -> None:
    """The most confidently wrong test pictures as one PNG; nothing where there are none."""
    tiles = [tile for _, tile in worst_tiles(evaluation, rule)]
    contact_sheet(tiles, min(WORST_COLUMNS, max(2, len(tiles))), path)


def _spread(labels: list[str], count: int) -> list[int]:
    """Places of some pictures, of as many different labels as there are."""
    by_label: dict[str, list[int]] = {}
    for index, label in enumerate(labels):
        by_label.setdefault(label, []).append(index)
    found: list[int] = []
    while len(found) < min(count, len(labels)):
        for places in by_label.values():
            if places:
                found.append(places.pop(len(places) // 2))
    return found[:count]


def _bytes(real: np.ndarray, rule: Rule) -> Pixels:
    """Real values of a picture as bytes again."""
    value = real * rule.std[0] + rule.mean[0]
    return np.clip(np.rint(value), 0, 255).astype(np.uint8)
