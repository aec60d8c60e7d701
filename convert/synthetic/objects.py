"""Objects that the demo classifies, each drawn from a few parts in typical but varying color and shape."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .shapes import Colour, ShapePart, arc, band, blade, ellipse, polar

Random = np.random.Generator
STEM: Colour = (96, 68, 42)


def apple(random: Random) -> list[ShapePart]:
    """Draw an apple: a round body with a dent at the stem, and a leaf."""
    skin = _tone(random, ((196, 32, 36), (214, 54, 44), (184, 40, 52), (156, 190, 58)), 16)
    angle = np.linspace(0.0, 2.0 * np.pi, 64, endpoint=False)
    top = np.exp(-((np.sin(angle) + 1.0) ** 2) * 30.0)
    bottom = np.exp(-((np.sin(angle) - 1.0) ** 2) * 40.0)
    radius = 0.82 + 0.02 * np.cos(2.0 * angle) - random.uniform(0.16, 0.24) * top - 0.07 * bottom
    body = polar(radius, (0.0, 0.16)) * (random.uniform(0.94, 1.06), 1.0)
    lean = random.uniform(-0.2, 0.2)
    stem = band(np.array([[0.0, -0.42], [0.3 * lean, -0.7], [lean, -0.95]]), np.array([0.08, 0.08, 0.12]))
    side = 0.0 if random.random() < 0.5 else np.pi
    leaf = blade(0.6, 0.3, side + (-0.45 if side == 0.0 else 0.45), (0.1 * lean, -0.6))
    shine = ellipse(-0.36, -0.14, 0.15, 0.24, 0.5)
    return [
        ShapePart(body, skin, 0.32),
        ShapePart(shine, _mix(skin, 0.5), 0.0),
        ShapePart(stem, STEM),
        ShapePart(leaf, _tone(random, ((84, 150, 52), (60, 122, 48)), 14)),
    ]


def banana(random: Random) -> list[ShapePart]:
    """Draw a banana: a tapered arc with dark ends and a lighter ridge."""
    peel = _tone(random, ((238, 204, 58), (226, 190, 60), (206, 206, 78)), 14)
    reach = random.uniform(0.95, 1.2)
    path = arc((0.0, -0.78), (1.0, 1.15), np.pi / 2 + reach, np.pi / 2 - reach)
    t = np.linspace(-1.0, 1.0, len(path))
    width = random.uniform(0.38, 0.48) * (1.0 - 0.72 * np.abs(t) ** 3)
    tip = _tone(random, ((92, 70, 40),), 10)
    first = band(path[:3] - (path[2] - path[0]) * 0.8, np.full(3, 0.14))
    last = band(path[-3:] + (path[-1] - path[-3]) * 0.25, np.full(3, 0.12))
    ridge = band(path[2:-2] - (0.0, 0.05), 0.16 * width[2:-2])
    return [
        ShapePart(first, tip),
        ShapePart(last, tip),
        ShapePart(band(path, width), peel, 0.22),
        ShapePart(ridge, _mix(peel, 0.4), 0.0),
    ]


def carrot(random: Random) -> list[ShapePart]:
    """Draw a carrot: a long cone with rings and green leaves."""
    root = _tone(random, ((236, 122, 32), (224, 102, 36), (240, 142, 52)), 14)
    y = np.linspace(-0.42, 1.0, 20)
    t = (y + 0.42) / 1.42
    half = random.uniform(0.3, 0.4) * (1.0 - t) ** 0.75 * np.minimum(1.0, 0.55 + 5.0 * t) + 0.015
    body = np.concatenate([np.stack([half, y], axis=1), np.stack([-half, y], axis=1)[::-1]])
    rings = []
    for place in random.uniform(0.1, 0.75, 4):
        span, side = float(np.interp(place, t, half)), random.choice((-1.0, 1.0))
        at = -0.42 + 1.42 * place
        line = np.array([[side * span * 0.95, at], [side * span * 0.3, at + 0.03]])
        rings.append(ShapePart(band(line, np.array([0.05, 0.03])), _mix(root, -0.35), 0.0))
    green = _tone(random, ((88, 160, 58), (64, 132, 52)), 14)
    angles = np.linspace(-0.75, 0.75, 5) - np.pi / 2 + random.uniform(-0.1, 0.1, 5)
    leaves = [blade(random.uniform(0.5, 0.66), 0.2, float(a), (0.0, -0.38)) for a in angles]
    tuft = [ShapePart(leaf, _shift(green, random.uniform(-18, 18))) for leaf in leaves]
    return [*tuft, ShapePart(body, root, 0.28), *rings]


def grapes(random: Random) -> list[ShapePart]:
    """Draw grapes: a bunch of round berries under a stem, narrow at the bottom."""
    skin = _tone(random, ((92, 52, 128), (118, 44, 98), (66, 56, 122)), 14)
    size = random.uniform(0.21, 0.25)
    parts = [ShapePart(band(np.array([[0.0, -0.5], [0.05, -0.8], [0.18, -1.0]]), np.array([0.07, 0.07, 0.1])), STEM)]
    for row, count in enumerate((3, 4, 3, 2, 1)):
        for place in range(count):
            x = (place - (count - 1) / 2) * 0.38 + random.uniform(-0.04, 0.04)
            y = -0.5 + row * 0.33 + random.uniform(-0.04, 0.04)
            berry = _shift(skin, random.uniform(-16, 16))
            parts.append(ShapePart(ellipse(x, y, size, size, corners=20), berry, 0.38))
            parts.append(ShapePart(ellipse(x - 0.08, y - 0.09, 0.05, 0.06, corners=10), _mix(berry, 0.55), 0.0))
    return parts


def mug(random: Random) -> list[ShapePart]:
    """Draw a mug: a cup with a handle, a rim and a dark drink."""
    glaze = _tone(random, ((58, 104, 176), (232, 230, 222), (62, 148, 150), (70, 128, 196)), 14)
    foot = random.uniform(0.44, 0.54)
    side = random.choice((-1.0, 1.0))
    handle = band(arc((0.52 * side, 0.12), (0.42 * side, 0.4), -1.5, 1.5), np.full(24, 0.17))
    bottom = arc((0.0, 0.72), (foot, 0.16), 0.0, np.pi)
    body = np.concatenate([np.array([[0.6, -0.52]]), bottom, np.array([[-0.6, -0.52]])])
    parts = [ShapePart(handle, _mix(glaze, -0.12), 0.2), ShapePart(body, glaze, 0.3)]
    if random.random() < 0.5:
        upper, lower = (np.interp(y, (-0.52, 0.72), (0.6, foot)) for y in (-0.12, 0.18))
        stripe = np.array([[-upper, -0.12], [upper, -0.12], [lower, 0.18], [-lower, 0.18]])
        parts.append(ShapePart(stripe, _mix(glaze, random.choice((-0.35, 0.45))), 0.3))
    drink = _tone(random, ((70, 42, 26), (104, 66, 36)), 10)
    rim, surface = ellipse(0.0, -0.52, 0.6, 0.2), ellipse(0.0, -0.5, 0.5, 0.14)
    return [*parts, ShapePart(rim, _mix(glaze, 0.25), 0.1), ShapePart(surface, drink, 0.15)]


THINGS: dict[str, Callable[[Random], list[ShapePart]]] = {
    "apple": apple,
    "banana": banana,
    "carrot": carrot,
    "grapes": grapes,
    "mug": mug,
}
"""Drawing function of each class name."""


def _tone(random: Random, choices: tuple[Colour, ...], spread: float) -> Colour:
    """Return one of the colors with each channel varied by up to ``spread``."""
    middle = np.array(choices[int(random.integers(len(choices)))])
    red, green, blue = np.clip(middle + random.uniform(-spread, spread, 3), 0.0, 255.0)
    return float(red), float(green), float(blue)


def _mix(colour: Colour, amount: float) -> Colour:
    """Mix a color with white (amount > 0) or black (amount < 0)."""
    goal = 255.0 if amount > 0 else 0.0
    red, green, blue = (c + abs(amount) * (goal - c) for c in colour)
    return red, green, blue


def _shift(colour: Colour, by: float) -> Colour:
    """Shift all channels of a color by the same amount."""
    red, green, blue = (min(255.0, max(0.0, c + by)) for c in colour)
    return red, green, blue
