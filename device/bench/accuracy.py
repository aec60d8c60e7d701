"""``--accuracy PHOTOS``: top-1 accuracy of the measured models, computed by the same code as ``edgevision evaluate``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edgevision.errors import BadInput
from edgevision.evaluation.evaluate import evaluate
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
        """Return the top-1 accuracy of each model with its confidence interval."""
        found: dict[Key, dict[str, Any]] = {}
        for number, (key, prepared) in enumerate(self._prepared.items()):
            tell("scoring", number / len(self._prepared))
            record = evaluate(prepared.subject, prepared.pictures).to_json()
            found[key] = {
                **record["accuracy"],
                "split": prepared.pictures.split,
                "fingerprint": record["data"]["fingerprint"],
                "trained_on": record["data"]["trained_on"],
            }
        return found


def _not_a_classifier(path: Path, task: str, photos: Path) -> str:
    message = f"{path} is a {task} model; --accuracy needs classification models"
    if task == "detection":
        message += f"; measure the detector with: {command('evaluate', path, photos)}"
    return message
