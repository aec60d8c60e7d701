"""The most informative frames, drawn as one contact sheet at the end of a run (``--contact-sheet``)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgevision.errors import BadInput
from edgevision.files.atomic import write_bytes
from edgevision.postprocessing.annotate import annotate
from edgevision.postprocessing.scaling import scaled
from edgevision.postprocessing.temporal import evidence
from edgevision.postprocessing.text import label
from edgevision.preprocessing import decode
from edgevision.preprocessing.spec import Preprocessing
from edgevision.preprocessing.transform import pixels
from edgevision.types import Frame

from ..stream.protocols import Sink
from .even_sample import EvenSampler

if TYPE_CHECKING:
    from edgevision.types import Pixels, Prediction

COLUMNS, ROWS = 4, 4
TILE = (480, 360)
"""Maximum width and height (pixels) of a frame on the sheet."""
GAP = 12
LETTERS = 17
"""Height (pixels) of caption letters."""
LINES = 3
"""Maximum number of labels on a tile."""
LOWEST = 0.05
"""Score below which a label is not shown."""
ENCODERS: dict[str, Callable[[Frame], bytes]] = {
    # A service manager may time the shutdown: spend no effort on the last percent of size.
    ".png": partial(decode.encode_png, effort=1),
    ".jpg": decode.encode_jpeg,
    ".jpeg": decode.encode_jpeg,
}
PAPER = (24, 26, 30)


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """One frame, drawn on arrival, so that little remains to do at the end."""

    index: int
    pixels: Pixels
    """RGB, not larger than TILE."""
    caption: str


class ContactSheet(Sink):
    """Keeps a few reduced frames: those with a new answer, filled up with others spread over the run."""

    spec = "contact sheet"

    def __init__(self, path: Path) -> None:
        """``path``: .png or .jpg. Raises BadInput."""
        if path.suffix.lower() not in ENCODERS:
            raise BadInput(f"invalid contact sheet name {path.name!r}: use a {' or '.join(ENCODERS)} file")
        self._path = path
        self._telling: EvenSampler[Tile] = EvenSampler(COLUMNS * ROWS)
        self._others: EvenSampler[Tile] = EvenSampler(COLUMNS * ROWS)
        self._last: frozenset[int] | None = None
        self._closed = False

    def write(self, frame: Frame, prediction: Prediction) -> None:
        """Examine one frame; only frames that are kept cost more than that."""
        names = frozenset(_said(prediction))
        sample = self._others if names == self._last else self._telling
        self._last = names
        if sample.wants():
            sample.keep(_tile(frame, prediction))

    def close(self) -> None:
        """Draw the sheet; nothing if there were no frames."""
        if self._closed:
            return
        self._closed = True
        tiles = self._chosen()
        if tiles:
            write_bytes(self._path, ENCODERS[self._path.suffix.lower()](Frame(_sheet(tiles), "RGB")))

    def _chosen(self) -> list[Tile]:
        """Return all frames with a new answer and as many others as fit, in order of arrival."""
        telling = self._telling.kept()
        others = self._others.kept()
        room = COLUMNS * ROWS - len(telling)
        fill = others if len(others) <= room else [others[n * len(others) // room] for n in range(room)]
        return sorted([*telling, *fill], key=lambda tile: tile.index)


def _said(prediction: Prediction) -> list[int]:
    """Return the classes of a prediction; of a classification only the best one."""
    if prediction.labels:
        return [prediction.labels[0].index] if prediction.task != "multilabel" else [x.index for x in prediction.labels]
    return [index for index, found in evidence(prediction).items() if found.score >= LOWEST]


def _tile(frame: Frame, prediction: Prediction) -> Tile:
    """Scale down first: letters keep their size, and drawing costs little."""
    small = _fit(frame)
    prediction = scaled(prediction, small.width / frame.width, small.height / frame.height)
    labels = tuple(x for x in prediction.labels if x.score >= LOWEST)[:LINES] or prediction.labels[:1]
    drawn = annotate(small, replace(prediction, labels=labels))
    return Tile(frame.index, _fit(drawn).pixels, _caption(frame))  # a very small frame is enlarged for drawing


def _fit(frame: Frame) -> Frame:
    """Return the frame as RGB, scaled to fit a tile."""
    scale = min(1.0, TILE[0] / frame.width, TILE[1] / frame.height)
    width, height = (max(1, round(side * scale)) for side in (frame.width, frame.height))
    return replace(frame, pixels=pixels(frame, Preprocessing(width, height)).copy(), order="RGB")


def _sheet(tiles: list[Tile]) -> Pixels:
    """Draw all tiles in a grid, row by row, each with its caption below."""
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    step_x, step_y = TILE[0] + GAP, TILE[1] + round(1.4 * LETTERS) + GAP
    sheet = np.full((rows * step_y + GAP, columns * step_x + GAP, 3), PAPER, np.uint8)
    for number, tile in enumerate(tiles):
        x, y = GAP + number % columns * step_x, GAP + number // columns * step_y
        _paste(sheet, tile.pixels, x, y)
        _paste(sheet, label(tile.caption, LETTERS, PAPER), x, y + tile.pixels.shape[0])
    return sheet


def _paste(sheet: Pixels, drawn: Pixels, x: int, y: int) -> None:
    """Copy onto the sheet, cropped to the width of a tile."""
    part = drawn[:, : TILE[0]]
    sheet[y : y + part.shape[0], x : x + part.shape[1]] = part


def _caption(frame: Frame) -> str:
    """Return the position in a video, the name of an image file, or the number of a camera frame."""
    if frame.position_s is not None:
        return f"{frame.position_s:.2f} s"
    return f"frame {frame.index}" if frame.captured_at is not None else Path(frame.source).name
