"""What the loop says over time: answers averaged over frames, and events where something came or went."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgevision.data import Frame, Prediction, Task
    from edgevision.decisions import Change, Decision, Decisions

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
        self._decisions: Decisions | None = None
        self._last: Prediction | None = None
        self._told: tuple[Change, ...] | None = None
        """What ``show`` already found for ``changes``."""
        # A segmenter's threshold makes its mask: it is passed on as it is.
        self.ask_threshold = threshold if task == "segmentation" else self._lowest()
        self.ask_top = max(top, CANDIDATES) if smooth > 1 or task == "multilabel" else top

    def show(self, frame: Frame, prediction: Prediction) -> Prediction:
        """What is shown for a frame. To be followed by ``changes``, which need not be known before it is shown."""
        labels = prediction.labels
        if self._smooth > 1:
            decision = self._decide(frame, prediction)
            labels, self._told = decision.means, decision.changes
        return replace(
            prediction,
            labels=tuple(label for label in labels if self._is_shown(label.score))[: self._top],
            objects=tuple(found for found in prediction.objects if self._is_shown(found.score)),
        )

    def changes(self, frame: Frame, prediction: Prediction) -> tuple[Change, ...]:
        """What came or went with a frame that was shown; ``prediction`` as the model gave it."""
        told, self._told = self._told, None
        return self._decide(frame, prediction).changes if told is None else told

    def still(self, frame: Frame) -> tuple[Change, ...]:
        """What the answer before means for a frame that shows no change: an average may only now be complete."""
        return () if self._last is None else self._decide(frame, self._last).changes

    def end(self, index: int, at: float | None) -> tuple[Change, ...]:
        """All that is there leaves: at the end, or where the camera was lost."""
        self._last = None
        return () if self._decisions is None else self._decisions.end(index, at)

    def _decide(self, frame: Frame, prediction: Prediction) -> Decision:
        from edgevision.decisions import time_of

        self._last = prediction
        if self._decisions is None:
            self._decisions = self._begin()
        return self._decisions.update(_without_background(prediction), frame.index, time_of(frame))

    def _begin(self) -> Decisions:
        from edgevision.decisions import Decisions, policy_for  # late: the first answer does not wait for it

        return Decisions(policy_for(self._task, self._smooth, None if self._task == "segmentation" else self._shown))

    def _lowest(self) -> float | None:
        """The score from which the model is asked; None: its own threshold."""
        if self._smooth > 1:
            return 0.0
        if self._shown is None:
            return None
        self._decisions = self._begin()
        return min(self._shown, self._decisions.release)

    def _is_shown(self, score: float) -> bool:
        return self._shown is None or score >= self._shown


def _shown(task: Task, threshold: float | None, own: float | None) -> float | None:
    """The score from which an answer is shown; None: all are."""
    if task == "segmentation":
        return None
    if threshold is not None or own is not None:
        return own if threshold is None else threshold
    if task != "detection":
        return None
    from edgevision.tasks.detection import DEFAULT_THRESHOLD

    return DEFAULT_THRESHOLD


def _without_background(prediction: Prediction) -> Prediction:
    regions = tuple(region for region in prediction.regions if region.name != BACKGROUND)
    return replace(prediction, regions=regions)
