"""What is known of each label, for a bounded number of labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edgevision.reporting.terminal import printable

MAX_LABELS = 100
"""Number of labels with series of their own. Each costs Prometheus three series; a model may have a thousand."""
MAX_NAME = 120
"""Length at which the name of a label is cut."""


@dataclass(slots=True)
class LabelState:
    """State of one label."""

    score: float = 0.0
    """Score in the newest frame; 0 if the frame does not show it."""
    present: bool = False
    entered: int = 0
    """How often it entered."""


class LabelTable:
    """Keeps the labels seen last. When it is full, the label unseen for longest makes room, absent ones first."""

    def __init__(self, max_labels: int = MAX_LABELS) -> None:
        self._states: dict[str, LabelState] = {}  # in the order in which they were seen last
        self._max_labels = max_labels
        self.evicted = 0
        """Number of times that a label made room for another."""

    def __iter__(self) -> Iterator[tuple[str, LabelState]]:
        return iter(sorted(self._states.items()))

    def frame(self, scores: Mapping[str, float]) -> None:
        """Record the scores of a frame."""
        for state in self._states.values():
            state.score = 0.0
        for name, score in list(scores.items())[: self._max_labels]:
            self._state(name).score = score

    def entered(self, name: str) -> None:
        """Record that a label entered."""
        state = self._state(name)
        state.present = True
        state.entered += 1

    def left(self, name: str) -> None:
        """Record that a label left."""
        self._state(name).present = False

    def all_left(self) -> None:
        """Record that nothing is seen any more, as without a camera."""
        for state in self._states.values():
            state.present, state.score = False, 0.0

    def _state(self, name: str) -> LabelState:
        key = printable(name)[:MAX_NAME]
        state = self._states.pop(key, None)
        if state is None:
            state = LabelState()
            if len(self._states) >= self._max_labels:
                absent = (known for known, one in self._states.items() if not one.present and not one.score)
                del self._states[next(absent, next(iter(self._states)))]
                self.evicted += 1
        self._states[key] = state
        return state
