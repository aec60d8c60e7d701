"""What the loop says over time: answers averaged over frames, and events where something came or went."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from edgevision.decisions import DEFAULT_THRESHOLD, Change, Decisions, policy_for, time_of

if TYPE_CHECKING:
    from edgevision.data import Frame, Prediction, Task

CANDIDATES = 32
"""Labels a frame that are averaged: what is not among a classifier's best 32 has a score under 1/32, and counts as 0."""
BACKGROUND = "background"
"""The name of what is left over: it neither comes nor goes."""


class Decider:
    """Asks the model for more than is shown, so that averages and hysteresis see scores below the threshold."""

    def __init__(
        self, task: Task, *, smooth: int = 1, threshold: float | None = None, own: float | None = None, top: int = 5
    ) -> None:
        """``threshold``: 0..1, as the user said; ``own``: the model's. ``top``: labels shown at most. Raises BadInput."""
        self._task = task
        self._smooth = smooth
        self._top = top
        self._shown = _shown(task, threshold, own)
        policy = policy_for(task, smooth, None if task == "segmentation" else self._shown)
        self._decisions = Decisions(policy)
        self._last: Prediction | None = None
        # A segmenter's threshold makes its mask: it is passed on as it is.
        self.ask_threshold = threshold if task == "segmentation" else self._lowest(policy.release)
        self.ask_top = max(top, CANDIDATES) if smooth > 1 or task == "multilabel" else top

    def update(self, frame: Frame, prediction: Prediction) -> tuple[Prediction, tuple[Change, ...]]:
        """What is shown for a frame, and what came or went with it."""
        self._last = prediction
        decision = self._decisions.update(_without_background(prediction), frame.index, time_of(frame))
        labels = decision.means if self._smooth > 1 else prediction.labels
        shown = replace(
            prediction,
            labels=tuple(label for label in labels if self._is_shown(label.score))[: self._top],
            objects=tuple(found for found in prediction.objects if self._is_shown(found.score)),
        )
        return shown, decision.changes

    def still(self, frame: Frame) -> tuple[Change, ...]:
        """What the answer before means for a frame that shows no change: an average may only now be complete."""
        return () if self._last is None else self.update(frame, self._last)[1]

    def end(self, index: int, at: float | None) -> tuple[Change, ...]:
        """All that is there leaves: at the end, or where the camera was lost."""
        self._last = None
        return self._decisions.end(index, at)

    def _lowest(self, release: float) -> float | None:
        """None: all that the model gives, by its own threshold."""
        if self._smooth > 1:
            return 0.0
        return None if self._shown is None else min(self._shown, release)

    def _is_shown(self, score: float) -> bool:
        return self._shown is None or score >= self._shown


def _shown(task: Task, threshold: float | None, own: float | None) -> float | None:
    """The score from which an answer is shown; None: all are."""
    if task == "segmentation":
        return None
    if threshold is not None or own is not None:
        return own if threshold is None else threshold
    return DEFAULT_THRESHOLD if task == "detection" else None


def _without_background(prediction: Prediction) -> Prediction:
    regions = tuple(region for region in prediction.regions if region.name != BACKGROUND)
    return replace(prediction, regions=regions)
