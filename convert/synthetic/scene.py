"""Scenes: objects on a surface, lit, possibly partly covered, as a small camera would see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgevision.types import Frame

from .backgrounds import background
from .objects import THINGS
from .shapes import Canvas, Colour, Points, ShapePart, fill, shade, turned

if TYPE_CHECKING:
    from edgevision.types import Pixels

Random = np.random.Generator
ASPECT = 4.0 / 3.0
"""Aspect ratio (width over height) of every image."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Position, size and orientation of an object."""

    x: float
    """Center, in image heights from the left edge."""
    y: float
    """Center, in image heights from the top edge."""
    radius: float
    """Radius of the enclosing circle, in image heights."""
    angle: float
    """Rotation in radians, clockwise."""
    squeeze: float = 1.0
    """Vertical scale, 0..1: foreshortening when seen from the side."""


@dataclass(frozen=True, slots=True)
class Light:
    """Lighting of a scene and camera effects."""

    direction: float
    """Direction of the light source in radians."""
    gain: float
    """Brightness factor; 1 leaves the image unchanged."""
    slope: float
    """Unevenness of the lighting, 0..1."""
    tint: Colour
    """Factor of each channel, close to 1."""
    blur: float
    """Standard deviation of the blur, in thousandths of the image height."""
    noise: float
    """Standard deviation of the noise of each channel, in units of 0..255."""


def random_pose(random: Random, largest: float = 0.48) -> Pose:
    """Return a random pose near the center; ``largest`` is the largest radius."""
    radius = random.uniform(0.3, largest)
    room_x, room_y = ASPECT / 2 - 0.8 * radius, 0.5 - 0.8 * radius
    return Pose(
        x=ASPECT / 2 + random.uniform(-room_x, room_x),
        y=0.5 + random.uniform(-room_y, room_y),
        radius=radius,
        angle=random.normal(0.0, 0.5),
        squeeze=random.uniform(0.8, 1.0),
    )


def random_light(random: Random) -> Light:
    """Return a random light: dark to bright, warm to cool, sharp to blurred, clean to noisy."""
    warmth = random.uniform(-0.08, 0.08)
    return Light(
        direction=random.uniform(0.0, 2.0 * np.pi),
        gain=random.uniform(0.65, 1.15),
        slope=random.uniform(0.0, 0.35),
        tint=(1.0 + warmth, 1.0, 1.0 - warmth),
        blur=max(0.0, random.uniform(-3.0, 8.0)),
        noise=random.uniform(1.0, 11.0),
    )


def draw_picture(name: str, random: Random, width: int) -> Frame:
    """Draw a random RGB image of one object, ``width`` x ``width / ASPECT`` pixels; about 30 % are partly covered."""
    canvas = background(random, width, round(width / ASPECT))
    light = random_light(random)
    pose = random_pose(random)
    place(canvas, THINGS[name](random), pose, light)
    if random.random() < 0.3:
        cover(canvas, pose, random)
    return Frame(expose(canvas, light, random), "RGB")


def draw_table(random: Random, width: int, height: int) -> Frame:
    """Draw a random RGB image of one to five objects, side by side or overlapping."""
    canvas = background(random, width, height)
    light = random_light(random)
    aspect = width / height
    for _ in range(int(random.integers(1, 6))):
        thing = THINGS[str(random.choice(list(THINGS)))]
        x, y = random.uniform(0.15, aspect - 0.15), random.uniform(0.15, 0.85)
        radius = random.uniform(0.15, 0.4) * min(1.0, aspect)
        place(canvas, thing(random), Pose(x, y, radius, random.uniform(0.0, 2.0 * np.pi)), light)
    return Frame(expose(canvas, light, random), "RGB")


def place(canvas: Canvas, parts: Sequence[ShapePart], pose: Pose, light: Light) -> Points:
    """Paint an object and its shadow, and return the object's convex outline (pixels). Changes ``canvas``."""
    height = canvas.shape[0]
    away = -0.07 * pose.radius * height * np.array([np.cos(light.direction), np.sin(light.direction)])
    outlines = [_to_pixels(part.outline, pose, height) for part in parts]
    hull = cv2.convexHull(np.concatenate(outlines).astype(np.float32))
    whole: Points = hull[:, 0].astype(np.float64)
    shade(canvas, whole + 1.5 * away, 0.35, 0.08 * pose.radius * height)
    for part, outline in zip(parts, outlines, strict=True):
        fill(canvas, outline, part.colour, part.roundness, light.direction)
    return whole


def cover(canvas: Canvas, pose: Pose, random: Random) -> None:
    """Hide up to a third of the object behind a sheet that extends to the border. Changes ``canvas``."""
    height = canvas.shape[0]
    angle = random.uniform(0.0, 2.0 * np.pi)
    distance = random.uniform(0.4, 0.9) * pose.radius
    corners = turned(np.array([[distance, -3.0], [3.0, -3.0], [3.0, 3.0], [distance, 3.0]]), angle)
    sheet = corners + np.array([pose.x, pose.y])
    colour = tuple(random.uniform(50.0, 220.0) + random.uniform(-25.0, 25.0, 3))
    shade(canvas, sheet * height, 0.3, 0.015 * height)
    fill(canvas, sheet * height, colour, 0.1, angle)


def expose(canvas: Canvas, light: Light, random: Random) -> Pixels:
    """Apply uneven light, tint, blur and noise to a scene and return it as uint8 RGB."""
    height, width = canvas.shape[:2]
    y = np.linspace(-1.0, 1.0, height, dtype=np.float32)[:, None]
    x = np.linspace(-1.0, 1.0, width, dtype=np.float32)[None, :]
    toward = x * np.float32(np.cos(light.direction)) + y * np.float32(np.sin(light.direction))
    seen = canvas * (light.gain * (1.0 + light.slope * toward))[..., None] * np.asarray(light.tint, np.float32)
    sigma = light.blur * height / 1000.0
    if sigma > 0.2:
        seen = cv2.GaussianBlur(seen, (0, 0), sigma)
    seen += random.standard_normal(seen.shape, np.float32) * np.float32(light.noise)
    return np.clip(np.round(seen), 0, 255).astype(np.uint8)


def _to_pixels(outline: Points, pose: Pose, height: int) -> Points:
    """Convert unit coordinates of an object to image pixels."""
    lying = turned(outline, pose.angle) * (1.0, pose.squeeze)
    return (lying * pose.radius + (pose.x, pose.y)) * height
