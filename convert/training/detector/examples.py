"""Images with their objects as a detector's training and validation read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.datasets.boxes.records import AnnotatedImage
from edgevision.evaluation.detection.records import TrueBoxes
from edgevision.preprocessing.geometry import plan
from edgevision.preprocessing.spec import Preprocessing

from ... import backend
from ..input.batches import real_values
from ..input.image_cache import PixelSource
from .augmentation import BoxAugmentation, Sample, augmented, mosaic

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Indices = npt.NDArray[np.intp]

WORKING_SCALE = 1.5
"""Side of the cached training images in sides of the input, so that a crop keeps its details."""
PADDING, IGNORED = -1, -2
"""Classes of rows without an object to learn: padding, and objects that count neither way."""
SAMPLE_STREAM = 7003
"""Seed component of the random changes of one image in one epoch."""


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The objects of one image, relative to the side of the network's input."""

    boxes: Floats
    """(n, 4) as x0, y0, x1, y1, 0..1."""
    classes: npt.NDArray[np.int32]
    """(n,)"""
    ignored: npt.NDArray[np.bool_]
    """(n,), whether an object counts neither way."""

    def in_pixels(self, side: int) -> TrueBoxes:
        """Return the objects in pixels of an input of this side, for the evaluation."""
        return TrueBoxes(self.boxes * np.float32(side), self.classes, self.ignored)


@dataclass(frozen=True, slots=True, eq=False)
class BoxExamples:
    """Images with their objects."""

    pixels: PixelSource
    """The images, square, resized as the network's input is but perhaps larger."""
    truths: tuple[Truth, ...]
    preprocessing: Preprocessing
    """Preprocessing of the network's input."""

    def __len__(self) -> int:
        return len(self.truths)

    def true_boxes(self) -> list[TrueBoxes]:
        """Return the objects of all images in pixels of the input."""
        return [truth.in_pixels(self.preprocessing.width) for truth in self.truths]

    def sample(self, index: int) -> Sample:
        """Return an image with its objects."""
        truth = self.truths[index]
        classes = np.where(truth.ignored, np.int32(IGNORED), truth.classes)
        return Sample(self.pixels.rows(np.asarray([index]))[0], truth.boxes, classes)


def working_size(preprocessing: Preprocessing) -> Preprocessing:
    """Return the preprocessing of the cached training images."""
    side = round(WORKING_SCALE * preprocessing.width)
    return replace(preprocessing, width=side, height=side)


def truth_of(image: AnnotatedImage, preprocessing: Preprocessing) -> Truth:
    """Return the objects of an image where its preprocessed version shows them; those outside of it are left out."""
    geometry = plan(image.width, image.height, preprocessing)
    x, y, width, height = geometry.source
    left, top, shown_width, shown_height = geometry.target
    boxes = np.asarray([one.box for one in image.boxes], np.float32).reshape(-1, 4)
    scale = np.asarray([shown_width / width, shown_height / height] * 2)
    shifted = (boxes - np.asarray([x, y, x, y])) * scale + np.asarray([left, top, left, top])
    side = np.asarray([preprocessing.width, preprocessing.height] * 2)
    clipped = np.clip(shifted / side, 0.0, 1.0).astype(np.float32)
    classes = np.asarray([one.label for one in image.boxes], np.int32)
    ignored = np.asarray([one.difficult for one in image.boxes], bool)
    kept = (clipped[:, 2:] > clipped[:, :2]).all(axis=1)
    return Truth(clipped[kept], classes[kept], ignored[kept])


def batches(examples: BoxExamples, size: int, limits: BoxAugmentation, seed: tuple[int, ...], order: Indices) -> Any:
    """Return a prefetching tf.data.Dataset of (images, boxes (b, objects, 4) in pixels, classes (b, objects)).

    ``seed``: numbers that determine all random changes, such as those of the run and the epoch.
    """
    tf = backend.tensorflow()
    side = examples.preprocessing.width
    signature = (
        tf.TensorSpec((None, side, side, examples.preprocessing.channels), tf.float32),
        tf.TensorSpec((None, None, 4), tf.float32),
        tf.TensorSpec((None, None), tf.int32),
    )

    def generate() -> Iterator[tuple[Floats, Floats, npt.NDArray[np.int32]]]:
        for start in range(0, len(order), size):
            drawn = [drawn_sample(examples, int(index), limits, seed) for index in order[start : start + size]]
            yield as_batch(drawn, examples.preprocessing)

    return tf.data.Dataset.from_generator(generate, output_signature=signature).prefetch(2)


def drawn_sample(examples: BoxExamples, index: int, limits: BoxAugmentation, seed: tuple[int, ...]) -> Sample:
    """Return a random version of an image, which depends on the seed and the index only."""
    random = np.random.default_rng([*seed, SAMPLE_STREAM, index])
    side = examples.preprocessing.width
    combined = random.random() < limits.mosaic
    chosen = [index, *random.integers(len(examples), size=3)] if combined else [index]
    drawn = [augmented(examples.sample(int(one)), side, limits, random) for one in chosen]
    return mosaic(drawn, side, random) if combined else drawn[0]


def as_batch(samples: Sequence[Sample], preprocessing: Preprocessing) -> tuple[Floats, Floats, npt.NDArray[np.int32]]:
    """Return normalized images, boxes in pixels and classes; images with fewer objects are padded."""
    most = max(1, max(len(sample.boxes) for sample in samples))
    boxes = np.zeros((len(samples), most, 4), np.float32)
    classes = np.full((len(samples), most), PADDING, np.int32)
    for row, sample in enumerate(samples):
        boxes[row, : len(sample.boxes)] = sample.boxes * preprocessing.width
        classes[row, : len(sample.classes)] = sample.classes
    return real_values(np.stack([sample.pixels for sample in samples]), preprocessing), boxes, classes
