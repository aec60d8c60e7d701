"""``--accuracy PHOTOS``: top-1 accuracy of the measured models on the same images, as ``edgevision evaluate`` computes it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgevision.datasets.dataset import fingerprint
from edgevision.errors import BadInput
from edgevision.evaluation.evaluate import Evaluation, evaluate
from edgevision.evaluation.intervals import Proportion, proportion
from edgevision.evaluation.opening import open_models
from edgevision.evaluation.options import EvaluateOptions
from edgevision.evaluation.records import Pictures
from edgevision.evaluation.request import EvaluationInputs, prepare
from edgevision.next_command import command

from .runner import Combination

Key = tuple[Path, str]
"""Model and engine; the number of threads does not change the accuracy."""


class Accuracies:
    """Models opened for scoring before the measurement, so that a problem with the labels shows up at once."""

    def __init__(self, combinations: Sequence[Combination], photos: Path, label_map: Path | None = None) -> None:
        """Open the models and images. Raises the errors of ``edgevision evaluate``, and BadInput for other tasks."""
        self._prepared: dict[Key, EvaluationInputs] = {}
        for one in combinations:
            key = (one.path, one.engine)
            if key in self._prepared:
                continue
            request = EvaluateOptions(one.path, photos, label_map=label_map, engine=one.engine, threads=one.threads)
            models = open_models(request)
            if models.task != "classification":
                raise BadInput(_not_a_classifier(one.path, models.task, photos))
            found = prepare(request, models)
            self._prepared[key] = found

    @property
    def pictures(self) -> Pictures:
        """The images that all models are scored on."""
        return next(iter(self._prepared.values())).pictures

    def score(self, tell: Callable[[str, float], None]) -> dict[Key, dict[str, Any]]:
        """Return the top-1 accuracy of each model with its confidence interval, and its agreement with its float model.

        Images that one of the models was trained on count for none of them, so that all figures are of the same images.
        """
        found: dict[Key, Evaluation] = {}
        for number, (key, prepared) in enumerate(self._prepared.items()):
            tell("scoring", number / len(self._prepared))
            found[key] = evaluate(prepared.subject, prepared.pictures)
        rows = _common_rows(found)
        return {key: _figures(one, rows[key], _float_of(one, found), found, rows) for key, one in found.items()}


Rows = dict[Key, list[int]]
"""For each model the rows of its evaluation that count, in the order of the same images."""


def _common_rows(found: Mapping[Key, Evaluation]) -> Rows:
    """Return the rows of the images that no model was trained on; all of a model that knows no other images."""
    fresh = [one for one in found.values() if not _only_trained_on(one)]
    common = set(fresh[0].paths).intersection(*(one.paths for one in fresh)) if fresh else set[str]()
    if fresh and not common:
        raise BadInput(
            "--accuracy: every image was used to train one of the models, so they cannot be compared; give other images"
        )
    return {
        key: [at for at, path in enumerate(one.paths) if _only_trained_on(one) or path in common]
        for key, one in found.items()
    }


def _only_trained_on(one: Evaluation) -> bool:
    return one.trained_on is not None and not one.trained_on.counted_apart


def _float_of(one: Evaluation, found: Mapping[Key, Evaluation]) -> Key | None:
    """Return which measured model is the float version of a model: in mode float, and made from the same file."""
    source = one.result.subject.scorer.card.source_sha256
    for key, other in found.items():
        subject = other.result.subject
        same = source is not None and subject.scorer.card.source_sha256 == source
        if same and other is not one and subject.facts.mode == "float":
            return key
    return None


def _figures(
    one: Evaluation, rows: list[int], reference: Key | None, found: Mapping[Key, Evaluation], every: Rows
) -> dict[str, Any]:
    right = proportion(int(np.count_nonzero(one.metrics.right[rows])), len(rows))
    assert right is not None
    same = None
    if reference is not None and len(rows) == len(every[reference]):
        theirs = found[reference].metrics.predicted[every[reference]]
        same = proportion(int((one.metrics.predicted[rows] == theirs).all(axis=1).sum()), len(rows))
    return {
        **_accuracy(one, right),
        "split": one.pictures.split,
        "fingerprint": _fingerprint(one, rows),
        "trained_on": one.trained_on.to_json() if one.trained_on else None,
        "agreement": None if same is None else _agreement(same),
    }


def _accuracy(one: Evaluation, right: Proportion) -> dict[str, Any]:
    """Return the accuracy in the form of ``evaluate``, of the rows that count."""
    recorded = one.metrics.to_json(one.paths)["accuracy"]
    share = {"value": right.value, "low": right.low, "high": right.high, "correct": right.count, "total": right.total}
    return {**recorded, **share}


def _fingerprint(one: Evaluation, rows: list[int]) -> str:
    if len(rows) == len(one.items):
        return one.fingerprint
    items = (one.items[at] for at in rows)
    return fingerprint((hashlib.sha256(item.data()).hexdigest(), item.labels) for item in items)


def _agreement(same: Proportion) -> dict[str, Any]:
    return {"value": same.value, "low": same.low, "high": same.high, "same": same.count, "total": same.total}


def _not_a_classifier(path: Path, task: str, photos: Path) -> str:
    message = f"{path} is a {task} model; --accuracy needs classification models"
    if task == "detection":
        message += f"; measure the detector with: {command('evaluate', path, photos)}"
    return message
