"""Selection of frames to collect and their rate; deterministic, based on the frames' own time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from edgevision.datasets import perceptual_hash

if TYPE_CHECKING:
    from edgevision.types import Frame, Prediction

SURE = 0.6
"""A prediction is unsure if its best score is below this, or less than LEAD above the next."""
LEAD = 0.2
NEAR = 0.1
"""Margin above the threshold within which an independent score is unsure."""


def is_unsure(prediction: Prediction, threshold: float | None) -> bool:
    """Return whether a person should review the frame; ``threshold``: 0..1, minimum score shown, None: all are."""
    scores = sorted((label.score for label in prediction.labels), reverse=True)
    if prediction.task == "classification":
        if not scores or scores[0] < max(SURE, (threshold or 0.0) + NEAR):
            return True
        return len(scores) > 1 and scores[0] - scores[1] < LEAD
    if prediction.task == "embedding":  # scores of taught classes; none of them gets the remainder
        return any(abs(score - 0.5) < LEAD for score in scores)
    if prediction.task == "detection":
        scores = [found.score for found in prediction.objects]
    elif prediction.task == "points":
        scores = [found.score for found in prediction.points]
    elif prediction.task == "segmentation":
        return False  # an area says nothing about confidence
    limit = 0.5 if threshold is None else threshold
    return any(score < limit + NEAR for score in scores)


@dataclass(slots=True)
class Pace:
    """Token bucket: ``burst`` images, then one every ``refill_s``, never two within ``every_s``; untimed images pass."""

    every_s: float = 5.0
    burst: int = 20
    refill_s: float = 60.0
    _tokens: float = field(init=False, default=0.0)
    _last: float | None = field(init=False, default=None)
    _kept: float | None = field(init=False, default=None)

    def allows(self, at: float | None) -> bool:
        """Return whether one more may be kept now, and count it; ``at``: seconds, None for single images."""
        if at is None:
            return True
        if self._last is None or at < self._last:  # the first frame, or a restarted video
            self._tokens, self._kept = float(self.burst), None
        else:
            self._tokens = min(float(self.burst), self._tokens + (at - self._last) / self.refill_s)
        self._last = at
        if self._tokens < 1.0 or (self._kept is not None and at - self._kept < self.every_s):
            return False
        self._tokens -= 1.0
        self._kept = at
        return True


class Novelty:
    """Remembers thumbnails of the last images of a folder."""

    def __init__(self, size: int = 16) -> None:
        self._known: deque[perceptual_hash.Thumbs] = deque(maxlen=size)

    def is_new(self, frame: Frame) -> bool:
        """Return whether the image differs from all remembered ones and is not blank; remember it if so."""
        thumb = perceptual_hash.thumbnail(frame)
        if perceptual_hash.is_flat(thumb[np.newaxis])[0]:
            return False
        if self._known:
            known = np.stack(list(self._known))
            if (
                perceptual_hash.differences(known, np.broadcast_to(thumb, known.shape))
                <= perceptual_hash.MAX_DIFFERENCE
            ).any():
                return False
        self._known.append(thumb)
        return True
