"""One object followed over time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from edgevision.types import Label

if TYPE_CHECKING:
    from edgevision.types import Detection

    Box = tuple[float, float, float, float]

RECENT = 0.2
"""Weight of the last score in the usual one."""
LONGEST_TRAIL = 100
"""Most places that are remembered of a track that has not settled; something uncertain may stay so for long."""
MAX_DOUBT = 6.0
"""Largest factor of the noise of a detection."""
State = Literal["new", "settled", "hidden", "ended"]


@dataclass(slots=True, eq=False)
class Track:
    """An object that was detected in several frames; changed by the tracker with every frame."""

    box: Box
    """Corners x0, y0, x1, y1 in pixels, where it was detected last."""
    first_at: float
    """When it was detected first, in seconds."""
    last_at: float
    """When it was detected last, in seconds."""
    score: float
    """Score of the last detection, 0..1."""
    usual_score: float
    """Mean of its scores, the last ones most."""
    best_score: float
    """Highest score of a detection so far, 0..1."""
    state: State = "new"
    """new: seen too few times to be sure; settled: seen now; hidden: settled, but not seen now; ended: given up."""
    id: int | None = None
    """Number of the track, from 1, given when it settles and never again in a run; None before."""
    hits: int = 1
    """Number of frames in which it was detected."""
    missed: int = 0
    """Number of frames since it was detected last."""
    trail: list[Box] = field(default_factory=list)
    """Where it was detected last; in the frame in which it settles, also where it was before, which was not counted yet."""
    _votes: dict[int, float] = field(default_factory=dict)
    """Sum of the scores for each class."""
    _names: dict[int, str] = field(default_factory=dict)

    @property
    def index(self) -> int:
        """Index of the class for which most was detected."""
        return max(self._votes, key=self._votes.__getitem__)

    @property
    def label(self) -> Label:
        """Its class, with the score of the last detection."""
        return Label(self.index, self._names[self.index], self.score)

    @property
    def age_s(self) -> float:
        """Seconds from the first to the last detection."""
        return self.last_at - self.first_at

    def see(self, found: Detection, at: float) -> None:
        """Add a detection; ``at``: seconds."""
        self.box, self.score, self.last_at, self.missed = found.box, found.score, at, 0
        self.hits += 1
        if self.id is not None:
            self.trail.clear()
        self.best_score = max(self.best_score, found.score)
        self.usual_score += RECENT * (found.score - self.usual_score)
        self._vote(found)

    def doubt(self, score: float) -> float:
        """Return how uncertain a detection with a score is, relative to the usual ones, 1 or more."""
        return min(max(1.0, (self.usual_score / max(score, 0.01)) ** 2), MAX_DOUBT)

    def _vote(self, found: Detection) -> None:
        self.trail.append(found.box)
        del self.trail[:-LONGEST_TRAIL]
        self._votes[found.index] = self._votes.get(found.index, 0.0) + found.score
        self._names[found.index] = found.name


def begin(found: Detection, at: float) -> Track:
    """Return a track of something detected for the first time."""
    made = Track(found.box, at, at, found.score, found.score, found.score)
    made._vote(found)
    return made
