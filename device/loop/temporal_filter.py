"""Temporal filter of the loop: averages predictions over frames and reports labels that come and go."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgevision.model_file.card import ModelCard
    from edgevision.postprocessing.temporal import Change, Decision, Decisions, Policy
    from edgevision.types import Anomaly, Frame, Label, Prediction, Task

CANDIDATES = 32
"""Labels averaged per frame: beyond a classifier's best 32, scores are below 1/32 and count as 0."""
BACKGROUND = "background"
"""Name of the remaining area in segmentation; it causes no events."""


class TemporalFilter:
    """Filters predictions; asks the model for more labels than are shown, since averages and hysteresis need low scores."""

    def __init__(
        self,
        task: Task,
        *,
        smooth: int = 1,
        threshold: float | None = None,
        own: float | None = None,
        top: int = 5,
        floor: float | None = None,
    ) -> None:
        """
        Args:
            task: Task of the model.
            smooth: Number of frames to average over.
            threshold: 0..1, set by the user.
            own: That of the model.
            top: Maximum number of labels shown.
            floor: Lowest score that the model is asked for in any case, such as for a tracker; None: what is needed here.

        Raises:
            BadInput: A value is out of range.
        """
        self._floor = 1.0 if floor is None else floor
        self._task = task
        self._smooth = smooth
        self._top = top
        self._own = own
        self._decisions: Decisions | None = None
        self._last: Prediction | None = None
        self._told: tuple[Change, ...] | None = None
        """Changes already found by ``show``, for ``changes``."""
        self.set_threshold(threshold)
        self.ask_top = max(top, CANDIDATES) if smooth > 1 or task == "multilabel" else top

    def set_threshold(self, threshold: float | None) -> None:
        """Change the score, 0..1, from which labels are shown and enter; None: the model's own. What is present stays."""
        self._threshold = threshold
        self._shown = _shown(self._task, threshold, self._own)
        if self._decisions is not None:
            self._decisions.set_policy(self._policy())
        # A segmentation model applies the threshold to its mask, so it is passed on unchanged.
        self.ask_threshold = threshold if self._task == "segmentation" else self._lowest()

    def set_smooth(self, smooth: int) -> None:
        """Change the number of frames averaged. Call ``end`` before: the averages begin again."""
        self._smooth, self._decisions, self._told = smooth, None, None
        self.ask_top = max(self._top, CANDIDATES) if smooth > 1 or self._task == "multilabel" else self._top
        self.set_threshold(self._threshold)

    @property
    def shown_threshold(self) -> float:
        """Score from which labels and objects are shown, 0..1."""
        return 0.0 if self._shown is None else self._shown

    @property
    def smooth(self) -> int:
        """Number of frames averaged."""
        return self._smooth

    def show(self, frame: Frame, prediction: Prediction) -> Prediction:
        """Return the prediction to show; call ``changes`` afterwards, which need not be known before it is shown."""
        labels = prediction.labels
        if self._smooth > 1:
            decision = self._decide(frame, prediction)
            labels, self._told = decision.means, decision.changes
        anomaly = None if prediction.anomaly is None else self._anomaly(frame, prediction, labels)
        return replace(
            prediction,
            anomaly=anomaly,
            labels=tuple(label for label in labels if self._is_shown(label.score))[: self._top],
            objects=tuple(found for found in prediction.objects if self._is_shown(found.score)),
            points=tuple(found for found in prediction.points if self._is_shown(found.score)),
        )

    def _anomaly(self, frame: Frame, prediction: Prediction, labels: tuple[Label, ...]) -> Anomaly:
        """Return the anomaly at the shown threshold: the model was asked with a lower one, and about one frame."""
        from edgevision.postprocessing.anomaly import box_around_peak
        from edgevision.types import Anomaly

        found, limit = prediction.anomaly, self.shown_threshold
        assert found is not None
        score = labels[0].score if labels and self._smooth > 1 else found.score
        heat = prediction.heat
        box = None if heat is None or score < limit else box_around_peak(heat, limit, (frame.width, frame.height))
        return Anomaly(score, limit, box)

    def changes(self, frame: Frame, prediction: Prediction) -> tuple[Change, ...]:
        """Return what came or went with a frame already shown; ``prediction``: as returned by the model."""
        told, self._told = self._told, None
        return self._decide(frame, prediction).changes if told is None else told

    def still(self, frame: Frame) -> tuple[Change, ...]:
        """Return changes for a frame without motion: an average of the previous prediction may only now be complete."""
        return () if self._last is None else self._decide(frame, self._last).changes

    def end(self, index: int, at: float | None) -> tuple[Change, ...]:
        """Report everything present as left: at the end, or when the camera was lost."""
        self._last = None
        return () if self._decisions is None else self._decisions.end(index, at)

    def _decide(self, frame: Frame, prediction: Prediction) -> Decision:
        from edgevision.postprocessing.temporal import time_of

        self._last = prediction
        if self._decisions is None:
            self._decisions = self._begin()
        return self._decisions.update(_without_background(prediction), frame.index, time_of(frame))

    def _begin(self) -> Decisions:
        from edgevision.postprocessing.temporal import Decisions  # late: the first prediction does not wait for it

        return Decisions(self._policy())

    def _policy(self) -> Policy:
        from edgevision.postprocessing.temporal import policy_for  # late, as above

        return policy_for(self._task, self._smooth, None if self._task == "segmentation" else self._shown)

    def _lowest(self) -> float | None:
        """Return the score threshold to request from the model; None: the model's own."""
        if self._smooth > 1:
            return 0.0
        if self._shown is None:
            return None
        self._decisions = self._decisions or self._begin()
        return min(self._shown, self._decisions.release, self._floor)

    def _is_shown(self, score: float) -> bool:
        return self._shown is None or score >= self._shown


def filter_for(
    card: ModelCard, *, smooth: int, threshold: float | None, top: int, floor: float | None = None
) -> TemporalFilter:
    """Return the filter for a model with the user's settings. Raises BadInput."""
    return TemporalFilter(card.task, smooth=smooth, threshold=threshold, own=card.threshold, top=top, floor=floor)


def _shown(task: Task, threshold: float | None, own: float | None) -> float | None:
    """Return the score from which a label, object or point is shown; None: all are."""
    if task == "segmentation":
        return None
    if threshold is not None or own is not None:
        return own if threshold is None else threshold
    if task not in ("detection", "points"):
        return None
    from edgevision.postprocessing.detection import DEFAULT_THRESHOLD

    return DEFAULT_THRESHOLD


def _without_background(prediction: Prediction) -> Prediction:
    regions = tuple(region for region in prediction.regions if region.name != BACKGROUND)
    return replace(prediction, regions=regions)
