"""A small network that plain quantization breaks, and images for it."""

from __future__ import annotations

from typing import Any

import numpy as np

SIZE = 32
"""Pixels, both ways."""


def drawn(count: int, seed: int, size: int = SIZE, channels: int = 3) -> list[Any]:
    """Draw soft blotches of color with a little noise: adjacent pixels are alike, as in photos."""
    chance = np.random.default_rng(seed)
    blotches = chance.integers(0, 256, (count, size // 8, size // 8, channels))
    soft = np.kron(blotches, np.ones((1, 8, 8, 1))) + chance.normal(0, 12, (count, size, size, channels))
    return list(np.clip(soft, 0, 255).astype(np.uint8))


def unbalanced() -> Any:
    """Build a network of ten classes that breaks as small MobileNets do: each depthwise filter has one large tap.

    It leaves no steps for the other taps: they are rounded to zero, which shifts the output channels.
    """
    from edgevision.convert import backend

    keras = backend.keras()
    layers = keras.layers
    keras.utils.set_random_seed(4)
    body = [keras.Input((SIZE, SIZE, 3)), layers.Conv2D(12, 3, strides=2, padding="same"), layers.ReLU(6.0)]
    for filters in (16, 24):
        body += [
            layers.DepthwiseConv2D(7, padding="same"),
            layers.ReLU(6.0),
            layers.Conv2D(filters, 1),
            layers.ReLU(6.0),
        ]
    model = keras.Sequential([*body, layers.GlobalAveragePooling2D(), layers.Dense(10), layers.Softmax()])
    chance = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, layers.DepthwiseConv2D):
            shape = layer.get_weights()[0].shape
            taps = chance.uniform(0.04, 0.07, shape)
            taps[3, 3] = np.where(chance.random(shape[2]) < 0.7, 20.0, 0.3)[:, np.newaxis]
            layer.set_weights([taps * 0.3, np.zeros(shape[2])])
    real = np.stack([(p.astype(np.float32) - 127.5) / 127.5 for p in drawn(40, 1)])
    weights = 12 * model.layers[-2].get_weights()[0]
    model.layers[-2].set_weights([weights, np.zeros(10)])
    logits = keras.Model(model.inputs, model.layers[-2].output).predict(real, verbose=0)
    model.layers[-2].set_weights([weights, -logits.mean(0)])  # else one class wins on every image
    return model
