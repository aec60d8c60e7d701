"""Augmentation layers, also for images that several replicas share; importing this module loads TensorFlow."""

from __future__ import annotations

import math
from typing import Any

from ... import backend
from ..cluster.joint_random import own_rows

tf: Any = backend.tensorflow()  # sets up the environment before Keras is imported
import keras  # noqa: E402


class RandomWarp(keras.layers.Layer):  # type: ignore[misc]
    """Random flip, rotation, zoom and translation as one affine transform; active in training only.

    Keras' own four layers interpolate three times, which blurs the image and takes three times as long. Uncovered
    areas are filled by reflection.
    """

    def __init__(self, flip: str, rotation: float, zoom: float, translation: float) -> None:
        """Set the limits: ``rotation`` in degrees, ``zoom`` and ``translation`` as proportions (see ``Augmentation``)."""
        super().__init__(name="random_warp")
        self.flip, self.rotation, self.zoom, self.translation = flip, rotation, zoom, translation
        self.seed_generator = keras.random.SeedGenerator(0)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Warp a batch (batch, height, width, channels); the shape stays the same."""
        if not training:
            return inputs
        height, width = inputs.shape[1], inputs.shape[2]

        def draw(count: Any) -> Any:
            return keras.random.uniform((count, 6), -1.0, 1.0, seed=self.seed_generator)

        u = tf.ensure_shape(own_rows(draw, tf.shape(inputs)[0]), (None, 6))
        warped = tf.raw_ops.ImageProjectiveTransformV3(
            images=tf.cast(inputs, tf.float32),
            transforms=self.transforms(u, float(width), float(height)),
            output_shape=tf.constant([height, width]),
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="REFLECT",
        )
        return tf.cast(warped, inputs.dtype)

    def transforms(self, u: Any, width: float, height: float) -> Any:
        """Return the transforms (batch, 8) that map output pixels to input pixels, about the center of the image.

        ``u``: (batch, 6), uniform in -1..1: angle, zoom, horizontal and vertical shift, horizontal and vertical mirror.
        """
        angle = u[:, 0] * (self.rotation * math.pi / 180.0)
        scale = 1.0 + u[:, 1] * self.zoom
        mirror_x = _mirror(u[:, 4], self.flip in ("horizontal", "both"))
        mirror_y = _mirror(u[:, 5], self.flip in ("vertical", "both"))
        cos, sin = tf.cos(angle) * scale, tf.sin(angle) * scale
        xx, xy, yx, yy = cos * mirror_x, -sin * mirror_y, sin * mirror_x, cos * mirror_y
        center_x, center_y = (width - 1.0) / 2.0, (height - 1.0) / 2.0
        x0 = center_x - xx * center_x - xy * center_y + u[:, 2] * (self.translation * width)
        y0 = center_y - yx * center_x - yy * center_y + u[:, 3] * (self.translation * height)
        zero = tf.zeros_like(scale)
        return tf.stack([xx, xy, x0, yx, yy, y0, zero, zero], axis=1)


class ClippedNoise(keras.layers.GaussianNoise):  # type: ignore[misc]
    """Gaussian noise, clipped to the valid range of an image."""

    def __init__(self, stddev: float, low: float, high: float) -> None:
        super().__init__(stddev, name="clipped_noise")
        self.low, self.high = low, high

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Add the noise, in training only; any shape."""
        if not training:
            return inputs

        def draw(count: Any) -> Any:
            shape = (count, *inputs.shape[1:])
            return keras.random.normal(shape, 0.0, self.stddev, self.compute_dtype, self.seed_generator)

        return keras.ops.clip(inputs + own_rows(draw, tf.shape(inputs)[0]), self.low, self.high)


class Brightness(keras.layers.RandomBrightness):  # type: ignore[misc]
    """Random brightness of each image, also of images that several replicas share."""

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Return the change of each image of a batch."""
        return _of_each(super().get_random_transformation, "rgb_delta", data, training, seed)


class Contrast(keras.layers.RandomContrast):  # type: ignore[misc]
    """Random contrast of each image, also of images that several replicas share."""

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Return the factor of each image of a batch."""
        return _of_each(super().get_random_transformation, "contrast_factor", data, training, seed)


def _of_each(transformation: Any, name: str, data: Any, training: bool, seed: Any) -> Any:
    """Return what a layer of Keras draws for images of a joint batch, in one number for each."""
    if not training:
        return transformation(data, training, seed)

    def draw(count: Any) -> Any:
        return transformation(tf.zeros((count, 1, 1, 1)), True, seed)[name]

    return {name: tf.ensure_shape(own_rows(draw, tf.shape(data)[0]), (None, 1, 1, 1))}


def _mirror(u: Any, wanted: bool) -> Any:
    return tf.where(u < 0, -1.0, 1.0) if wanted else tf.ones_like(u)
