"""Ground truth: which classes of a model the labels of images stand for, and which images can be evaluated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..datasets.dataset import BACKGROUND, Item, Skipped
from ..datasets.label_matching import match_labels
from ..errors import BadInput, BadModel
from ..types import Frame

if TYPE_CHECKING:
    import numpy.typing as npt

    from .records import Pictures, Subject
    from .scorers import Scorer


@dataclass(frozen=True, slots=True)
class LabelMapping:
    """The mapping from the class names of a dataset to the classes of one model."""

    labels: tuple[str, ...]
    """Labels of the model; the position is the class index."""
    count: int
    """Number of classes of the model."""
    multilabel: bool
    index: dict[str, int]
    """Class index of each name in the dataset."""
    notes: tuple[str, ...]

    @property
    def known(self) -> frozenset[str]:
        """Names that an image may have. In a multi-label model, background is not a class but the absence of all labels."""
        return frozenset(self.index) | ({BACKGROUND} if self.multilabel else frozenset())

    def flags(self, items: Sequence[Item]) -> npt.NDArray[np.bool_]:
        """Return the true labels, shape (items, classes)."""
        found = np.zeros((len(items), self.count), bool)
        for row, item in enumerate(items):
            found[row, [self.index[name] for name in item.labels if name in self.index]] = True
        return found


@dataclass(frozen=True, slots=True)
class ScoredImages:
    """The images selected for an evaluation."""

    items: tuple[Item, ...]
    negatives: tuple[Item, ...]
    left_out: tuple[Skipped, ...]
    """One entry per name that is not a label of the model."""


def choose(subjects: Sequence[Subject], pictures: Pictures) -> tuple[tuple[LabelMapping, ...], ScoredImages]:
    """Map the dataset's names to each model, and select the images that all models can be evaluated on.

    Raises BadModel, BadInput.
    """
    lent = next((subject.scorer.card.labels for subject in subjects if subject.scorer.card.labels), ())
    classes = tuple(_classes_of(subject, pictures, lent) for subject in subjects)
    return classes, _sort_out(pictures, classes)


def _classes_of(subject: Subject, pictures: Pictures, lent: tuple[str, ...]) -> LabelMapping:
    """Match the names of a dataset with a model's labels. ``lent``: labels of the model it is compared with."""
    card, path = subject.scorer.card, subject.facts.path
    if card.task not in ("classification", "multilabel"):
        hint = (
            "compare it with a detector" if card.task == "detection" else "evaluate measures classifiers and detectors"
        )
        raise BadModel(f"{path} is a {card.task} model; {hint}")
    if card.task == "classification" and any(len(item.labels) != 1 for item in pictures.items):
        raise BadInput(f"images in {pictures.path} have several labels, but {path} predicts one label per image")
    count = len(card.labels) or _count(subject.scorer)
    labels, notes = _labels(subject, pictures, count, lent)
    names = sorted({name for item in pictures.items for name in item.labels})
    if not match_labels([BACKGROUND], labels, count).index:
        names = [name for name in names if name != BACKGROUND]
    match = match_labels(names, labels, count)
    if not match.index:
        raise BadInput(_no_match(path, pictures, labels, names))
    return LabelMapping(labels, count, card.task == "multilabel", match.index, (*notes, *match.problems(labels)))


def _sort_out(pictures: Pictures, classes: Sequence[LabelMapping]) -> ScoredImages:
    """Select the images whose labels all models know; background images become negatives if unknown. Raises BadInput."""
    known = frozenset.intersection(*(of.known for of in classes))
    items = tuple(item for item in pictures.items if known.issuperset(item.labels))
    if not items:
        raise BadInput(f"no image in {pictures.path} has only labels that the model knows; map names with --label-map")
    background = () if BACKGROUND in known else tuple(i for i in pictures.items if i.labels == (BACKGROUND,))
    lost = Counter(name for item in pictures.items for name in set(item.labels) - known - {BACKGROUND})
    left_out = tuple(Skipped(name, f"not a label of the model ({lost[name]} images)") for name in sorted(lost))
    return ScoredImages(items, (*pictures.negatives, *background), left_out)


def _labels(
    subject: Subject, pictures: Pictures, count: int, lent: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the model's labels and notes.

    A model without labels takes those of the other model, or the dataset's class names in the order that Keras uses, if
    their number fits.
    """
    labels, path = subject.scorer.card.labels, subject.facts.path
    if labels:
        return labels, ()
    if len(lent) == count:
        return lent, (f"{path} has no labels; using the {count} labels of the other model",)
    if len(pictures.classes) == count and match_labels(pictures.classes, (), count).unknown:
        return pictures.classes, (f"{path} has no labels; using the {count} class names in alphabetical order",)
    return (), ()


def _count(scorer: Scorer) -> int:
    """Return the number of classes of a model without labels, found by running it on a gray image."""
    preprocessing = scorer.card.preprocessing
    return len(scorer.scores(Frame(np.full((preprocessing.height, preprocessing.width, 3), 128, np.uint8), "RGB")))


def _no_match(path: str, pictures: Pictures, labels: Sequence[str], names: Sequence[str]) -> str:
    some = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
    known = ", ".join(labels[:5]) + (" ..." if len(labels) > 5 else "") if labels else "no labels, only numbers"
    return (
        f"no class of {pictures.path} is a label of {path}: the data has {some or BACKGROUND}, the model has {known}; "
        "map names with --label-map (a CSV of name,label)"
    )
