"""The second model in the loop: classifies the tracked objects of a detector."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from edgevision.errors import BadInput, nearest
from edgevision.log import Log
from edgevision.postprocessing.classification import best
from edgevision.postprocessing.temporal import time_of

from ..telemetry.run_stats import THEN
from .crop import crop
from .look_plan import LookPlan
from .recognition import Recognition, Recognitions

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.model import Model
    from edgevision.model_file.card import ModelCard
    from edgevision.types import Detection, Frame, Label, Prediction

log = Log("edgevision.loop")
FADE = 0.6
"""Weight of all earlier looks at a track against the next one: three looks in a row count about the same."""
TOP = 5
"""Most labels of an object."""


class SecondModel:
    """Adds the labels of a classifier to the tracked objects of some classes."""

    def __init__(self, model: Model, of: Collection[str] = ()) -> None:
        """
        Args:
            model: An open classifier; the caller closes it.
            of: Labels of the detector whose objects are classified; empty: all.
        """
        self.model = model
        self._of = frozenset(of)
        self._plan = LookPlan()
        self._recognitions = Recognitions()
        self._scores: dict[int, npt.NDArray[np.float32]] = {}
        self._labels: dict[int, tuple[Label, ...]] = {}

    def update(self, frame: Frame, prediction: Prediction) -> tuple[Prediction, tuple[Recognition, ...]]:
        """Return the prediction with the labels that are known of its objects so far, and what is newly recognized."""
        started = perf_counter()
        at = time_of(frame)
        now = frame.index if at is None else at
        wanted = [found for found in prediction.objects if not self._of or found.name in self._of]
        looked = self._plan.choose(wanted, now)
        for found in looked:
            self._look(frame, found, now)
        gone = self._labels.keys() - self._plan.tracks
        for track in gone:
            del self._scores[track], self._labels[track]
        if gone:
            self._recognitions.keep(self._labels)
        new = tuple(one for found in looked if (one := self._recognition(found, frame.index, at)) is not None)
        prediction.stages_ms[THEN] = (perf_counter() - started) * 1e3
        return replace(prediction, objects=tuple(self._with_labels(found) for found in prediction.objects)), new

    def _look(self, frame: Frame, found: Detection, now: float) -> None:
        self._plan.looked(found, now)
        part = crop(frame, found.box, self.model.preprocessing)
        if part is None or found.track is None:
            return
        scores = self.model.scores(part)
        before = self._scores.get(found.track)
        if before is not None:
            scores = FADE * before + (1 - FADE) * scores
        self._scores[found.track] = scores
        card = self.model.card
        self._labels[found.track] = best(scores, card, TOP, card.threshold or 0.0)

    def _recognition(self, found: Detection, index: int, at: float | None) -> Recognition | None:
        assert found.track is not None
        labels = self._labels.get(found.track, ())
        return self._recognitions.look(found, labels, self._plan.looks(found.track), index, at)

    def _with_labels(self, found: Detection) -> Detection:
        labels = None if found.track is None else self._labels.get(found.track)
        return found if labels is None else replace(found, labels=labels)


def check(model: Model, detector: ModelCard, of: Collection[str]) -> None:
    """Raise BadInput if a model cannot classify what a detector finds, or if the detector has no such labels."""
    if model.card.task not in ("classification", "multilabel"):
        raise BadInput(
            f"--then needs a classifier, but {model.path} is a {model.card.task} model; the detector is the first model"
        )
    for label in of:
        if label not in detector.labels:
            hint = nearest(label, list(detector.labels)) or "; edgevision inspect lists its labels"
            raise BadInput(f"--of {label!r:.60}: {detector.name} finds no such objects{hint}")
