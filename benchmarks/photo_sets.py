"""Photo sets of ``training.py``: written as train/CLASS and test/CLASS; the seed draws what is learned from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from edgevision.convert.synthetic import THINGS, draw_set

from edgevision.datasets.boxes.open_boxes import open_boxes
from edgevision.datasets.boxes.records import Box

if TYPE_CHECKING:
    from edgevision.types import Pixels

CELLS_TRAIN, CELLS_TEST = 100, 70
"""Blood cells of each class to learn from, and to test with."""
DRAWN = tuple(THINGS)
DRAWN_TEST = 60
DRAWS = 5
"""Seed component of the draws."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the photos come from."""

    cats_and_dogs: Path | None
    blood_cells: Path | None


@dataclass(frozen=True, slots=True)
class PhotoSet:
    """A set of photos."""

    title: str
    per_class: tuple[int, ...] = ()
    """Photos of each class of cats and dogs to learn from; empty: blood cells."""
    drawn: int = 0
    """Drawn images of each class to learn from; 0: photos."""

    def write(self, sources: Sources, folder: Path, seed: int) -> Path:
        """Write the set into a folder and return it."""
        if self.drawn:
            draw_set(folder / "train", DRAWN, self.drawn, (DRAWS, seed))
            draw_set(folder / "test", DRAWN, DRAWN_TEST, DRAWS - 1)
            return folder
        if self.per_class:
            if sources.cats_and_dogs is None:
                raise SystemExit(f"{self.title}: give --cats-and-dogs DIR")
            return _cats_and_dogs(sources.cats_and_dogs, self.per_class, folder, seed)
        if sources.blood_cells is None:
            raise SystemExit(f"{self.title}: give --blood-cells DIR")
        return _cells(sources.blood_cells, folder, seed)


SETS = {
    "cats-dogs-50": PhotoSet("cats and dogs, 50 a class", (50, 50)),
    "cats-dogs-200": PhotoSet("cats and dogs, 200 a class", (200, 200)),
    "cats-dogs-800": PhotoSet("cats and dogs, 800 a class", (800, 800)),
    "cats-dogs": PhotoSet("cats and dogs, 1,000 a class", (1000, 1000)),
    "imbalanced": PhotoSet("800 cats and 80 dogs", (800, 80)),
    "cells": PhotoSet("three kinds of blood cells, 100 a class"),
    "drawn": PhotoSet("five kinds of drawn objects, 60 a class", drawn=60),
}


def _cats_and_dogs(source: Path, counts: tuple[int, ...], folder: Path, seed: int) -> Path:
    for count, name in zip(counts, ("cats", "dogs"), strict=True):
        paths = sorted((source / "train" / name).iterdir())
        random = np.random.default_rng([DRAWS, seed])
        chosen = [paths[index] for index in random.permutation(len(paths))[:count]]
        for part, some in (("train", chosen), ("test", sorted((source / "test" / name).iterdir()))):
            place = folder / part / name
            place.mkdir(parents=True)
            for path in some:
                (place / path.name).symlink_to(path.absolute())
    return folder


def _cells(source: Path, folder: Path, seed: int) -> Path:
    """Cut cells from microscope images. The first fifth of the images, permuted by default_rng(1), is for the test."""
    dataset = open_boxes(source)
    order = np.random.default_rng(1).permutation(len(dataset.images))
    tested = len(order) // 5
    parts = (("test", order[:tested], CELLS_TEST, 0), ("train", order[tested:], CELLS_TRAIN, seed))
    for part, indices, wanted, draw in parts:
        images = [dataset.images[index] for index in indices]
        for label, name in enumerate(dataset.labels):
            boxes = [(image, one.box) for image in images for one in image.boxes if one.label == label]
            chosen = np.random.default_rng([DRAWS, draw]).permutation(len(boxes))[:wanted]
            place = folder / part / name
            place.mkdir(parents=True)
            for number in chosen:
                image, box = boxes[number]
                (place / f"{number:04d}.png").write_bytes(_square(image.read().pixels, box))
    return folder


def _square(pixels: Pixels, box: Box) -> bytes:
    """Return the square around a box, inside the image (BGR), as PNG."""
    x0, y0, x1, y1 = box
    half = max(x1 - x0, y1 - y0) / 2
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    rows = slice(max(0, round(y - half)), round(y + half))
    columns = slice(max(0, round(x - half)), round(x + half))
    return bytes(cv2.imencode(".png", pixels[rows, columns])[1])
