"""Random augmentation of training images as Keras layers: geometry in one interpolation, then color, then noise."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from edgevision.rule import Rule

from . import backend

FLIPS = ("none", "horizontal", "vertical", "both")


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Limits of the random changes; each amount is drawn for each image."""

    flip: str = "none"
    """One of FLIPS; each direction with probability 0.5."""
    rotation: float = 0.0
    """Degrees, in either direction."""
    zoom: float = 0.0
    """0..0.9, proportion by which the field of view shrinks or grows."""
    translation: float = 0.0
    """0..0.9 of the side length, in either direction."""
    brightness: float = 0.0
    """0..1 of the full range, up or down."""
    contrast: float = 0.0
    """0..1, proportion by which the distance from the mean grows or shrinks."""
    noise: float = 0.0
    """Standard deviation of the noise, 0..1 of the full range; drawn for each value."""

    def __bool__(self) -> bool:
        return self != Augmentation()

    def describe(self) -> str:
        """Return a readable summary: ``flip horizontal, rotation 10, zoom 0.2`` or ``none``."""
        parts = [f"flip {self.flip}"] if self.flip != "none" else []
        parts += [f"{f.name} {getattr(self, f.name):g}" for f in fields(self)[1:] if getattr(self, f.name)]
        return ", ".join(parts) or "none"


PRESETS = {
    "none": Augmentation(),
    "light": Augmentation(flip="horizontal", rotation=10.0, zoom=0.15, translation=0.08, brightness=0.1, contrast=0.15),
    "strong": Augmentation(
        flip="horizontal", rotation=20.0, zoom=0.3, translation=0.15, brightness=0.2, contrast=0.3, noise=0.02
    ),
}


def augmenter(augmentation: Augmentation, rule: Rule) -> Any:
    """Return a Keras model that augments images (batch, height, width, channels), in the network's normalized values.

    It changes images only when called with ``training=True``.
    """
    keras = backend.keras()
    from .augment_layers import ClippedNoise, RandomWarp

    low, high = (0 - rule.mean[0]) / rule.std[0], (255 - rule.mean[0]) / rule.std[0]
    a = augmentation
    layers: list[Any] = [keras.Input((rule.height, rule.width, rule.channels))]
    if a.flip != "none" or a.rotation or a.zoom or a.translation:
        layers.append(RandomWarp(a.flip, a.rotation, a.zoom, a.translation))
    if a.brightness:
        layers.append(keras.layers.RandomBrightness(a.brightness, value_range=(low, high)))
    if a.contrast:
        layers.append(keras.layers.RandomContrast(a.contrast, value_range=(low, high)))
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
