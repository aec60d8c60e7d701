"""Augmentation settings and their presets."""

from __future__ import annotations

from dataclasses import dataclass, fields

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
