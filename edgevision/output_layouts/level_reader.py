"""Read the boxes over the threshold from grids: the best class of each, and only then its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .best_class import best_classes, refuse_nan, stored_limit, strongest
from .layout import Candidates
from .score_scale import ScoreScale

if TYPE_CHECKING:
    from ..types import Tensor
    from .box_code import BoxCode
    from .layout import Floats, Integers
    from .parts import Level


class LevelReader:
    """Reads boxes, scores and classes of one or more grids."""

    def __init__(self, levels: Sequence[Level], code: BoxCode, logits: bool = True) -> None:
        """``logits``: whether scores may be logits, besides probabilities."""
        self.levels = tuple(levels)
        """The grids; all have the same parts."""
        self._code = code
        self._scored = [level.scores for level in levels] + [level.objectness for level in levels if level.objectness]
        self._scale = ScoreScale([part.spec for part in self._scored], logits)

    def read(self, outputs: Sequence[Tensor], limit: float) -> tuple[Candidates, Floats]:
        """Return the boxes with a score of at least ``limit``, and their extra values, (n, values). Raises BadModel."""
        self._scale.look(part.stored(outputs) for part in self._scored)
        found = [self._read_level(level, outputs, limit) for level in self.levels]
        boxes, scores, classes, extra = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return Candidates(boxes, scores, classes), extra

    def _read_level(
        self, level: Level, outputs: Sequence[Tensor], limit: float
    ) -> tuple[Floats, Floats, Integers, Floats]:
        best = self._products if level.objectness else self._scores
        kept, classes, scores = best(level, outputs, limit)
        boxes = self._code.corners(level, outputs, kept)
        extra = level.extra.real(outputs, kept) if level.extra else np.zeros((kept.size, 0), np.float32)
        return boxes, scores, classes, extra

    def _scores(self, level: Level, outputs: Sequence[Tensor], limit: float) -> tuple[Integers, Integers, Floats]:
        stored = level.scores.stored(outputs)
        kept, classes, scores = best_classes(stored, level.scores.spec, self._scale.limit(limit))
        return kept, classes, self._scale.probabilities(scores)

    def _products(self, level: Level, outputs: Sequence[Tensor], limit: float) -> tuple[Integers, Integers, Floats]:
        """Return the best products of objectness and class score."""
        part = level.objectness
        assert part is not None
        stored = part.stored(outputs)[0]
        refuse_nan(stored)
        # A product is at most its factor.
        likely = np.flatnonzero(stored >= stored_limit(self._scale.limit(limit), part.spec))
        objectness = self._scale.probabilities(part.real(outputs, likely))
        products = self._scale.probabilities(level.scores.real(outputs, likely)) * objectness
        refuse_nan(products)
        best = products.argmax(axis=1)
        highest = products[np.arange(best.size), best]
        kept = np.flatnonzero(highest >= limit)
        kept = kept[strongest(highest[kept])]
        return likely[kept], best[kept], highest[kept]
