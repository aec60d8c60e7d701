"""Anchors of SSD networks: from the file's metadata or an associated text file, else generated as in training."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..tflite.detector_options import detector_options
from ..tflite.outputs import OutputFacts

if TYPE_CHECKING:
    import numpy.typing as npt

    from .layout import Floats

    Doubles = npt.NDArray[np.float64]

TENSORFLOW_SCALES = (10.0, 10.0, 5.0, 5.0)
"""Of TensorFlow's Object Detection API: ``faster_rcnn_box_coder`` in the configurations of its SSD networks."""
RATIOS = (1.0, 2.0, 0.5)
LEVELS = (3, 4, 5, 6, 7)
"""Levels of a feature pyramid; a cell of level n has 2 ** n pixels."""
PRIORS = re.compile(r"(^|[/_-])(box_?)?(priors?|anchors?)[^/]*\.(txt|csv)$", re.IGNORECASE)
"""Names of text files with anchors, such as box_priors.txt of TensorFlow's examples."""
MAX_TEXT = 16 * 2**20
"""Largest text file with anchors (bytes)."""


class Anchors(NamedTuple):
    """Boxes that the values of a network are relative to."""

    boxes: Floats
    """Center y, center x, height and width as proportions of the input, (n, 4)."""
    scales: tuple[float, float, float, float]
    """Divisors of the values for y, x, height and width."""
    origin: str
    """Where they come from, for messages."""
    background: bool
    """Whether the first score of a box is that of the background."""
    exponential: bool = True
    """Whether the value of a size is the logarithm of its ratio to the anchor, not the ratio."""
    raw_scores: bool | None = None
    """Whether scores must be put into the logistic function; None: their values tell."""


def find_anchors(count: int, width: int, height: int, facts: OutputFacts) -> Anchors | None:
    """Return ``count`` anchors for an input of this size (pixels): stated by the file, else generated; None if unknown.

    Raises BadModel for damaged metadata.
    """
    found = _from_metadata(facts) or _from_text(count, facts)
    if found is not None:
        return found if len(found.boxes) == count else None
    families = (_ssd, _feature_pyramid, _efficientdet)
    return next((made for family in families if (made := family(count, width, height)) is not None), None)


def _from_metadata(facts: OutputFacts) -> Anchors | None:
    options = detector_options(facts.metadata)
    if options is None or not options.anchors:
        return None
    x, y, width, height = np.array(options.anchors, np.float32).T
    boxes = np.stack([y, x, height, width], axis=1)
    return Anchors(boxes, options.scales, "the metadata", False, options.exponential, options.sigmoid)


def _from_text(count: int, facts: OutputFacts) -> Anchors | None:
    """Return the anchors of a text file in the archive: four rows (center y, center x, height, width) or four columns."""
    names = sorted(name for name in facts.files if PRIORS.search(name))
    if not names or len(facts.files[names[0]]) > MAX_TEXT:
        return None
    words = facts.files[names[0]].replace(b",", b" ").split()
    try:
        values = np.array([float(word) for word in words], np.float32)
    except ValueError:
        return None
    if values.size != 4 * count or not np.isfinite(values).all():
        return None
    lines = [line for line in facts.files[names[0]].splitlines() if line.strip()]
    boxes = values.reshape(4, count).T if len(lines) == 4 else values.reshape(count, 4)
    return Anchors(np.ascontiguousarray(boxes), TENSORFLOW_SCALES, f"its file {names[0][:60]}", True)


def _ssd(count: int, width: int, height: int) -> Anchors | None:
    """Return the anchors of SSD with MobileNet: six grids from a stride of 16 pixels, three anchors a cell, then six.

    Source: W. Liu et al., SSD, 2016, section 2.2; ``ssd_anchor_generator`` in TensorFlow's Object Detection API with
    scales from 0.2 to 0.95 and ``reduce_boxes_in_lowest_layer``.
    """
    grids = list(_halvings(width, height, 16, 6))
    if 3 * _cells(grids[:1]) + 6 * _cells(grids[1:]) != count:
        return None
    scales = [*np.linspace(0.2, 0.95, len(grids)), 1.0]
    parts = []
    for n, (rows, columns) in enumerate(grids):
        sizes = [(scales[n], ratio) for ratio in (*RATIOS, 3.0, 1 / 3)]
        sizes.append(((scales[n] * scales[n + 1]) ** 0.5, 1.0))
        if n == 0:
            sizes = [(0.1, 1.0), (scales[0], 2.0), (scales[0], 0.5)]
        parts.append(_grid(rows, columns, [_box(size, ratio) for size, ratio in sizes]))
    return Anchors(np.concatenate(parts), TENSORFLOW_SCALES, "SSD with six grids", True)


def _feature_pyramid(count: int, width: int, height: int) -> Anchors | None:
    """Return the anchors of SSD with a feature pyramid: two scales and three ratios a cell.

    Source: T.-Y. Lin et al., Focal Loss for Dense Object Detection, 2017, section 4; ``multiscale_grid_anchor_generator`` in
    TensorFlow's Object Detection API: grids that do not divide the input begin at its edge.
    """
    grids = [(level, *_cells_across(width, height, 2**level)) for level in LEVELS]
    if 6 * sum(rows * columns for _, rows, columns in grids) != count:
        return None
    sides = np.array([height, width, height, width], np.float64)
    parts = []
    for level, rows, columns in grids:
        stride = 2.0**level
        sizes = [_box(4.0 * stride * scale, ratio) for ratio in RATIOS for scale in (1.0, 2.0**0.5)]
        offsets = [stride / 2 if side % stride == 0 else 0.0 for side in (height, width)]
        cells = np.mgrid[:rows, :columns].reshape(2, -1).T * stride + offsets
        parts.append(_with_sizes(cells, sizes) / sides)
    return Anchors(np.asarray(np.concatenate(parts), np.float32), TENSORFLOW_SCALES, "SSD with a feature pyramid", True)


def _efficientdet(count: int, width: int, height: int) -> Anchors | None:
    """Return the anchors of EfficientDet-Lite0, 1 and 2: three scales and three ratios a cell, 3 cells large.

    Source: M. Tan et al., EfficientDet, 2020; ``anchors.py`` and ``hparams_config.py`` of google/automl.
    """
    if (width, height) not in ((320, 320), (384, 384), (448, 448)):
        return None
    grids = [_cells_across(width, height, 2**level) for level in LEVELS]
    if 9 * _cells(grids) != count:
        return None
    sizes = [(3.0 * 2.0 ** (n / 3), ratio) for n in range(3) for ratio in RATIOS]
    parts = [_grid(rows, columns, [_box(size / rows, ratio) for size, ratio in sizes]) for rows, columns in grids]
    return Anchors(np.concatenate(parts), (1.0, 1.0, 1.0, 1.0), "EfficientDet-Lite", False)


def _box(size: float, ratio: float) -> tuple[float, float]:
    """Return height and width of a box with the area of a square of this size; ``ratio``: width to height."""
    return size / ratio**0.5, size * ratio**0.5


def _grid(rows: int, columns: int, sizes: Sequence[tuple[float, float]]) -> Floats:
    """Return boxes at the middle of each cell of a grid over the whole input."""
    cells = (np.mgrid[:rows, :columns].reshape(2, -1).T + 0.5) / (rows, columns)
    return np.asarray(_with_sizes(cells, sizes), np.float32)


def _with_sizes(cells: Doubles, sizes: Sequence[tuple[float, float]]) -> Doubles:
    """Return boxes of each size (height, width) at each cell (center y, center x), cell by cell."""
    return np.concatenate([cells.repeat(len(sizes), axis=0), np.tile(np.array(sizes), (len(cells), 1))], axis=1)


def _halvings(width: int, height: int, stride: int, count: int) -> Iterator[tuple[int, int]]:
    """Yield rows and columns of grids, each half as fine as the one before."""
    rows, columns = _cells_across(width, height, stride)
    for _ in range(count):
        yield rows, columns
        rows, columns = -(-rows // 2), -(-columns // 2)


def _cells_across(width: int, height: int, stride: int) -> tuple[int, int]:
    return -(-height // stride), -(-width // stride)


def _cells(grids: Sequence[tuple[int, int]]) -> int:
    return sum(rows * columns for rows, columns in grids)
