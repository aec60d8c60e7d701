"""When the second model's label of a track is worth an event: once it is settled, and when it changes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from edgevision.records import record
from edgevision.types import Label

from .look_plan import LOOKS

if TYPE_CHECKING:
    from edgevision.types import Detection

LEAD = 0.1
"""How much better than the reported label another one must be, so that two close ones do not alternate."""


@record
class Recognition:
    """What the second model recognized in a track."""

    track: int
    label: Label
    """Its best label."""
    of: Label
    """What the detector found: class and score of the object."""
    before: Label | None
    """The label that was reported before; None for the first."""
    index: int
    """Index of the frame."""
    at: float | None
    """Time of the frame in seconds; None for images without time."""


class Recognitions:
    """Remembers which label of each track was reported."""

    def __init__(self) -> None:
        self._reported: dict[int, Label] = {}

    def look(
        self, found: Detection, labels: Sequence[Label], looks: int, index: int, at: float | None
    ) -> Recognition | None:
        """Return what is new after a look at an object; None if nothing is.

        ``labels``: those of all looks together, best first, at least the threshold; ``looks``: their number. Something that
        becomes unknown is not reported: the next look may know it again.
        """
        track, best = found.track, labels[0] if labels else None
        if track is None or best is None or looks < LOOKS:
            return None
        before = self._reported.get(track)
        if before is not None:
            now = next((label.score for label in labels if label.index == before.index), 0.0)
            if best.index == before.index or best.score - now < LEAD:
                return None
        self._reported[track] = best
        return Recognition(track, best, Label(found.index, found.name, found.score), before, index, at)

    def keep(self, tracks: Collection[int]) -> None:
        """Forget all other tracks."""
        self._reported = {track: label for track, label in self._reported.items() if track in tracks}
