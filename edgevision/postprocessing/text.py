"""Render text labels for images, in OpenCV 5's built-in font if available, else in OpenCV's line font."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from ..types import Pixels

Colour = tuple[int, int, int]
"""Red, green, blue, 0..255."""
WEIGHT = 600
"""Semibold, since thin strokes vanish when an image is scaled down."""
LINE_FONT = cv2.FONT_HERSHEY_DUPLEX
LINE_FONT_UNIT = 30.0
"""Size of the line font at scale 1 (pixels), chosen to look as large as the built-in font."""
MAX_LETTERS = 80
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


@lru_cache(maxsize=512)
def label(text: str, size: int, paper: Colour) -> Pixels:
    """Return a line of text on the color ``paper`` as RGB, (about 1.4 * size, width of the text, 3).

    ``size``: text size in pixels. The text is black or white, whichever contrasts more. The array is cached: do not
    write into it.
    """
    text = _one_line(text)
    margin, height, baseline = max(2, size // 3), round(1.4 * size), round(1.05 * size)
    width = _width(text, size) + 2 * margin
    # OpenCV 5 wraps text at the right edge; the width of one more letter prevents that.
    canvas = np.full((height, width + size, 3), paper, np.uint8)
    _draw(canvas, text, (margin, baseline), ink_on(paper), size)
    return np.ascontiguousarray(canvas[:, :width])


def ink_on(paper: Colour) -> Colour:
    """Return black or white, by the luma (ITU-R BT.601) of the background."""
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
    """Return OpenCV 5's built-in font, which covers most scripts; None in OpenCV 4."""
    return cv2.FontFace("sans") if hasattr(cv2, "FontFace") else None


def _stroke(size: int) -> int:
    return max(1, round(size / 14))


def _one_line(text: str) -> str:
    """Make a name from an untrusted file printable, single-line and at most MAX_LETTERS long."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in text)
    return clean if len(clean) <= MAX_LETTERS else clean[: MAX_LETTERS - 3] + "..."


def _ascii(text: str) -> str:
    """Reduce text to ASCII, all that the line font has: without accents, other scripts as question marks."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return plain.encode("ascii", "replace").decode("ascii")
