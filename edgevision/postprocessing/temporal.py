"""Smooth predictions over time: average scores over frames, and make events with durations.

The only clock is the time of the frames. A label enters when its mean score reaches the threshold and leaves when it
falls below a lower one (hysteresis), so that a score that wavers around the threshold makes no events.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Literal

from ..errors import BadInput
from ..types import Frame, Label, Prediction, Task

Kind = Literal["entered", "left", "changed"]
DEFAULT_THRESHOLD = 0.5
DEFAULT_AREA = 0.01
"""Default threshold of a segmenter, as a share of the frame, which it uses instead of a score."""


@dataclass(frozen=True, slots=True)
class Policy:
    """When a label counts as present."""

    exclusive: bool
    """True: at most one label at a time (classifiers). False: each label is independent."""
    smooth: int = 1
    """Number of frames that scores are averaged over, at least 1."""
    threshold: float = DEFAULT_THRESHOLD
    """Lowest mean score, 0..1, with which a label enters; lower ones are unknown."""
    hysteresis: float = 0.1
    """How far below the threshold a label leaves, and by how much a label must lead to replace another, 0..1."""

    def __post_init__(self) -> None:
        if self.smooth < 1:
            raise BadInput(f"the number of frames to average scores over must be at least 1, got {self.smooth}")
        for name, value in (("threshold", self.threshold), ("hysteresis", self.hysteresis)):
            if not 0.0 <= value <= 1.0:
                raise BadInput(f"the {name} must be between 0 and 1, got {value:g}")

    @property
    def release(self) -> float:
        """Mean score below which a label leaves; at least half the threshold, so that labels can leave at any threshold."""
        return max(self.threshold - self.hysteresis, self.threshold / 2)


@dataclass(frozen=True, slots=True)
class Change:
    """An event: a label entered, left, or replaced another."""

    kind: Kind
    label: Label
    """The label that entered (entered, changed) or left (left), with its mean score."""
    before: Label | None
    """The replaced label; only of ``changed``."""
    index: int
    """Index of the frame."""
    at: float | None
    """Time of the frame (s); None for image files."""
    duration_s: float | None
    """How long the label that left or was replaced was present (s); None for ``entered`` and for frames without time."""

    def describe(self) -> str:
        """Return ``cat``, or ``cat -> dog`` if a label was replaced."""
        return self.label.name if self.before is None else f"{self.before.name} -> {self.label.name}"


@dataclass(frozen=True, slots=True)
class Decision:
    """The smoothed result after a frame."""

    labels: tuple[Label, ...]
    """Labels whose mean score reaches the threshold, best first; empty means unknown."""
    present: tuple[Label, ...]
    """Labels that have entered and not left, in the order in which they entered."""
    changes: tuple[Change, ...]
    means: tuple[Label, ...] = ()
    """All labels of the averaged frames with mean scores, best first, including those below the threshold."""


@dataclass(frozen=True, slots=True)
class _Stay:
    label: Label
    since: float | None


class Decisions:
    """Keeps the scores of the last frames and the labels that are present.

    Scores missing from a prediction count as 0, so predict with a threshold of 0 if ``smooth`` is over 1.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._window: deque[dict[int, Label]] = deque(maxlen=policy.smooth)
        self._stays: dict[int, _Stay] = {}

    @property
    def release(self) -> float:
        """Mean score below which a label leaves."""
        return self._policy.release

    def set_policy(self, policy: Policy) -> None:
        """Change thresholds while running; what is present stays until it falls below the new ones.

        The number of frames averaged must stay the same.
        """
        self._policy = policy

    def update(self, prediction: Prediction, index: int, at: float | None) -> Decision:
        """Add the prediction for one frame. No label enters before ``smooth`` frames were seen."""
        self._window.append(evidence(prediction))
        means = self._means()
        changes: list[Change] = []
        if len(self._window) == self._policy.smooth:
            changes = self._one(means, index, at) if self._policy.exclusive else self._each(means, index, at)
        kept = {i: replace(stay, label=means.get(i, replace(stay.label, score=0.0))) for i, stay in self._stays.items()}
        self._stays = kept
        best = sorted(means.values(), key=lambda label: (-label.score, label.index))
        labels = tuple(label for label in best if label.score >= self._policy.threshold)
        return Decision(labels, tuple(stay.label for stay in kept.values()), tuple(changes), tuple(best))

    def end(self, index: int, at: float | None) -> tuple[Change, ...]:
        """Make every label leave, at the end of a run or when the camera is lost, and forget the scores."""
        changes = tuple(self._left(stay.label, index, at) for stay in list(self._stays.values()))
        self._window.clear()
        return changes

    def _means(self) -> dict[int, Label]:
        newest = {i: label for scores in self._window for i, label in scores.items()}
        count = len(self._window)
        return {
            i: replace(label, score=round(sum(s[i].score for s in self._window if i in s) / count, 6))
            for i, label in newest.items()
        }

    def _one(self, means: dict[int, Label], index: int, at: float | None) -> list[Change]:
        """Return the changes if there is at most one label at a time."""
        best = min(means.values(), key=lambda label: (-label.score, label.index), default=None)
        challenger = best if best is not None and self._enters(best) else None
        stay = next(iter(self._stays.values()), None)
        if stay is None:
            return [self._entered(challenger, index, at)] if challenger is not None else []
        score = means[stay.label.index].score if stay.label.index in means else 0.0
        current = replace(stay.label, score=score)
        leaves = self._leaves(current)
        if challenger is None or challenger.index == current.index:
            return [self._left(current, index, at)] if leaves else []
        if leaves or challenger.score - current.score >= self._policy.hysteresis:
            duration = self._left(current, index, at).duration_s
            entered = self._entered(challenger, index, at)
            return [replace(entered, kind="changed", before=current, duration_s=duration)]
        return []

    def _each(self, means: dict[int, Label], index: int, at: float | None) -> list[Change]:
        """Return the changes of independent labels: first those that leave, then those that enter, best first."""
        now = [means.get(i, replace(stay.label, score=0.0)) for i, stay in self._stays.items()]
        gone = [self._left(label, index, at) for label in now if self._leaves(label)]
        new = [label for i, label in means.items() if i not in self._stays and self._enters(label)]
        new.sort(key=lambda label: (-label.score, label.index))
        return gone + [self._entered(label, index, at) for label in new]

    def _enters(self, label: Label) -> bool:
        return label.score >= self._policy.threshold and label.score > 0.0

    def _leaves(self, label: Label) -> bool:
        return label.score < self._policy.release or label.score <= 0.0

    def _entered(self, label: Label, index: int, at: float | None) -> Change:
        self._stays[label.index] = _Stay(label, at)
        return Change("entered", label, None, index, at, None)

    def _left(self, label: Label, index: int, at: float | None) -> Change:
        since = self._stays.pop(label.index).since
        duration = None if since is None or at is None else round(max(0.0, at - since), 3)
        return Change("left", label, None, index, at, duration)


def policy_for(task: Task, smooth: int = 1, threshold: float | None = None) -> Policy:
    """Return the policy for a task; ``threshold``: 0..1, None for the task's default. Raises BadInput."""
    if task == "segmentation":
        limit = DEFAULT_AREA if threshold is None else threshold
        return Policy(exclusive=False, smooth=smooth, threshold=limit, hysteresis=limit / 2)
    limit = DEFAULT_THRESHOLD if threshold is None else threshold
    return Policy(exclusive=task in ("classification", "embedding"), smooth=smooth, threshold=limit)


def evidence(prediction: Prediction) -> dict[int, Label]:
    """Return the evidence for each class: its score, its best object's or point's score, or its share of the frame in a mask."""
    found = [*prediction.labels, *(Label(o.index, o.name, o.score) for o in prediction.objects)]
    found += [Label(point.index, point.name, point.score) for point in prediction.points]
    found += [Label(region.index, region.name, region.area) for region in prediction.regions]
    best: dict[int, Label] = {}
    for label in found:
        if label.index not in best or label.score > best[label.index].score:
            best[label.index] = label
    return best


def time_of(frame: Frame) -> float | None:
    """Return when a frame was captured, or its position in a video (s); None for image files."""
    return frame.position_s if frame.captured_at is None else frame.captured_at
