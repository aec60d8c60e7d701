"""Which classes of detectors the labels of a data set stand for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...datasets.boxes.records import AnnotatedImage, BoxDataset
from ...datasets.label_matching import match_labels
from ...errors import BadInput, BadModel
from .records import PredictedBoxes, TrueBoxes

if TYPE_CHECKING:
    from ...types import Detection
    from .detectors import DetectorSubject

OBJECT_TASKS = ("detection", "points")
"""Tasks of models that find objects."""


@dataclass(frozen=True, slots=True)
class BoxLabels:
    """The classes that are measured, which the data and all detectors know; they are numbered from 0."""

    names: tuple[str, ...]
    """Names of the k measured classes: the labels of the first detector."""
    of_data: dict[int, int]
    """Label of the data set -> measured class."""
    of_models: tuple[dict[int, int], ...]
    """For each detector: its class -> measured class."""
    notes: tuple[str, ...]

    def indices(self, model: int = 0) -> tuple[int, ...]:
        """Return the class of a detector for each measured class."""
        back = {measured: index for index, measured in self.of_models[model].items()}
        return tuple(back[number] for number in range(len(self.names)))

    def true(self, image: AnnotatedImage) -> TrueBoxes:
        """Return the boxes of measured classes of one image."""
        known = [box for box in image.boxes if box.label in self.of_data]
        return TrueBoxes(
            np.array([box.box for box in known], np.float32).reshape(-1, 4),
            np.array([self.of_data[box.label] for box in known], np.int64),
            np.array([box.difficult for box in known], bool),
        )

    def predicted(self, model: int, objects: Sequence[Detection]) -> PredictedBoxes:
        """Return what one detector found in one image, without classes that are not measured."""
        known = [(one, self.of_models[model][one.index]) for one in objects if one.index in self.of_models[model]]
        return PredictedBoxes(
            np.array([one.box for one, _ in known], np.float32).reshape(-1, 4),
            np.array([one.score for one, _ in known], np.float32),
            np.array([number for _, number in known], np.int64),
        )


def map_labels(subjects: Sequence[DetectorSubject], data: BoxDataset, names: dict[str, str]) -> BoxLabels:
    """Match the labels of a data set with those of all detectors.

    ``names``: other names for labels of the data, from a label map. Raises BadModel, BadInput.
    """
    renamed = [names.get(label, label) for label in data.labels]
    notes: list[str] = []
    matches: list[dict[str, int]] = []
    labels: list[tuple[str, ...]] = []
    for subject in subjects:
        own, found, said = _match(subject, data, renamed)
        labels.append(own)
        matches.append(found)
        notes += said
    shared = [name for name in dict.fromkeys(renamed) if all(name in found for found in matches)]
    if not shared:
        raise BadInput(_no_match(subjects, data, renamed))
    firsts = list(dict.fromkeys(matches[0][name] for name in shared))
    number = {name: firsts.index(matches[0][name]) for name in shared}
    notes += _lost(data, renamed, number, [subject.facts.path for subject in subjects])
    return BoxLabels(
        names=tuple(labels[0][index] if index < len(labels[0]) else str(index) for index in firsts),
        of_data={label: number[name] for label, name in enumerate(renamed) if name in number},
        of_models=tuple({found[name]: number[name] for name in reversed(shared)} for found in matches),
        notes=tuple(dict.fromkeys(notes)),
    )


def _match(
    subject: DetectorSubject, data: BoxDataset, names: Sequence[str]
) -> tuple[tuple[str, ...], dict[str, int], tuple[str, ...]]:
    """Return a detector's labels, the class of each name, and notes. Raises BadModel."""
    card, path = subject.detector.card, subject.facts.path
    if card.task not in OBJECT_TASKS:
        raise BadModel(f"{path} is a {card.task} model, but {data.path} has boxes; give a detector")
    if not card.labels:
        note = f"{path} has no labels; its classes are taken to be the {len(names)} labels of the data, in their order"
        return tuple(names), {name: index for index, name in enumerate(names)}, (note,)
    match = match_labels(dict.fromkeys(names), card.labels, len(card.labels))
    return card.labels, match.index, match.problems(card.labels)


def _lost(data: BoxDataset, renamed: Sequence[str], known: dict[str, int], models: Sequence[str]) -> list[str]:
    """Return a note about the boxes that are not measured."""
    counts = Counter(renamed[box.label] for image in data.images for box in image.boxes)
    lost = {name: count for name, count in counts.items() if name not in known}
    if not lost:
        return []
    some = ", ".join(f"{name} ({count})" for name, count in list(lost.items())[:5]) + (" ..." if len(lost) > 5 else "")
    return [f"not measured: {sum(lost.values())} boxes whose labels {' and '.join(models)} do not share: {some}"]


def _no_match(subjects: Sequence[DetectorSubject], data: BoxDataset, names: Sequence[str]) -> str:
    some = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
    known = "; ".join(f"{one.facts.path} has {_some(one.detector.card.labels)}" for one in subjects)
    return (
        f"no label of {data.path} is one of the model: the data has {some}; {known}; "
        "map names with --label-map (a CSV of name,label)"
    )


def _some(labels: Sequence[str]) -> str:
    return ", ".join(labels[:5]) + (" ..." if len(labels) > 5 else "")
