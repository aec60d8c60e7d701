"""Labels of new photos that the earlier model, which never saw them, firmly disagrees with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgevision.datasets.dataset import Item
from edgevision.datasets.merged import original_path

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Scores = npt.NDArray[np.float32]

MIN_SCORE = 0.8
"""Score from which an answer of the earlier model counts as firm."""
MAX_LISTED = 20
MANY, MANY_SHARE = 3, 0.2
"""Number and share of the new photos of a label from which their labels are doubted as a group."""
MOST = 0.5
"""Share from which a group contradicts the rest: so many are doubted, and so many of these were not learned."""


@dataclass(frozen=True, slots=True)
class DoubtfulPhoto:
    """A new photo that the earlier model firmly takes for another class."""

    path: str
    label: str
    """The label that it came with."""
    answer: str
    """Answer of the earlier model."""
    score: float
    """Score of the answer, 0..1."""
    learned: bool
    """Whether the new model gives another answer than the earlier one."""


@dataclass(frozen=True, slots=True)
class DoubtfulGroup:
    """New photos with one label."""

    label: str
    images: int
    """Number of new photos with this label."""
    doubted: int
    """Number of those that the earlier model firmly takes for another class."""
    unlearned: int
    """Number of those that the new model, although trained with their labels, takes for the same other class."""
    answer: str
    """The class that they are most often taken for."""

    @property
    def stands_out(self) -> bool:
        """Whether there are too many to be single mistakes."""
        return self.doubted >= MANY and self.doubted >= MANY_SHARE * self.images

    @property
    def contradicts(self) -> bool:
        """Whether these labels contradict those of the earlier photos: even a model trained with both rejects them."""
        return self.stands_out and self.doubted > MOST * self.images and self.unlearned > MOST * self.doubted

    def describe(self) -> str:
        """Return such as ``18 of 20 new photos labeled cat look like dog``."""
        return f"{self.doubted} of {self.images} new photos labeled {self.label} look like {self.answer}"


@dataclass(frozen=True, slots=True)
class DoubtfulLabels:
    """The labels of new photos that the earlier model disagrees with."""

    groups: tuple[DoubtfulGroup, ...] = ()
    """Labels with such photos, the most doubted first."""
    photos: tuple[DoubtfulPhoto, ...] = ()
    """The firmest answers, at most MAX_LISTED."""

    @property
    def contradicting(self) -> tuple[DoubtfulGroup, ...]:
        """The groups whose labels contradict those of the earlier photos."""
        return tuple(one for one in self.groups if one.contradicts)

    def describe(self) -> str:
        """Return what to look at first; empty if no group stands out."""
        found = "; ".join(one.describe() for one in self.groups if one.stands_out)
        return f"{found} (such as {self.photos[0].path})" if found else ""

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {
            "groups": [
                {
                    "label": one.label,
                    "pictures": one.images,
                    "doubted": one.doubted,
                    "unlearned": one.unlearned,
                    "answer": one.answer,
                    "contradicts": one.contradicts,
                }
                for one in self.groups
            ],
            "pictures": [
                {"path": one.path, "label": one.label, "answer": one.answer, "score": one.score} for one in self.photos
            ],
        }


def doubtful_labels(
    items: Sequence[Item], labels: Sequence[str], earlier_scores: Scores, new_scores: Scores
) -> DoubtfulLabels:
    """Return the doubtful labels of photos with one label each.

    ``earlier_scores``: (photos, labels); ``new_scores``: of the new model, whose first labels are the same.
    """
    best, now = earlier_scores.argmax(axis=1), new_scores.argmax(axis=1)
    found = [
        DoubtfulPhoto(
            original_path(item), item.labels[0], labels[was], float(earlier_scores[at, was]), bool(now[at] != was)
        )
        for at, (item, was) in enumerate(zip(items, best, strict=True))
        if labels[was] != item.labels[0] and earlier_scores[at, was] >= MIN_SCORE
    ]
    found.sort(key=lambda one: -one.score)
    return DoubtfulLabels(_groups(found, Counter(item.labels[0] for item in items)), tuple(found[:MAX_LISTED]))


def _groups(found: Sequence[DoubtfulPhoto], counts: Counter[str]) -> tuple[DoubtfulGroup, ...]:
    by_label: dict[str, list[DoubtfulPhoto]] = {}
    for one in found:
        by_label.setdefault(one.label, []).append(one)
    groups = [
        DoubtfulGroup(
            label,
            counts[label],
            len(photos),
            sum(not one.learned for one in photos),
            Counter(one.answer for one in photos).most_common(1)[0][0],
        )
        for label, photos in by_label.items()
    ]
    return tuple(sorted(groups, key=lambda one: (-one.doubted / one.images, one.label)))
