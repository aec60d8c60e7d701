"""Agreement of two detectors: whether they find the same objects in the same places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .matching import COCO, Criterion, match
from .records import PredictedBoxes, TrueBoxes

if TYPE_CHECKING:
    import numpy.typing as npt

    Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class BoxAgreement:
    """Finds of two detectors, and how many of them have a partner in the other's: the same class, and a place that fits."""

    matched: Doubles
    """Number of boxes of both detectors with a partner, per image, (images,)."""
    total: Doubles
    """Number of boxes of both detectors, per image, (images,)."""

    @property
    def share(self) -> float | None:
        """Share of the boxes with a partner, 0..1; None if neither detector found anything."""
        total = float(self.total.sum())
        return float(self.matched.sum()) / total if total else None


def agree(
    first: Sequence[PredictedBoxes],
    second: Sequence[PredictedBoxes],
    thresholds: tuple[float, float],
    criterion: Criterion = COCO,
) -> BoxAgreement:
    """Compare what two detectors found in the same images, each from its own threshold. Raises ValueError.

    ``criterion``: when the place of two finds is the same, at its lowest threshold; by default an IoU of 0.5.
    """
    ours, theirs = (
        [above(one, limit) for one in boxes] for boxes, limit in zip((first, second), thresholds, strict=True)
    )
    references = [TrueBoxes(one.boxes, one.classes, np.zeros(len(one.boxes), bool)) for one in ours]
    matches = match(theirs, references, criterion)
    partners = np.bincount(matches.predicted.image[matches.found[:, 0] >= 0], minlength=len(ours))
    total = np.array([len(a.boxes) + len(b.boxes) for a, b in zip(ours, theirs, strict=True)], np.float64)
    return BoxAgreement((2 * partners).astype(np.float64), total)


def above(boxes: PredictedBoxes, threshold: float) -> PredictedBoxes:
    """Return the boxes with scores of at least ``threshold``."""
    kept = boxes.scores >= threshold
    return PredictedBoxes(boxes.boxes[kept], boxes.scores[kept], boxes.classes[kept])
