"""Closed outlines in unit coordinates (x right, y down, an object fits the unit circle), and how to paint them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
"""Corners (x, y) of a closed outline, (n, 2)."""
Canvas = npt.NDArray[np.float32]
"""RGB image, 0..255, (height, width, 3)."""
Colour = tuple[float, float, float]
"""RGB color, 0..255."""
SUBPIXEL_BITS = 4


@dataclass(frozen=True, slots=True, eq=False)
class ShapePart:
    """One part of an object, in a single color."""

    outline: Points
    colour: Colour
    roundness: float = 0.25
    """Shading, 0..1: how much the lit side is lighter and the opposite side darker than the middle."""


def polar(radius: npt.NDArray[np.float64], centre: tuple[float, float] = (0.0, 0.0)) -> Points:
    """Return the outline with the given radii at evenly spaced angles, from the right, clockwise on screen."""
    angle = np.linspace(0.0, 2.0 * np.pi, len(radius), endpoint=False)
    return np.stack([centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)], axis=1)


def ellipse(x: float, y: float, width: float, height: float, angle: float = 0.0, corners: int = 36) -> Points:
    """Return an ellipse with center (x, y) and half axes width and height, rotated by ``angle`` (radians)."""
    t = np.linspace(0.0, 2.0 * np.pi, corners, endpoint=False)
    return np.array([x, y]) + turned(np.stack([width * np.cos(t), height * np.sin(t)], axis=1), angle)


def blade(length: float, width: float, angle: float, root: tuple[float, float]) -> Points:
    """Return a leaf with two pointed ends, from ``root`` along ``angle`` (radians); ``width`` is its maximum width."""
    t = np.linspace(0.0, 1.0, 12)
    half = 0.5 * width * np.sin(np.pi * t) ** 0.8
    upper, lower = np.stack([t * length, half], axis=1), np.stack([t * length, -half], axis=1)
    return np.array(root) + turned(np.concatenate([upper, lower[-2:0:-1]]), angle)


def band(path: Points, width: npt.NDArray[np.float64]) -> Points:
    """Return the outline of a stroke along ``path`` with the given width at each point."""
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) * (0.5 * width[:, None])
    return np.concatenate([path + across, (path - across)[::-1]])


def arc(
    centre: tuple[float, float], radius: tuple[float, float], start: float, end: float, corners: int = 24
) -> Points:
    """Return points of an elliptic arc from ``start`` to ``end`` (radians)."""
    t = np.linspace(start, end, corners)
    return np.stack([centre[0] + radius[0] * np.cos(t), centre[1] + radius[1] * np.sin(t)], axis=1)


def turned(points: Points, angle: float) -> Points:
    """Return points rotated about the origin by ``angle`` (radians, clockwise on screen)."""
    c, s = np.cos(angle), np.sin(angle)
    return np.asarray(points @ np.array([[c, s], [-s, c]]), np.float64)


def fill(canvas: Canvas, outline: Points, colour: Colour, roundness: float = 0.0, light: float = 0.0) -> None:
    """Paint the inside of an outline (pixels), lighter towards ``light`` (radians). Changes ``canvas``."""
    found = _mask(canvas, outline)
    if found is None:
        return
    (y, x), mask = found
    alpha = mask[..., None].astype(np.float32) * np.float32(1.0 / 255.0)
    paint = np.asarray(colour, np.float32)
    if roundness:
        paint = np.clip(paint * (1.0 + roundness * _ramp(mask.shape, light)[..., None]), 0.0, 255.0)
    region = canvas[y : y + mask.shape[0], x : x + mask.shape[1]]
    region += alpha * (paint - region)


def shade(canvas: Canvas, outline: Points, strength: float, softness: float) -> None:
    """Darken the inside of an outline (pixels) by ``strength``, 0..1, blurred by ``softness`` pixels. Changes ``canvas``."""
    found = _mask(canvas, outline, margin=int(3 * softness) + 1)
    if found is None:
        return
    (y, x), mask = found
    soft = cv2.GaussianBlur(mask, (0, 0), max(softness, 0.3)).astype(np.float32)
    canvas[y : y + mask.shape[0], x : x + mask.shape[1]] *= 1.0 - soft[..., None] * np.float32(strength / 255.0)


def _mask(canvas: Canvas, outline: Points, margin: int = 1) -> tuple[tuple[int, int], npt.NDArray[np.uint8]] | None:
    """Return the top left corner (y, x) of an outline's bounding box and the coverage in it, 0..255.

    Returns None if the outline lies outside the canvas.
    """
    height, width = canvas.shape[:2]
    x0, y0 = np.maximum(np.floor(outline.min(axis=0)).astype(int) - margin, 0)
    x1, y1 = np.minimum(np.ceil(outline.max(axis=0)).astype(int) + margin + 1, (width, height))
    if x0 >= x1 or y0 >= y1:
        return None
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    corners = np.round((outline - (x0, y0)) * (1 << SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillPoly(mask, [corners], 255, cv2.LINE_AA, SUBPIXEL_BITS)
    return (int(y0), int(x0)), mask


def _ramp(shape: tuple[int, ...], light: float) -> npt.NDArray[np.float32]:
    """Return a linear ramp over a box, rising from about -1 to +1 towards ``light`` (radians)."""
    y = np.linspace(-1.0, 1.0, shape[0], dtype=np.float32)[:, None]
    x = np.linspace(-1.0, 1.0, shape[1], dtype=np.float32)[None, :]
    return (x * np.float32(np.cos(light)) + y * np.float32(np.sin(light))) * np.float32(0.75)
