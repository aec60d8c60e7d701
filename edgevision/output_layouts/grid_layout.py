"""A layout that reads boxes from grids, where each box has a score for every class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .level_reader import LevelReader

if TYPE_CHECKING:
    from ..types import Tensor
    from .box_code import BoxCode
    from .layout import Candidates
    from .parts import Level


class GridLayout:
    """Reads the boxes of one or more grids. Several boxes may stand for one object."""

    overlapping = True

    def __init__(self, name: str, levels: Sequence[Level], code: BoxCode, logits: bool = True) -> None:
        """``logits``: whether scores may be logits, besides probabilities."""
        self.name = name
        channels = levels[0].scores.channels
        self.classes: int | None = channels.stop - channels.start
        self.reader = LevelReader(levels, code, logits)

    def read(self, outputs: Sequence[Tensor], limit: float) -> Candidates:
        """Return the boxes with a score of at least ``limit``."""
        return self.reader.read(outputs, limit)[0]
