"""Augmented copies of images, as the teacher and the student see them: the same crop, at the size of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.datasets.dataset import Item
from edgevision.preprocessing.spec import Preprocessing
from edgevision.preprocessing.transform import LUMA, LUMA_UNIT

from ... import backend
from ..config.augmentation import Augmentation
from ..input.augmentation import augmenter, reseed
from ..input.batches import real_values
from ..input.image_cache import FreshPixels, Note, new_pixels
from ..network.network import Network, for_inference

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.types import Pixels

    Floats = npt.NDArray[np.float32]

BATCH = 32
STREAM = 7003
"""Seed component that separates the random numbers of these copies from others."""


@dataclass(frozen=True, slots=True, eq=False)
class Copies:
    """Copies of n images; the first copy of each is not augmented."""

    pixels: Pixels
    """Images of the student, uint8 (copies * n, side, side, 3), copy by copy."""
    features: Floats
    """Pooled features of the teacher, (copies, n, features)."""


@dataclass(frozen=True, slots=True, eq=False)
class CopyMaker:
    """Makes copies for a teacher and a student."""

    teacher: Preprocessing
    student: Preprocessing
    features: Any
    """Compiled function from the teacher's images to its pooled features."""
    augment: Any
    """Augmentation layers, kept to reseed their random generators."""
    augmented: Any
    """Augmentation as a compiled function of the teacher's images."""
    shrink: Any
    """Compiled function from the teacher's images to bytes at the student's size."""
    width: int
    """Number of pooled features."""

    def make(
        self,
        items: Sequence[Item],
        copies: int,
        seed: int,
        place: tuple[Path, Note],
        progress: Callable[[int], None] = lambda done: None,
    ) -> Copies:
        """Make the copies of images; ``place``: folder for what does not fit in memory, and receiver of a note about it.

        ``progress`` is called with the number of copies done. Raises BadImage, CannotWrite.
        """
        n = len(items)
        large, small = FreshPixels(items, self.teacher), FreshPixels(items, self.student)
        pixels = new_pixels(copies * n, self.student, *place)
        features = np.empty((copies, n, self.width), np.float32)
        for start in range(0, n, BATCH):
            some = np.arange(start, min(start + BATCH, n))
            images = backend.tensorflow().constant(real_values(large.rows(some), self.teacher))
            for copy in range(copies):
                reseed(self.augment, seed, STREAM, copy, start)
                shown = self.augmented(images) if copy else images
                features[copy, some] = self.features(shown).numpy()
                # The unchanged copy is prepared as on the device, without the teacher's size in between.
                pixels[copy * n + some] = self.shrink(shown).numpy() if copy else small.rows(some)
            progress(copies * (start + len(some)))
        large.close()
        small.close()
        return Copies(pixels, features)


def copy_maker(teacher: Network, student: Preprocessing, augmentation: Augmentation) -> CopyMaker:
    """Compile what makes copies for a teacher and a student, whose images become square in the same way."""
    keras, tf = backend.keras(), backend.tensorflow()
    rule = teacher.choice.preprocessing(student.resize)
    pooled = keras.Model(teacher.backbone.input, teacher.head[0](teacher.backbone.output))
    augment = augmenter(augmentation, rule)
    signature = [tf.TensorSpec((None, rule.height, rule.width, rule.channels), tf.float32)]
    method = "area" if student.height <= rule.height else "bilinear"

    def shrink(images: Any) -> Any:
        values = tf.image.resize(images * rule.std[0] + rule.mean[0], (student.height, student.width), method)
        rounded = tf.cast(tf.round(tf.clip_by_value(values, 0.0, 255.0)), tf.int32)
        if student.channels < rule.channels:  # gray as edgevision.preprocessing computes it
            rounded = (tf.reduce_sum(rounded * tf.constant(LUMA), -1, keepdims=True) + LUMA_UNIT // 2) // LUMA_UNIT
        return tf.cast(rounded, tf.uint8)

    return CopyMaker(
        teacher=rule,
        student=student,
        features=for_inference(pooled),
        augment=augment,
        augmented=tf.function(lambda x: augment(x, training=True), autograph=False, input_signature=signature),
        shrink=tf.function(shrink, autograph=False, input_signature=signature),
        width=int(pooled.output.shape[-1]),
    )
