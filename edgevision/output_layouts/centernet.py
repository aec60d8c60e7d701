"""CenterNet: a heat map of object centers per class, and for each cell the size of its object and the offset of the center.

Sizes and offsets are in cells of the heat map. Source: X. Zhou et al., Objects as Points, 2019, section 4, whose outputs are
named hm, wh (width, height) and reg (x, y); TensorFlow's Object Detection API names and orders them center, size (height,
width) and offset (y, x).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import BadModel
from ..tflite.outputs import dequantize
from .best_class import best_classes
from .layout import Candidates, OutputView
from .score_scale import ScoreScale

if TYPE_CHECKING:
    from ..types import Tensor, TensorSpec
    from .layout import Floats, Integers

TITLE = (
    "a heat map [1, rows, columns, classes], sizes [1, rows, columns, 2] and offsets [1, rows, columns, 2], told by their "
    "names (CenterNet)"
)
NAMES = {
    # part of an output's name -> what it holds, and whether x is before y
    "wh": ("size", True),
    "reg": ("offset", True),
    "size": ("size", False),
    "offset": ("offset", False),
}
AROUND = np.ones((3, 3), np.uint8)


class Role(NamedTuple):
    """An output with two numbers per cell."""

    output: int
    across_first: bool
    """Whether the number across is before the one down."""


def recognize(view: OutputView, forced: bool = False) -> CenterNetLayout | None:
    """Return the layout if three outputs are grids of the same size, two of them with the names of sizes and offsets."""
    if len(view.outputs) != 3 or any(len(spec.shape) != 4 for spec in view.outputs):
        return None
    if len({spec.shape[1:3] for spec in view.outputs}) != 1 or min(view.outputs[0].shape[1:]) < 1:
        return None
    roles = _roles(view.outputs)
    if set(roles) != {"size", "offset"}:
        if forced:
            said = ", ".join(spec.name[:60] for spec in view.outputs)
            raise BadModel(
                f"cannot tell sizes from offsets by the names of the outputs ({said}); known: {', '.join(NAMES)}"
            )
        return None
    (maps,) = {0, 1, 2} - {role.output for role in roles.values()}
    return CenterNetLayout(view, maps, roles["size"], roles["offset"])


def _roles(outputs: Sequence[TensorSpec]) -> dict[str, Role]:
    """Return which output holds what, as far as names tell."""
    found: dict[str, Role] = {}
    for number, spec in enumerate(outputs):
        said = {NAMES[part] for part in NAMES if part in spec.name.lower()} if spec.shape[3] == 2 else set()
        if len(said) == 1:
            role, across_first = said.pop()
            if role in found:
                return {}
            found[role] = Role(number, across_first)
    return found


class CenterNetLayout:
    """Reads the peaks of the heat maps."""

    name = "centernet"
    overlapping = False

    def __init__(self, view: OutputView, maps: int, size: Role, offset: Role) -> None:
        self.classes: int | None = view.outputs[maps].shape[3]
        self._specs, self._maps, self._size, self._offset = view.outputs, maps, size, offset
        rows, columns = view.outputs[maps].shape[1:3]
        self._step = np.array([view.width / columns, view.height / rows], np.float32)
        self._scale = ScoreScale([view.outputs[maps]])

    def read(self, outputs: Sequence[Tensor], limit: float) -> Candidates:
        """Return the objects whose centers are local maxima with a score of at least ``limit``."""
        maps, spec = outputs[self._maps][0], self._specs[self._maps]
        self._scale.look([maps])
        cells, classes, scores = best_classes(_peaks(maps).reshape(-1, maps.shape[2]).T, spec, self._scale.limit(limit))
        rows, columns = np.divmod(cells, maps.shape[1])
        centers = np.stack([columns, rows], axis=1) + self._pairs(outputs, self._offset, cells)
        half = self._pairs(outputs, self._size, cells) / 2
        boxes = np.concatenate([centers - half, centers + half], axis=1) * np.tile(self._step, 2)
        return Candidates(np.asarray(boxes, np.float32), self._scale.probabilities(scores), classes)

    def _pairs(self, outputs: Sequence[Tensor], role: Role, cells: Integers) -> Floats:
        """Return the numbers across and down of some cells, (n, 2)."""
        values = dequantize(outputs[role.output].reshape(-1, 2)[cells], self._specs[role.output])
        return values if role.across_first else values[:, ::-1]


def _peaks(maps: Tensor) -> Tensor:
    """Return the heat maps with the lowest value where a neighbor of the class is higher, (rows, columns, classes)."""
    import cv2

    values = np.asarray(maps, np.float32)
    highest = np.stack([cv2.dilate(np.ascontiguousarray(plane), AROUND) for plane in values.transpose(2, 0, 1)], axis=2)
    return np.where(values >= highest, maps, maps.min())
