"""What the labels of pictures mean to a model, and which pictures it can be scored on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .data import Frame
from .dataset import BACKGROUND, Item, Skipped
from .errors import BadInput, BadModel
from .label_match import match_labels

if TYPE_CHECKING:
    import numpy.typing as npt

    from .evaluate import Pictures, Subject
    from .scorers import Scorer


@dataclass(frozen=True, slots=True)
class Classes:
    """What the names of a set mean to one model."""

    labels: tuple[str, ...]
    """Of the model; index = position."""
    count: int
    """Classes of the model."""
    multilabel: bool
    index: dict[str, int]
    """Name in the set to class of the model."""
    notes: tuple[str, ...]

    @property
    def known(self) -> frozenset[str]:
        """Names that a picture may carry. To several independent labels, "none of them" is no class, but an answer."""
        return frozenset(self.index) | ({BACKGROUND} if self.multilabel else frozenset())

    def flags(self, items: Sequence[Item]) -> npt.NDArray[np.bool_]:
        """True labels, (items, classes)."""
        found = np.zeros((len(items), self.count), bool)
        for row, item in enumerate(items):
            found[row, [self.index[name] for name in item.labels if name in self.index]] = True
        return found


@dataclass(frozen=True, slots=True)
class Chosen:
    """The pictures of an evaluation."""

    items: tuple[Item, ...]
    unrelated: tuple[Item, ...]
    left_out: tuple[Skipped, ...]
    """One entry a name that is no label."""


def choose(subjects: Sequence[Subject], pictures: Pictures) -> tuple[tuple[Classes, ...], Chosen]:
    """What the set's names mean to each model, and the pictures all of them can be scored on. Raises BadModel, BadInput."""
    lent = next((subject.scorer.card.labels for subject in subjects if subject.scorer.card.labels), ())
    classes = tuple(_classes_of(subject, pictures, lent) for subject in subjects)
    return classes, _sort_out(pictures, classes)


def _classes_of(subject: Subject, pictures: Pictures, lent: tuple[str, ...]) -> Classes:
    """Matches the names of a set with a model's labels; ``lent``: of the model it is compared with."""
    card, path = subject.scorer.card, subject.facts.path
    if card.task not in ("classification", "multilabel"):
        raise BadModel(f"{path} is a {card.task} model; evaluate scores classifiers")
    if card.task == "classification" and any(len(item.labels) != 1 for item in pictures.items):
        raise BadInput(f"{pictures.path}: its pictures may have several labels, but {path} gives one answer a picture")
    count = len(card.labels) or _count(subject.scorer)
    labels, notes = _labels(subject, pictures, count, lent)
    names = sorted({name for item in pictures.items for name in item.labels})
    if not match_labels([BACKGROUND], labels, count).index:
        names = [name for name in names if name != BACKGROUND]
    match = match_labels(names, labels, count)
    if not match.index:
        raise BadInput(_no_match(path, pictures, labels, names))
    return Classes(labels, count, card.task == "multilabel", match.index, (*notes, *match.problems(labels)))


def _sort_out(pictures: Pictures, classes: Sequence[Classes]) -> Chosen:
    """The pictures whose labels all models know; those of no class join the unrelated ones. Raises BadInput."""
    known = frozenset.intersection(*(of.known for of in classes))
    items = tuple(item for item in pictures.items if known.issuperset(item.labels))
    if not items:
        raise BadInput(f"{pictures.path}: no picture has only labels that the model knows")
    background = () if BACKGROUND in known else tuple(i for i in pictures.items if i.labels == (BACKGROUND,))
    lost = Counter(name for item in pictures.items for name in set(item.labels) - known - {BACKGROUND})
    left_out = tuple(Skipped(name, f"no label of the model ({lost[name]} pictures)") for name in sorted(lost))
    return Chosen(items, (*pictures.unrelated, *background), left_out)


def _labels(
    subject: Subject, pictures: Pictures, count: int, lent: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The model's labels. A model without takes those of the model beside it, or the names of the set as Keras orders
    them, where these are as many.
    """
    labels, path = subject.scorer.card.labels, subject.facts.path
    if labels:
        return labels, ()
    if len(lent) == count:
        return lent, (f"{path} has no labels: taking the {count} of the other model",)
    if len(pictures.classes) == count and match_labels(pictures.classes, (), count).unknown:
        return pictures.classes, (f"{path} has no labels: taking the {count} class names in alphabetical order",)
    return (), ()


def _count(scorer: Scorer) -> int:
    """How many classes a model without labels has: it is asked about a gray picture."""
    rule = scorer.card.rule
    return len(scorer.scores(Frame(np.full((rule.height, rule.width, 3), 128, np.uint8), "RGB")))


def _no_match(path: str, pictures: Pictures, labels: Sequence[str], names: Sequence[str]) -> str:
    some = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
    known = ", ".join(labels[:5]) + (" ..." if len(labels) > 5 else "") if labels else "numbers only"
    return (
        f"{pictures.path}: none of its classes is a label of {path}: it has {some or BACKGROUND}; the model has {known}; "
        "translate them with --label-map CSV of name,label"
    )
