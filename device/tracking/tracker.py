"""Tracker: gives detections of the same object the same number, frame after frame.

Two stages, as in ByteTrack (Zhang et al., 2022, arXiv:2110.06864): first the detections that are sure enough to be shown, then
the weaker ones, which continue tracks but begin none: something that is partly covered or blurred has a low score. There, a
detection must be clearly above the threshold to begin a track; here, one of the first few must be, and the track keeps what
was before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from typing import TYPE_CHECKING

import numpy as np

from .assignment import assign
from .matching import LIMIT, costs, overlaps
from .motion import BoxMotion
from .track import Track, begin

if TYPE_CHECKING:
    from edgevision.types import Detection

    from .motion import Mask, Values

WEAKEST = 0.1
"""Lowest score with which a detection continues a track."""
SETTLING_MARGIN = 0.1
"""How far one score of a track must be above the threshold before it counts, as in ByteTrack's own code: what a detector
invents is mostly near the threshold."""
SETTLED_HITS = 3
"""Number of detections after which a track counts."""
NEW_MISSES = 1
"""Number of frames that a new track may miss."""
NEW_COST = 0.1
"""What is added to the cost of a track that has not settled: settled ones choose first."""
HIDDEN_S, HIDDEN_FRAMES = 2.0, 5
"""An object that is hidden for longer than both is given up."""
OUTSIDE_S = 0.4
"""The same for an object that is expected outside the frame, in seconds."""
SAME_OBJECT = 0.8
"""Overlap from which two detections are the same object, which a detector reports as two classes."""
FRAME_S = 0.1
"""Time between images that have no time, in seconds."""
LONGEST_STEP_S = 1.0
"""Longest time that motion is predicted for at once, in seconds."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """What became of the detections of a frame."""

    tracks: tuple[Track | None, ...]
    """The track of each detection, in their order; None: it belongs to none. A track without an ``id`` has not settled."""
    ended: tuple[Track, ...]
    """Settled tracks that were given up."""


class Tracker:
    """Follows the objects of one camera. Works on boxes, and on points, which are boxes without a size."""

    def __init__(self, threshold: float) -> None:
        """``threshold``: lowest score of a detection that is shown, 0..1."""
        self.threshold = threshold
        self._motion = BoxMotion()
        self._tracks: list[Track] = []
        self._size = (0, 0)
        self._last_id = 0
        self._now: float | None = None

    @property
    def weakest(self) -> float:
        """Lowest score of the detections that the tracker needs, 0..1."""
        return min(WEAKEST, self.threshold)

    @property
    def settling_score(self) -> float:
        """Score that a track must have reached once before it settles, 0..1; half way to 1 if the threshold is above 0.8."""
        return self.threshold + min(SETTLING_MARGIN, (1.0 - self.threshold) / 2)

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The tracks that have settled, including those hidden for a moment, oldest first."""
        return tuple(track for track in self._tracks if track.id is not None)

    def update(self, objects: Sequence[Detection], size: tuple[int, int], at: float | None) -> Tracked:
        """Add the detections of a frame.

        Args:
            objects: All detections with a score of at least ``weakest``, with boxes in pixels.
            size: Width and height of the frame in pixels; another size than before ends all tracks.
            at: Time of the frame in seconds; None: single images, which count as FRAME_S apart.
        """
        ended = self.end() if size != self._size else ()
        now = self._advance(size, at)
        found = _Found(objects)
        strong = found.scores >= self.threshold
        if self._tracks and objects:
            price = self._costs(found)
            self._match(found, strong & ~found.repeated, np.ones(len(self._tracks), bool), price, now)
            lasting = np.array([t.id is not None and 0 < t.missed <= NEW_MISSES + 1 for t in self._tracks], bool)
            self._match(found, ~strong & (found.scores >= self.weakest), lasting, price, now)
        ended += self._give_up(now)
        self._begin(found, strong & ~found.repeated, now)
        return Tracked(tuple(found.owners), ended)

    def pause(self, at: float | None) -> None:
        """Note a frame that looks like the last one, so that its objects are where they were; ``at``: its time."""
        if at is not None and self._now is not None:
            for track in self._tracks:
                if track.missed == 0:
                    track.last_at = at
            self._now = at

    def end(self) -> tuple[Track, ...]:
        """Give up everything, as when the camera is lost; return the tracks that had settled."""
        ended = self.tracks
        for track in self._tracks:
            track.state = "ended"
        self._tracks, self._motion, self._now = [], BoxMotion(), None
        return ended

    def _advance(self, size: tuple[int, int], at: float | None) -> float:
        """Predict all tracks for a frame; return its time."""
        before = self._now
        now = at if at is not None else 0.0 if before is None else before + FRAME_S
        step = 0.0 if before is None else min(max(now - before, 0.0), LONGEST_STEP_S)
        self._size, self._now = size, now
        self._motion.diagonal = hypot(*size)
        self._motion.advance(step, np.array([track.missed > 0 for track in self._tracks], bool))
        for track in self._tracks:
            track.missed += 1
        return now

    def _costs(self, found: _Found) -> Values:
        """Return the cost of each pair of a track and a detection."""
        classes = np.array([track.index for track in self._tracks])
        price = costs(self._motion, self._motion.boxes, found.boxes, classes, found.classes)
        price[[track.id is None for track in self._tracks]] += NEW_COST
        return price

    def _match(self, found: _Found, chosen: Mask, tracks: Mask, price: Values, now: float) -> None:
        """Give some of the detections to some of the tracks."""
        rows, columns = np.flatnonzero(tracks), np.flatnonzero(chosen)
        pairs = assign(price[np.ix_(rows, columns)], LIMIT)
        if not pairs:
            return
        matched, places = rows[[row for row, _ in pairs]], columns[[column for _, column in pairs]]
        seen = [(self._tracks[row], place) for row, place in zip(matched.tolist(), places.tolist(), strict=True)]
        doubt = np.array([track.doubt(found.objects[place].score) for track, place in seen])
        self._motion.correct(matched, found.boxes[places], doubt)
        for track, place in seen:
            found.owners[place] = track
            track.see(found.objects[place], now)
            self._settle(track)

    def _settle(self, track: Track) -> None:
        if track.id is None and track.hits >= SETTLED_HITS and track.best_score >= self.settling_score:
            self._last_id += 1
            track.id = self._last_id
        if track.id is not None:
            track.state = "settled"

    def _give_up(self, now: float) -> tuple[Track, ...]:
        """Remove the tracks that were not seen for too long; return those that had settled."""
        if not any(track.missed for track in self._tracks):
            return ()
        inside = self._are_inside()
        kept = np.array([_may_return(t, now, here) for t, here in zip(self._tracks, inside, strict=True)], bool)
        gone = tuple(track for track, stays in zip(self._tracks, kept, strict=True) if not stays)
        for track in self._tracks:
            track.state = "hidden" if track.missed and track.id is not None else track.state
        for track in gone:
            track.state = "ended"
        if gone:
            self._tracks = [track for track, stays in zip(self._tracks, kept, strict=True) if stays]
            self._motion.keep(kept)
        return tuple(track for track in gone if track.id is not None)

    def _are_inside(self) -> list[bool]:
        centers, (width, height) = self._motion.centers, self._size
        return [0 <= x <= width and 0 <= y <= height for x, y in centers.tolist()]

    def _begin(self, found: _Found, chosen: Mask, now: float) -> None:
        """Begin tracks for what is left, unless it is a second detection of something seen in this frame."""
        fresh = [place for place in np.flatnonzero(chosen).tolist() if found.owners[place] is None]
        if not fresh:
            return
        taken = [place for place, owner in enumerate(found.owners) if owner is not None]
        if taken:
            shared = overlaps(found.boxes[fresh], found.boxes[taken]).max(axis=1)
            fresh = [place for place, most in zip(fresh, shared, strict=True) if most < SAME_OBJECT]
        for place in fresh:
            track = found.owners[place] = begin(found.objects[place], now)
            self._tracks.append(track)
        self._motion.add(found.boxes[fresh])


class _Found:
    """The detections of one frame as arrays, and the tracks that they belong to."""

    def __init__(self, objects: Sequence[Detection]) -> None:
        self.objects = objects
        self.boxes = np.array([found.box for found in objects], np.float64).reshape(-1, 4)
        self.classes = np.array([found.index for found in objects], np.int64)
        self.scores = np.array([found.score for found in objects], np.float64)
        self.owners: list[Track | None] = [None] * len(objects)
        self.repeated = self._repeated()

    def _repeated(self) -> Mask:
        """Return which detections are a less certain class of something that was detected as another class."""
        other = self.classes[:, np.newaxis] != self.classes
        if not other.any():
            return np.zeros(len(self.objects), bool)
        rank = np.argsort(np.argsort(-self.scores, kind="stable"), kind="stable")
        better = rank[:, np.newaxis] > rank
        same = overlaps(self.boxes, self.boxes) >= SAME_OBJECT
        found: Mask = np.logical_or.reduce(other & better & same, axis=1)
        return found


def _may_return(track: Track, now: float, inside: bool) -> bool:
    if track.id is None:
        return track.missed <= NEW_MISSES
    hidden_s = now - track.last_at
    if not inside and hidden_s > OUTSIDE_S:
        return False
    return hidden_s <= HIDDEN_S or track.missed <= HIDDEN_FRAMES
