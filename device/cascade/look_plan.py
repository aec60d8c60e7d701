"""Which tracks the second model looks at in a frame: new ones first, others again when something changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgevision.types import Detection

LOOKS = 3
"""Looks at a new track; one alone may have caught it blurred or half hidden."""
PER_FRAME = 2
"""Most looks in one frame, so that many new objects do not hold up the loop."""
APART_S = 0.15
"""Shortest time between two looks at a track, in seconds; frames in a row show the same."""
AGAIN_S = 10.0
"""Time after which a track is looked at again, in seconds."""
GROWN = 1.5
"""Growth of the box's area since the best look from which another look shows more."""
MAX_TRACKS = 500
"""Most tracks that are remembered; the one not seen for longest is forgotten first."""


@dataclass(slots=True)
class Looks:
    """What is known of the looks at one track."""

    count: int = 0
    last_at: float = 0.0
    """When it was looked at last, in seconds."""
    best_area: float = 0.0
    """Largest area at a look, in pixels."""
    index: int = -1
    """Class that the detector gave it at the last look."""


class LookPlan:
    """Remembers how often each track was looked at."""

    def __init__(self) -> None:
        self._tracks: dict[int, Looks] = {}

    def choose(self, objects: Iterable[Detection], at: float) -> list[Detection]:
        """Return the objects to look at now, at most PER_FRAME. ``at``: time of the frame in seconds."""
        due = sorted(self._due(objects, at), key=lambda pair: (pair[0].count >= LOOKS, pair[0].count, pair[0].last_at))
        return [found for _, found in due[:PER_FRAME]]

    def looked(self, found: Detection, at: float) -> None:
        """Note a look at an object."""
        assert found.track is not None
        looks = self._tracks[found.track]
        looks.count += 1
        looks.last_at, looks.index = at, found.index
        looks.best_area = max(looks.best_area, _area(found))

    def looks(self, track: int) -> int:
        """Return how often a track was looked at."""
        return self._tracks[track].count if track in self._tracks else 0

    @property
    def tracks(self) -> frozenset[int]:
        """Tracks that are remembered."""
        return frozenset(self._tracks)

    def _due(self, objects: Iterable[Detection], at: float) -> Iterator[tuple[Looks, Detection]]:
        for found in objects:
            if found.track is None:
                continue
            looks = self._tracks.pop(found.track, None) or Looks()
            self._tracks[found.track] = looks  # at the end: seen most recently
            if self._wants(looks, found, at):
                yield looks, found
        while len(self._tracks) > MAX_TRACKS:
            del self._tracks[next(iter(self._tracks))]

    @staticmethod
    def _wants(looks: Looks, found: Detection, at: float) -> bool:
        waited = at - looks.last_at
        if looks.count and 0 <= waited < APART_S:
            return False
        changed = found.index != looks.index or _area(found) > GROWN * looks.best_area
        return looks.count < LOOKS or changed or waited >= AGAIN_S or waited < 0  # a film that began again


def _area(found: Detection) -> float:
    return (found.box[2] - found.box[0]) * (found.box[3] - found.box[1])
