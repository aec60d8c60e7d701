"""Draw predictions onto images: boxes, points, masks and labels that are readable at any size."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import replace
from math import hypot
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..types import Detection, Frame, Keypoint, Point, Prediction
from .segmentation import UNSEEN, nearest_pixels, stretch
from .skeleton import bones, visible
from .text import MAX_LETTERS, Colour, label

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..types import Pixels

Place = tuple[float, float]
SMALLEST = 240
"""Images with a shorter side below this (pixels) are enlarged by an integer factor, so that text fits."""
LONGEST = 4096
"""Largest longer side of an enlarged image (pixels)."""
MASK_OPACITY = 0.45
SMALLEST_LETTERS = 12
"""Smallest readable text (pixels)."""
MAX_LINES = 8
"""Maximum number of lines in a list of labels."""
DARK, SHAPES = (0, 0, 0), (255, 255, 255)
"""Colors of the outline of everything, and of lines and zones."""
SHAPE_PAPER = (48, 48, 48)
HOT = (235, 40, 30)
"""Color of what is unusual."""
UNKNOWN_PAPER = (96, 96, 96)
BACKGROUND = "background"
"""Name of the class that is not colored."""
GOLDEN = 0.618034
"""Hue difference between consecutive classes, as a share of the color circle, so that neighbors look different."""


def annotate(frame: Frame, prediction: Prediction) -> Frame:
    """Return a copy of a frame with the prediction drawn on it, in the frame's RGB or BGR; gray becomes RGB.

    Lines and text scale with the image. An image under SMALLEST pixels is enlarged by an integer factor.
    """
    canvas, factor = _canvas(frame)
    pen = _Pen(canvas, bgr=frame.order == "BGR")
    if prediction.mask is not None:
        pen.mask(prediction.mask, uncoloured=frozenset(r.index for r in prediction.regions if r.name == BACKGROUND))
    if prediction.anomaly is not None and prediction.heat is not None:
        pen.heat(prediction.heat, prediction.anomaly.threshold)
    for zone in prediction.zones:
        pen.zone(zone.corners)
    for line in prediction.counts:
        pen.counting_line(line.start, line.end)
    for found in reversed(prediction.objects):
        if found.mask is not None:
            pen.object_mask(found.mask, found, factor)
        pen.box(found, factor)
        pen.skeleton(found, factor)
    for found in prediction.objects:
        pen.box_label(found, factor)
    for point in reversed(prediction.points):
        pen.point(point, factor)
    for point in prediction.points:
        pen.point_label(point, factor)
    pen.lines(_lines(prediction))
    return replace(frame, pixels=canvas, order="BGR" if frame.order == "BGR" else "RGB")


def colour(index: int) -> Colour:
    """Return the color of a class (red, green, blue): fixed, bright, and different from that of its neighbors."""
    red, green, blue = colorsys.hsv_to_rgb((0.58 + index * GOLDEN) % 1.0, 0.75, 0.95)
    return round(red * 255), round(green * 255), round(blue * 255)


class _Pen:
    """A canvas, its line and text sizes, and the areas taken by labels."""

    def __init__(self, canvas: Pixels, bgr: bool) -> None:
        self.canvas, self.bgr = canvas, bgr
        self.height, self.width = canvas.shape[:2]
        # Between the shorter side and the mean of both, since a panorama has little space for text.
        extent = min((self.width * self.height) ** 0.5, 1.5 * min(self.width, self.height))
        self.letters = max(SMALLEST_LETTERS, round(extent / 32))
        self.stroke = max(1, round(extent / 260))
        self.radius = max(2, round(extent / 100))
        self.taken: list[tuple[int, int, int, int]] = []

    def mask(self, mask: Pixels, uncoloured: frozenset[int]) -> None:
        """Color each class; edges between classes are opaque."""
        table = np.array([self._order(colour(i)) for i in range(UNSEEN + 1)], np.float32)
        full = stretch(mask, self.width, self.height)
        plain = np.isin(full, [*uncoloured, UNSEEN])
        opacity = np.where(_edges(full, self.stroke), 1.0, MASK_OPACITY)[..., np.newaxis].astype(np.float32)
        mixed = self.canvas * (1.0 - opacity) + table[full] * opacity
        np.copyto(self.canvas, np.rint(mixed).astype(np.uint8), where=~plain[..., np.newaxis])

    def heat(self, heat: npt.NDArray[np.float32], threshold: float) -> None:
        """Color what is unusual in red, the more the higher its score; outline what reaches the threshold."""
        rows, columns = (nearest_pixels(*sides) for sides in zip(heat.shape, (self.height, self.width), strict=True))
        smooth = cv2.blur(
            heat[rows[:, np.newaxis], columns], (self.width // heat.shape[1] | 1, self.height // heat.shape[0] | 1)
        )
        opacity = np.clip((smooth - 0.9 * threshold) / max(1e-6, 1.0 - 0.9 * threshold), 0, 1)[..., np.newaxis]
        hot = np.array(self._order(HOT), np.float32)
        np.copyto(self.canvas, np.rint(self.canvas * (1 - opacity) + hot * opacity).astype(np.uint8))
        outlines, _ = cv2.findContours(
            (smooth >= threshold).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
        )
        cv2.drawContours(self.canvas, outlines, -1, self._order(HOT), self.stroke, cv2.LINE_AA)

    def object_mask(self, mask: Pixels, found: Detection, factor: int) -> None:
        """Color an object in its class's color; its edge is opaque. Only the pixels of its box are touched."""
        x0, y0, x1, y1 = self._corners(found, factor)
        rows = nearest_pixels(mask.shape[0], self.height)[y0 : y1 + 1]
        columns = nearest_pixels(mask.shape[1], self.width)[x0 : x1 + 1]
        inside = np.asarray(mask[rows[:, np.newaxis], columns] == 1)
        part = self.canvas[y0 : y1 + 1, x0 : x1 + 1]
        around = np.ones((2 * self.stroke + 1, 2 * self.stroke + 1), np.uint8)
        core = cv2.erode(inside.astype(np.uint8), around, borderType=cv2.BORDER_CONSTANT, borderValue=0)
        opacity = np.where(core, MASK_OPACITY, 1.0)[..., np.newaxis].astype(np.float32)
        mixed = part * (1.0 - opacity) + np.array(self._order(colour(found.index)), np.float32) * opacity
        np.copyto(part, np.rint(mixed).astype(np.uint8), where=inside[..., np.newaxis])

    def skeleton(self, found: Detection, factor: int) -> None:
        """Draw the key points of an object as dots, joined by the lines of a skeleton."""
        points = visible(found.keypoints)
        places = {name: self._place(point, factor) for name, point in points.items()}
        ink = self._order(colour(found.index))
        for first, second in bones(points):
            cv2.line(self.canvas, places[first.name], places[second.name], ink, self.stroke, cv2.LINE_8)
        for place in places.values():
            for dot, radius in (((0, 0, 0), self.stroke + 2), (ink, self.stroke + 1)):
                cv2.circle(self.canvas, place, radius, dot, cv2.FILLED, cv2.LINE_8)

    def box(self, found: Detection, factor: int) -> None:
        """Draw a box in the class's color with a dark outline, visible on any background."""
        x0, y0, x1, y1 = self._corners(found, factor)
        for ink, width in ((DARK, self.stroke + 2), (colour(found.index), self.stroke)):
            cv2.rectangle(self.canvas, (x0, y0), (x1, y1), self._order(ink), width, cv2.LINE_8)

    def zone(self, corners: Sequence[Place]) -> None:
        """Outline an area, given as fractions of the image."""
        path = np.array([self._pixel(point) for point in corners], np.int32)
        for ink, width in self._inks():
            cv2.polylines(self.canvas, [path], True, ink, width, cv2.LINE_8)

    def counting_line(self, start: Place, end: Place) -> None:
        """Draw a line, given as fractions of the image, with an arrow to its right, which is forward."""
        (x0, y0), (x1, y1) = self._pixel(start), self._pixel(end)
        scale = 1.5 * self.letters / max(1.0, hypot(x1 - x0, y1 - y0))
        middle = (x0 + x1) // 2, (y0 + y1) // 2
        tip = middle[0] + round((y0 - y1) * scale), middle[1] + round((x1 - x0) * scale)
        for ink, width in self._inks():
            cv2.line(self.canvas, (x0, y0), (x1, y1), ink, width, cv2.LINE_8)
            cv2.arrowedLine(self.canvas, middle, tip, ink, width, cv2.LINE_8, tipLength=0.4)

    def box_label(self, found: Detection, factor: int) -> None:
        """Label a box above it, else inside it at the top or bottom, else below: the first free place in the image."""
        x0, y0, _, y1 = self._corners(found, factor)
        self._label(found, found.title, x0, y0, y1)

    def point(self, found: Point, factor: int) -> None:
        """Draw a point as a disk in the class's color with a dark outline, visible on any background."""
        center = round(found.x * factor), round(found.y * factor)
        for ink, radius in (((0, 0, 0), self.radius + 1), (colour(found.index), self.radius)):
            cv2.circle(self.canvas, center, radius, self._order(ink), cv2.FILLED, cv2.LINE_8)

    def point_label(self, found: Point, factor: int) -> None:
        """Label a point above or below it: the first free place in the image."""
        x, y, around = round(found.x * factor), round(found.y * factor), self.radius + self.stroke + 1
        self._label(found, found.title, x - around, y - around, y + around)

    def _label(self, found: Detection | Point, name: str, x0: int, y0: int, y1: int) -> None:
        """Label a thing whose left edge is at ``x0``, top edge at ``y0`` and bottom edge at ``y1`` (canvas pixels)."""
        text = self._fit(name, f" {found.score:.2f}", colour(found.index))
        h, w = text.shape[:2]
        left = min(max(0, x0 - self.stroke // 2), self.width - w)
        places = [(left, y) for y in (y0 - h, y0 + self.stroke, y1 - h - self.stroke, y1) if 0 <= y <= self.height - h]
        free = [place for place in places if not self._overlaps(*place, w, h)]
        x, y = (free or places or [(left, min(max(0, y0), max(0, self.height - h)))])[0]
        self._paste(text, x, y)

    def lines(self, lines: list[tuple[str, str, Colour]]) -> None:
        """Draw a list in the upper left corner, as far as it fits."""
        y = 0
        for name, value, paper in lines[:MAX_LINES]:
            drawn = self._fit(name, value, paper)
            if y + drawn.shape[0] > self.height:
                return
            self._paste(drawn, 0, y)
            y += drawn.shape[0]

    def _fit(self, name: str, value: str, paper: Colour) -> Pixels:
        """Render a label that fits the image's width: with smaller text, then with a shortened name."""
        size = self.letters
        drawn = label(name + value, size, paper)
        if drawn.shape[1] > self.width:
            size = max(SMALLEST_LETTERS, size * self.width // drawn.shape[1])
            drawn = label(name + value, size, paper)
        for length in range(min(len(name), MAX_LETTERS) - 1, -1, -1):
            if drawn.shape[1] <= self.width:
                break
            drawn = label(f"{name[:length]}...{value}", size, paper)
        return drawn[: self.height, : self.width]

    def _paste(self, drawn: Pixels, x: int, y: int) -> None:
        h, w = drawn.shape[:2]
        self.canvas[y : y + h, x : x + w] = drawn[..., ::-1] if self.bgr else drawn
        self.taken.append((x, y, w, h))

    def _overlaps(self, x: int, y: int, w: int, h: int) -> bool:
        return any(x < tx + tw and tx < x + w and y < ty + th and ty < y + h for tx, ty, tw, th in self.taken)

    def _corners(self, found: Detection, factor: int) -> tuple[int, int, int, int]:
        x0, y0, x1, y1 = (round(v * factor) for v in found.box)
        return x0, y0, min(x1, self.width - 1), min(y1, self.height - 1)

    def _inks(self) -> tuple[tuple[Colour, int], ...]:
        """Return colors and widths of what makes a line visible on any background."""
        return (DARK, self.stroke + 2), (SHAPES, self.stroke)

    def _pixel(self, point: Place) -> tuple[int, int]:
        """Return the pixel of a point given as fractions of the image."""
        return round(point[0] * (self.width - 1)), round(point[1] * (self.height - 1))

    def _place(self, point: Keypoint, factor: int) -> tuple[int, int]:
        """Return where a point is on the canvas; points far outside are moved to its surroundings."""
        x, y = (round(v * factor) for v in (point.x, point.y))
        return min(max(x, -self.width), 2 * self.width), min(max(y, -self.height), 2 * self.height)

    def _order(self, ink: Colour) -> Colour:
        return (ink[2], ink[1], ink[0]) if self.bgr else ink


def _canvas(frame: Frame) -> tuple[Pixels, int]:
    """Return a copy to draw on, (height, width, 3), and its enlargement factor."""
    pixels = np.repeat(frame.pixels[..., np.newaxis], 3, axis=2) if frame.order == "GRAY" else frame.pixels
    short, long = sorted((frame.width, frame.height))
    factor = max(1, min(-(-SMALLEST // short), LONGEST // long))
    enlarged = pixels.repeat(factor, axis=0).repeat(factor, axis=1) if factor > 1 else pixels.copy()
    return np.ascontiguousarray(enlarged), factor


def _lines(prediction: Prediction) -> list[tuple[str, str, Colour]]:
    """Return name, value and color of what has no position in the image: labels and counts."""
    if prediction.task in ("classification", "multilabel"):
        found = [(item.name, f" {item.score:.2f}", colour(item.index)) for item in prediction.labels]
        return found or [("unknown", "", UNKNOWN_PAPER)]
    if prediction.anomaly is not None:
        found_ = prediction.anomaly
        return [
            (
                "anomaly" if found_.is_anomalous else "good",
                f" {found_.score:.2f}",
                HOT if found_.is_anomalous else UNKNOWN_PAPER,
            )
        ]
    shown = [region for region in prediction.regions if region.name != BACKGROUND]
    regions = [(region.name, f" {region.area:.0%}", colour(region.index)) for region in shown]
    counts = [(one.name, f" {one.forward} forward, {one.backward} backward", SHAPE_PAPER) for one in prediction.counts]
    return [*regions, *counts, *((zone.name, f" {zone.count}", SHAPE_PAPER) for zone in prediction.zones)]


def _edges(mask: Pixels, width: int) -> npt.NDArray[np.bool_]:
    """Return where classes meet, widened to ``width`` pixels."""
    found = np.zeros(mask.shape, np.uint8)
    found[:, 1:] |= mask[:, 1:] != mask[:, :-1]
    found[1:] |= mask[1:] != mask[:-1]
    return np.asarray(cv2.dilate(found, np.ones((width, width), np.uint8)), bool)
