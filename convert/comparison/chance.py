"""Is the float model better than guessing? Agreement with float cannot show that both are fed wrongly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from edgevision.evaluation.intervals import Proportion, proportion

from ..images.heldout import LabelledImage

MIN_IMAGES = 20
"""Fewer labeled images cannot tell a model from guessing."""
MAX_SKILL = 0.3
"""Share of the way from guessing (0) to always right (1), Cohen's kappa, from which a model is better than chance."""


@dataclass(frozen=True, slots=True)
class ChanceLevel:
    """The accuracy of a float model that may be no better than guessing."""

    right: Proportion
    guessing: float
    """Expected share of right answers if the same answers were given to the images at random, 0..1."""
    assumed: bool
    """Whether the classes were taken from the folders' names in alphabetical order."""

    def message(self) -> str:
        """Return the warning."""
        value, low, high = (f"{100 * v:.1f}" for v in (self.right.value, self.right.low, self.right.high))
        classes = ", with the folders in alphabetical order as classes," if self.assumed else ""
        return (
            f"the accuracy is at chance level: the float model is right on {value} % (95 %: {low} to {high}) of "
            f"{self.right.total} labeled images{classes} and guessing would be right on {100 * self.guessing:.1f} %; "
            "check --mean, --std and --order, and that --labels has the order of the outputs"
        )


def chance_level(pictures: Sequence[LabelledImage], tops: Sequence[int], classes: int) -> ChanceLevel | None:
    """Return the accuracy of the float answers ``tops`` if it cannot be told from guessing, else None."""
    assumed = not any(picture.labels for picture in pictures)
    known = [(picture.assumed if assumed else picture.labels, top) for picture, top in zip(pictures, tops, strict=True)]
    pairs = [(labels, top) for labels, top in known if labels]
    right = proportion(sum(top in labels for labels, top in pairs), len(pairs))
    if right is None or right.total < MIN_IMAGES or classes < 2:
        return None
    guessing = _guessing(pairs, classes)
    skill = (right.value - guessing) / (1 - guessing) if guessing < 1 else 0.0
    return ChanceLevel(right, guessing, assumed) if right.low <= guessing and skill < MAX_SKILL else None


def _guessing(pairs: Sequence[tuple[frozenset[int], int]], classes: int) -> float:
    """Return the share of right answers by chance, from how often each class occurs and is answered."""
    occurs = Counter(min(labels) for labels, _ in pairs)
    if len(occurs) == 1:  # any constant answer would count as chance
        return 1 / classes
    answered = Counter(top for _, top in pairs)
    return sum(count * answered[label] for label, count in occurs.items()) / len(pairs) ** 2
