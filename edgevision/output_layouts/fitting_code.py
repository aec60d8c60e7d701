"""Boxes whose form shapes do not show: the one in which they lie around their cells is the right one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadModel
from .best_class import corners_of

if TYPE_CHECKING:
    from ..types import Tensor
    from .cells import Cells
    from .layout import Floats, Integers
    from .parts import Level

    Form = Callable[[Floats, Cells, Floats], Floats]

MAX_DISTANCE = 8.0
"""Farthest that boxes are from their cells, as the median over all boxes in cells; no network reaches it."""
MIN_CORRELATION = 0.5
"""Between the numbers of boxes and the places of their cells, above which the numbers are places; offsets have about 0."""
MAX_LOGARITHM = 20.0
"""Largest logarithm of a size that is computed."""


def _offsets(values: Floats, cells: Cells, sides: Floats) -> Floats:
    sizes = np.exp(np.clip(values[:, 2:], -MAX_LOGARITHM, MAX_LOGARITHM)) * cells.strides
    return corners_of(np.hstack([values[:, :2] * cells.strides + cells.corners, sizes]))


OFFSETS: dict[str, Form] = {"offsets": _offsets}
"""Offset of the center from the cell's corner in cells, and logarithms of width and height in cells."""
CENTERED: dict[str, Form] = {
    "center in pixels": lambda values, cells, sides: corners_of(values),
    "center from 0 to 1": lambda values, cells, sides: corners_of(values * sides),
}
"""Center, width and height."""
DECODED: dict[str, Form] = CENTERED | {
    "corners in pixels": lambda values, cells, sides: values,
    "corners from 0 to 1": lambda values, cells, sides: values * sides,
}
"""Center, width and height, or left, top, right and bottom."""


class FittingCode:
    """Boxes in one of several forms. The first frame decides: its thousands of boxes lie around their cells in one only."""

    def __init__(self, forms: Mapping[str, Form], width: int, height: int) -> None:
        self._forms = forms
        self._sides = np.array([width, height, width, height], np.float32)
        self._form: Form | None = None

    def corners(self, level: Level, outputs: Sequence[Tensor], kept: Integers) -> Floats:
        """Return the corners of some boxes. Raises BadModel if no form fits."""
        assert level.cells is not None
        if self._form is None:
            self._form = self._fitting(level, outputs)
        cells = level.cells._replace(corners=level.cells.corners[kept], strides=level.cells.strides[kept])
        return self._form(level.boxes.real(outputs, kept), cells, self._sides)

    def _fitting(self, level: Level, outputs: Sequence[Tensor]) -> Form:
        assert level.cells is not None
        every = level.boxes.real(outputs, np.arange(level.boxes.boxes))
        # Numbers that grow with the place of the cell are places, also where they would do as offsets.
        grow = follows(every[:, :2], level.cells)
        forms = {name: form for name, form in self._forms.items() if (name in OFFSETS) != grow}
        distances = {
            name: _distance(form(every, level.cells, self._sides), level.cells) for name, form in forms.items()
        }
        best = min(distances, key=lambda name: distances[name], default=None)
        if best is None or not distances[best] <= MAX_DISTANCE:
            raise BadModel(
                f"the boxes of the output {level.boxes.spec.name[:60]} are not around the cells of its grid, whether read as "
                f"{' or '.join(self._forms)}; it has another layout: see edgevision card --layout"
            )
        return self._forms[best]


def follows(values: Floats, cells: Cells) -> bool:
    """Return whether x and y (n, 2) grow with the places of the cells: their correlation."""
    found = []
    for numbers, corners in zip(values.T.astype(np.float64), cells.corners.T.astype(np.float64), strict=True):
        numbers, corners = numbers - numbers.mean(), corners - corners.mean()
        spread = np.sqrt((numbers**2).sum() * (corners**2).sum())
        found.append(float((numbers * corners).sum() / spread) if spread > 0 else 0.0)
    return sum(found) / len(found) > MIN_CORRELATION


def _distance(boxes: Floats, cells: Cells) -> float:
    """Return the median distance between boxes and their cells, in cells; infinite if it is not a number."""
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    away = np.abs(middles - cells.corners - cells.strides / 2) / cells.strides
    found = float(np.median(away.max(axis=1)))
    return found if np.isfinite(found) else np.inf
