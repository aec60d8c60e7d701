"""Text on a coloured label, for drawing on pictures: OpenCV 5's own font where it is there, its line font elsewhere."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from .data import Pixels

Colour = tuple[int, int, int]
"""Red, green, blue, 0..255."""
WEIGHT = 600
"""Semibold: thin strokes vanish when a picture is made smaller."""
LINE_FONT = cv2.FONT_HERSHEY_DUPLEX
LINE_FONT_UNIT = 30.0
"""Size (pixels) of the line font at the scale 1, to look as large as the other."""
MAX_LETTERS = 80
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


@lru_cache(maxsize=512)
def label(text: str, size: int, paper: Colour) -> Pixels:
    """A line of text on ``paper``, RGB, (about 1.4 * size, as wide as needed, 3); do not write into it.

    ``size``: of the letters, in pixels. The ink is black or white, whichever stands out.
    """
    text = _one_line(text)
    margin, height, baseline = max(2, size // 3), round(1.4 * size), round(1.05 * size)
    width = _width(text, size) + 2 * margin
    # OpenCV 5 breaks a line at the right edge; the spare letter's width keeps it in one.
    canvas = np.full((height, width + size, 3), paper, np.uint8)
    _draw(canvas, text, (margin, baseline), ink_on(paper), size)
    return np.ascontiguousarray(canvas[:, :width])


def ink_on(paper: Colour) -> Colour:
    """Black or white, by the luma (ITU-R BT.601) of what is below."""
    return BLACK if 299 * paper[0] + 587 * paper[1] + 114 * paper[2] > 127_500 else WHITE


def _width(text: str, size: int) -> int:
    font = _font()
    if font is None:
        return int(cv2.getTextSize(_ascii(text), LINE_FONT, size / LINE_FONT_UNIT, _stroke(size))[0][0])
    x, _, width, _ = cv2.getTextSize((0, 0), text, (0, 0), font, size, WEIGHT)
    return int(x + width)


def _draw(canvas: Pixels, text: str, origin: tuple[int, int], ink: Colour, size: int) -> None:
    font = _font()
    if font is None:
        cv2.putText(canvas, _ascii(text), origin, LINE_FONT, size / LINE_FONT_UNIT, ink, _stroke(size), cv2.LINE_AA)
    else:
        cv2.putText(canvas, text, origin, ink, font, size, WEIGHT)


@lru_cache(maxsize=1)
def _font() -> Any:
    """OpenCV 5's built-in font, which knows most scripts; None in OpenCV 4."""
    return cv2.FontFace("sans") if hasattr(cv2, "FontFace") else None


def _stroke(size: int) -> int:
    return max(1, round(size / 14))


def _one_line(text: str) -> str:
    """Names come from files that others made: one line, nothing invisible, not longer than a picture is wide."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in text)
    return clean if len(clean) <= MAX_LETTERS else clean[: MAX_LETTERS - 3] + "..."


def _ascii(text: str) -> str:
    """The line font has no other letters: accents are left out, other scripts become question marks."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return plain.encode("ascii", "replace").decode("ascii")
