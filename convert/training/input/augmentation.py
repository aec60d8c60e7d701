"""Random augmentation of training images as Keras layers: geometry in one interpolation, then color, then noise."""

from __future__ import annotations

from typing import Any

from edgevision.preprocessing.spec import Preprocessing

from ... import backend
from ..config.augmentation import Augmentation


def augmenter(augmentation: Augmentation, preprocessing: Preprocessing) -> Any:
    """Return a Keras model that augments images (batch, height, width, channels), in the network's normalized values.

    It changes images only when called with ``training=True``.
    """
    keras = backend.keras()
    from .augment_layers import Brightness, ClippedNoise, Contrast, RandomWarp

    low, high = (0 - preprocessing.mean[0]) / preprocessing.std[0], (255 - preprocessing.mean[0]) / preprocessing.std[0]
    a = augmentation
    layers: list[Any] = [keras.Input((preprocessing.height, preprocessing.width, preprocessing.channels))]
    if a.flip != "none" or a.rotation or a.zoom or a.translation:
        layers.append(RandomWarp(a.flip, a.rotation, a.zoom, a.translation))
    if a.brightness:
        layers.append(Brightness(a.brightness, value_range=(low, high)))
    if a.contrast:
        layers.append(Contrast(a.contrast, value_range=(low, high)))
    if a.noise:
        layers.append(ClippedNoise(a.noise * (high - low), low, high))
    if len(layers) == 1:
        layers.append(keras.layers.Identity())  # Keras cannot run a Sequential that has only an Input
    return keras.Sequential(layers, name="augment")


def reseed(model: Any, *numbers: int) -> None:
    """Seed every random generator of a Keras model, so that its output depends on these numbers only."""
    keras = backend.keras()
    for index, layer in enumerate(model._flatten_layers(include_self=False)):
        for generator in (getattr(layer, "seed_generator", None), getattr(layer, "generator", None)):
            if isinstance(generator, keras.random.SeedGenerator):
                generator.state.assign(_words(index, *numbers))


def _words(*numbers: int) -> list[int]:
    """Return two 32-bit words derived from the numbers."""
    import numpy as np

    return [int(word) for word in np.random.SeedSequence(list(numbers)).generate_state(2, np.uint32)]
