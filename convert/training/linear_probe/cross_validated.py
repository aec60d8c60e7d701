"""The evaluation of a linear head by cross-validation, in the form of an evaluation on test images."""

from __future__ import annotations

import time
from hashlib import sha256
from pathlib import Path

import numpy as np

from edgevision.datasets.dataset import fingerprint
from edgevision.evaluation.evaluate import Evaluation, ModelEvaluation
from edgevision.evaluation.measures import classification_metrics
from edgevision.evaluation.records import CROSS_VALIDATION, Pictures, Subject
from edgevision.evaluation.scorers import facts, open_scorer

from ..input.splits import DatasetSplits
from .fit_linear import LinearFit


def cross_validated(model: Path, linear: LinearFit, learning: DatasetSplits, photos: Path) -> Evaluation | None:
    """Return the evaluation of the scores that each photo got from a head fitted without it; None without such scores.

    ``model``: the saved model, whose head was fitted on all photos.
    """
    if linear.scores is None:
        return None
    started = time.perf_counter()
    scorer = open_scorer(model)
    items = (*learning.train, *learning.val)
    true = np.array([[name in item.labels for name in learning.goal.classes] for item in items])
    nothing = np.zeros((0, linear.scores.shape[1]), np.float32)
    subject = Subject(scorer, facts(model, scorer))
    measured = classification_metrics(scorer.card, learning.goal.classes, linear.scores, true, nothing)
    return Evaluation(
        pictures=Pictures(str(photos), items, learning.dataset.classes, CROSS_VALIDATION, learning.skipped),
        items=items,
        skipped=learning.skipped,
        fingerprint=fingerprint((sha256(item.data()).hexdigest(), item.labels) for item in items),
        result=ModelEvaluation(subject, measured),
        other=None,
        comparison=None,
        trained_on=None,
        notes=(
            f"cross-validation in {linear.folds} parts: each photo was scored by a head fitted without it; "
            "the model that was saved learned from all of them",
        ),
        seconds=time.perf_counter() - started,
    )
