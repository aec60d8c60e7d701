"""Float .tflite files of a small Keras model, as other tools write them."""

from __future__ import annotations

from typing import Any

import numpy as np

HEIGHT, WIDTH = 24, 32


def classifier(first: tuple[Any, ...] = (), channels: int = 3, units: int = 3, end: str | None = "softmax") -> Any:
    """Return a small classifier with random weights; ``first`` holds the layers at its input."""
    from edgevision.convert import backend

    keras = backend.keras()
    keras.utils.set_random_seed(3)
    layers = keras.layers
    body = [
        layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(6.0),
        layers.DepthwiseConv2D(3, padding="same"),
        layers.ReLU(6.0),
        layers.GlobalAveragePooling2D(),
        layers.Dense(units, activation=end),
    ]
    return keras.Sequential([keras.Input((HEIGHT, WIDTH, channels)), *first, *body])


def channels_first(model: Any, before: Any = None) -> Any:
    """Return a model that takes (1, channels, height, width) and transposes it, as PyTorch's exporters write it.

    ``before``: what happens to the image before the transposition.
    """
    from edgevision.convert import backend

    keras = backend.keras()
    image = keras.Input((3, HEIGHT, WIDTH), batch_size=1)
    moved = keras.ops.transpose(image if before is None else before(image), (0, 2, 3, 1))
    return keras.Model(image, model(moved))


def to_tflite(model: Any, half: bool = False, dynamic_range: bool = False, int8: bool = False) -> bytes:
    """Convert as TensorFlow's documentation shows it, with a batch of any size.

    ``half``: float16 weights; ``dynamic_range``: int8 weights; ``int8``: int8 throughout.
    """
    from edgevision.convert import backend

    tf = backend.tensorflow()
    made = tf.lite.TFLiteConverter.from_keras_model(model)
    if half or dynamic_range or int8:
        made.optimizations = [tf.lite.Optimize.DEFAULT]
    if half:
        made.target_spec.supported_types = [tf.float16]
    if int8:
        made.representative_dataset = lambda: ([image[np.newaxis]] for image in noise(4).astype(np.float32))
    with backend.quiet():
        return bytes(made.convert())


def noise(count: int, channels: int = 3) -> np.ndarray:
    """Return random images, uint8 (count, HEIGHT, WIDTH, channels)."""
    return np.random.default_rng(0).integers(0, 256, (count, HEIGHT, WIDTH, channels), np.uint8)
