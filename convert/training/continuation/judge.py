"""Comparison of a newly trained model with the one it continues from, on images that made neither of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from edgevision.datasets.dataset import Item
from edgevision.datasets.training_images import TEST
from edgevision.evaluation.evaluate import Evaluation, evaluate
from edgevision.evaluation.not_worse import MIN_IMAGES, PairedResult, compare_pairs
from edgevision.evaluation.records import Pictures, Subject
from edgevision.evaluation.scorers import facts, open_scorer
from edgevision.evaluation.scoring import score
from edgevision.files import run_folder
from edgevision.files.atomic import write_text

from ..config.settings import TrainSettings
from ..input.splits import DatasetSplits
from ..monitor.observer import TrainingObserver
from .doubtful_labels import DoubtfulLabels, doubtful_labels
from .earlier_model import EarlierModel
from .proposal import FILE, NewClass, Proposal

CANDIDATE, REFUSED, ACCEPTED = "candidate", "refused", "model"
"""Names of the model's files, without suffix: before the comparison, and after it."""


def judge(
    earlier: EarlierModel,
    model: Path,
    learning: DatasetSplits,
    settings: TrainSettings,
    photos: Path,
    evaluation: Evaluation | None,
    watcher: TrainingObserver,
) -> Proposal:
    """Compare both models, name the files of the new one by the result, and write proposal.json.

    The images that tested the earlier model decide, since no new label can change them; with fewer than MIN_IMAGES of
    them, the new test images do too.
    """
    models = _Models(earlier, model, learning, photos)
    old, new = _test_images(earlier, learning)
    deciding, fresh = (old, 0) if len(old) >= MIN_IMAGES else ([*old, *new], len(new))
    with watcher.stage(f"Comparing with {earlier.given}", None):
        result = models.compare(deciding)
        on_new = models.compare(new) if new and fresh < len(new) else None
        doubtful = models.doubtful(_new_images(earlier, learning))
    made = Proposal(
        earlier=earlier.given,
        facts=(models.subjects[0].facts, models.subjects[1].facts),
        photos=photos,
        earlier_photos=Path(settings.old_photos[0]) if settings.old_photos else photos,
        result=result,
        new_images=fresh,
        on_new=on_new,
        new_classes=_new_classes(earlier, evaluation),
        doubtful=doubtful,
    )
    settled = _rename(model, ACCEPTED if made.accepted else REFUSED)
    made = replace(made, facts=(made.facts[0], replace(made.facts[1], path=str(settled))))
    write_text(model.parent / FILE, run_folder.dump(made.to_json(), 1) + "\n")
    return made


class _Models:
    """Both models, opened once."""

    def __init__(self, earlier: EarlierModel, model: Path, learning: DatasetSplits, photos: Path) -> None:
        scorers = [(path, open_scorer(path)) for path in (earlier.path, model)]
        self.subjects = tuple(Subject(scorer, facts(path, scorer)) for path, scorer in scorers)
        self._labels_in_order, self._labels = earlier.labels, frozenset(earlier.labels)
        self._classes, self._photos = learning.dataset.classes, str(photos)

    def compare(self, items: Sequence[Item]) -> PairedResult | None:
        """Return the comparison on the images that show only earlier classes; None without such."""
        known = tuple(item for item in items if self._labels.issuperset(item.labels))
        if not known:
            return None
        old, new = self.subjects
        done = evaluate(old, Pictures(self._photos, known, self._classes, TEST), other=new)
        made_one = done.trained_on is not None and not done.trained_on.counted_apart
        if made_one or done.other is None:
            return None
        return compare_pairs(done.metrics, done.other.metrics)

    def doubtful(self, items: Sequence[Item]) -> DoubtfulLabels:
        """Return which labels of new photos the earlier model rejects; nothing for several labels per image."""
        known = [item for item in items if self._labels.issuperset(item.labels)]
        if self.subjects[0].scorer.card.task != "classification" or not known:
            return DoubtfulLabels()
        found = score([one.scorer for one in self.subjects], known)
        return doubtful_labels(found.items, self._labels_in_order, *found.scores)


def _test_images(earlier: EarlierModel, learning: DatasetSplits) -> tuple[list[Item], list[Item]]:
    """Return the test images of earlier classes: those that tested the earlier model, and the new ones."""
    old: list[Item] = []
    new: list[Item] = []
    labels = frozenset(earlier.labels)
    for item in (item for item in learning.test if labels.issuperset(item.labels)):
        part = earlier.known.part(item.path, sha256(item.data()).hexdigest())
        (old if part == TEST else new).append(item)
    return old, new


def _new_images(earlier: EarlierModel, learning: DatasetSplits) -> list[Item]:
    """Return the images that are new by their paths or, without a split.csv, by their content."""
    items = (*learning.train, *learning.val, *learning.test)
    if earlier.known.rows:
        return [item for item in items if item.path not in earlier.known.rows]
    return [item for item in items if earlier.known.part(item.path, sha256(item.data()).hexdigest()) is None]


def _new_classes(earlier: EarlierModel, evaluation: Evaluation | None) -> tuple[NewClass, ...]:
    if evaluation is None:
        return ()
    measured = evaluation.metrics
    found = []
    for index in range(len(earlier.labels), len(measured.labels)):
        rows = measured.true[:, index]
        correct = int(np.sum(rows & measured.predicted[:, index]))
        found.append(NewClass(measured.name(index), int(rows.sum()), correct))
    return tuple(found)


def _rename(model: Path, stem: str) -> Path:
    """Give the files of the candidate their final names; return that of the model."""
    for path in sorted(model.parent.glob(f"{CANDIDATE}.*")):
        path.replace(path.with_name(stem + path.name.removeprefix(CANDIDATE)))
    return model.with_name(stem + model.suffix)
