"""Augmentation with boxes: a box stays on its object, whatever happens to the image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from edgevision.convert.training.detector.augmentation import PRESETS, BoxAugmentation, Sample, augmented, mosaic
from hypothesis import given
from hypothesis import strategies as st

SIDE = 96
STRONG = replace(PRESETS["strong"], flip="both")


def scene(x0: int, y0: int, width: int, height: int, side: int = 128) -> Sample:
    """Return a black image with a white object."""
    pixels = np.zeros((side, side, 3), np.uint8)
    pixels[y0 : y0 + height, x0 : x0 + width] = 255
    box = np.asarray([[x0, y0, x0 + width, y0 + height]], np.float32) / np.float32(side)
    return Sample(pixels, box, np.asarray([3], np.int32))


def extent(pixels: np.ndarray) -> np.ndarray:
    """Return the box around the white pixels, in pixels."""
    rows, columns = np.nonzero(pixels.min(axis=2) > 190)
    return np.asarray([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


boxes = st.tuples(st.integers(4, 60), st.integers(4, 60), st.integers(24, 60), st.integers(24, 60))


@given(boxes, st.integers(0, 2**32 - 1))
def test_box_stays_on_its_object(box: tuple[int, int, int, int], seed: int) -> None:
    limits = replace(STRONG, brightness=0.0, contrast=0.0)
    found = augmented(scene(*box), SIDE, limits, np.random.default_rng(seed))
    assert found.pixels.shape == (SIDE, SIDE, 3)
    assert found.pixels.dtype == np.uint8
    assert found.classes.tolist() == [3]
    assert np.abs(extent(found.pixels) - found.boxes[0] * SIDE).max() <= 2.0


@given(boxes, st.integers(0, 2**32 - 1))
def test_boxes_stay_in_the_image_and_have_an_area(box: tuple[int, int, int, int], seed: int) -> None:
    (found,) = augmented(scene(*box), SIDE, STRONG, np.random.default_rng(seed)).boxes
    assert (found >= 0).all()
    assert (found <= 1).all()
    assert (found[2:] > found[:2]).all()


def test_same_seed_gives_the_same_image() -> None:
    first, second, other = (augmented(scene(20, 30, 40, 50), SIDE, STRONG, np.random.default_rng(n)) for n in (5, 5, 6))
    assert np.array_equal(first.pixels, second.pixels)
    assert np.array_equal(first.boxes, second.boxes)
    assert not np.array_equal(first.pixels, other.pixels)


def test_without_limits_the_whole_image_is_resized() -> None:
    found = augmented(scene(32, 16, 64, 32), SIDE, BoxAugmentation(), np.random.default_rng(0))
    assert np.allclose(found.boxes, [[0.25, 0.125, 0.75, 0.375]])
    assert np.abs(extent(found.pixels) - found.boxes[0] * SIDE).max() <= 1.0


def test_image_without_objects_stays_without() -> None:
    empty = Sample(np.zeros((64, 64, 3), np.uint8), np.zeros((0, 4), np.float32), np.zeros(0, np.int32))
    found = augmented(empty, SIDE, STRONG, np.random.default_rng(1))
    assert found.boxes.shape == (0, 4)
    assert found.classes.shape == (0,)


def test_mosaic_keeps_the_boxes_of_four_images() -> None:
    samples = [scene(20 + 10 * number, 30, 40, 40) for number in range(4)]
    found = mosaic(samples, SIDE, np.random.default_rng(2))
    assert found.boxes.shape == (4, 4)
    for x0, y0, x1, y1 in np.rint(found.boxes * SIDE).astype(int):
        assert found.pixels[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2].min() > 190
    covered = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in found.boxes * SIDE)
    assert abs(covered - (found.pixels.min(axis=2) > 127).sum()) < 0.1 * covered
