"""Make tiny.tflite, which classifies red, green and blue: 16x16 RGB input, three scores, int8 with uint8 input and output.

Its weights are set by hand, so the results are known: python tests/data/make_tiny.py (requires the convert extra).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

SIDE = 16


def make() -> keras.Model:
    """Return the Keras model: a convolution that averages each channel, pooling, and a layer that picks the strongest."""
    layers = [
        keras.Input((SIDE, SIDE, 3)),
        keras.layers.Conv2D(4, 3, strides=2, activation="relu"),
        keras.layers.AveragePooling2D(7),
        keras.layers.Flatten(),
        keras.layers.Dense(3, activation="softmax"),
    ]
    model = keras.Sequential(layers)
    kernel = np.zeros((3, 3, 3, 4), np.float32)
    for channel in range(3):
        kernel[:, :, channel, channel] = 1 / 9
        kernel[:, :, channel, 3] = 1 / 27
    dense = np.zeros((4, 3), np.float32)
    dense[:3] = np.eye(3) * 4 - 1
    model.layers[0].set_weights([kernel, np.full(4, 0.25, np.float32)])
    model.layers[-1].set_weights([dense, np.array([0.1, 0.0, -0.1], np.float32)])
    return model


def samples() -> Iterator[list[np.ndarray]]:
    """Yield input tensors of plain colors with noise, and of black and white: (pixel - 127.5) / 127.5."""
    rng = np.random.default_rng(7)
    colours = [np.zeros(3), np.full(3, 255), *(np.eye(3) * 255), *rng.integers(0, 256, (60, 3))]
    for number, colour in enumerate(colours):
        noise = 0 if number < 2 else rng.normal(0, 20, (1, SIDE, SIDE, 3))
        pixels = np.clip(np.broadcast_to(colour, (1, SIDE, SIDE, 3)) + noise, 0, 255)
        yield [((pixels - 127.5) / 127.5).astype(np.float32)]


def convert(model: keras.Model) -> bytes:
    """Convert to int8 with a static batch of one, uint8 input and output, and one scale for the dense layer's weights."""
    function = tf.function(lambda x: model(x, training=False))
    concrete = function.get_concrete_function(tf.TensorSpec((1, SIDE, SIDE, 3), tf.float32, name="picture"))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = samples
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    return converter.convert()


if __name__ == "__main__":
    target = Path(__file__).with_name("tiny.tflite")
    target.write_bytes(convert(make()))
    print(target, target.stat().st_size, "bytes")
