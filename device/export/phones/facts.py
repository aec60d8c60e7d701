"""What the code and the guide of an exported folder say about the model."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from edgevision.errors import one_line
from edgevision.postprocessing import detection
from edgevision.records import record

if TYPE_CHECKING:
    from edgevision.model import Model
    from edgevision.model_file.card import ModelCard

    from .whole_frame import WholeFrame

SCHEMA = "edgevision.phone_app/1"
TESTED = "1.2.2"
"""Version of MediaPipe Tasks that opened exported models in tests."""
MAX_RESULTS = {"classification": 5, "multilabel": 20}
LISTED = 3
"""Labels that a comment names."""
RAW = ("logits", "sigmoid_logits")
"""Activations whose scores are not 0..1."""


@record
class PhoneFacts:
    """The facts of one exported model."""

    to: str
    """Target: android or ios."""
    card: ModelCard
    """The model card."""
    stem: str
    """Name of the model file, without ``.tflite``."""
    sha256: str
    """SHA-256 of the exported model file."""
    threshold: float | None
    """Score from which an answer counts, 0..1; None: the app gets all of the best ones."""
    whole_frame: WholeFrame | None
    """How often the answer stays the same if the app does not prepare the image."""

    @property
    def reader(self) -> str:
        """MediaPipe's class that runs the model."""
        return "ObjectDetector" if self.card.task == "detection" else "ImageClassifier"

    def to_json(self) -> dict[str, Any]:
        """Return the document ``edgevision.json`` of the folder."""
        return {
            "schema": SCHEMA,
            "to": self.to,
            "name": self.card.name,
            "task": self.card.task,
            "model": {"file": f"{self.stem}.tflite", "sha256": self.sha256},
            "reader": {"name": self.reader, "tested": TESTED},
            "labels": len(self.card.labels),
            "threshold": self.threshold,
            "preprocessing": self.card.preprocessing.to_json(),
            "whole_frame": self.whole_frame.to_json() if self.whole_frame else None,
        }


def phone_facts(to: str, model: Model, data: bytes, whole_frame: WholeFrame | None) -> PhoneFacts:
    """Return the facts of a model; ``data``: content of the exported file."""
    card = model.card
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", card.name or model.path.stem).strip("_")[:60] or "model"
    return PhoneFacts(to, card, stem, hashlib.sha256(data).hexdigest(), _threshold(card), whole_frame)


def _threshold(card: ModelCard) -> float | None:
    if card.task == "detection":
        return card.threshold if card.threshold is not None else detection.DEFAULT_THRESHOLD
    return None if card.activation in RAW else card.threshold


def values(facts: PhoneFacts, classes: int | None) -> dict[str, str]:
    """Return the texts of the templates; ``classes``: number of classes, None if the file does not say it."""
    card, preprocessing = facts.card, facts.card.preprocessing
    raw = card.activation in RAW and card.task != "detection"
    return {
        "name": _comment(card.name or facts.stem),
        "sha256": f"SHA-256 {facts.sha256[:16]}...",
        "package": "com.example.vision",
        "file": f"{facts.stem}.tflite",
        "stem": facts.stem,
        "task": card.task,
        "reader": facts.reader,
        "tested": TESTED,
        "preprocessing": preprocessing.describe(),
        "width": str(preprocessing.width),
        "height": str(preprocessing.height),
        "crop_fraction": repr(float(preprocessing.crop_fraction)),
        "fill": str(preprocessing.fill),
        "classes": _classes(card, classes),
        "max_results": str(min(classes or 1, MAX_RESULTS.get(card.task, 1))),
        "threshold": "none" if facts.threshold is None else f"{facts.threshold:g}",
        "score_range": ", as the model returns it: not 0 to 1" if raw else ", 0 to 1",
        "below_threshold": "" if facts.threshold is None else "; none if no score reaches the threshold",
        "whole_frame": _whole_frame(facts),
    }


def conditions(facts: PhoneFacts) -> frozenset[str]:
    """Return the conditions of the templates that hold."""
    card, preprocessing = facts.card, facts.card.preprocessing
    found = {preprocessing.resize, preprocessing.align, "detector" if card.task == "detection" else "classifier"}
    found |= {"threshold"} if facts.threshold is not None else set()
    found |= {"labels"} if card.labels else set()
    return frozenset(found | ({"raw"} if card.activation in RAW and card.task != "detection" else set()))


def _whole_frame(facts: PhoneFacts) -> str:
    if facts.whole_frame is not None:
        return facts.whole_frame.describe()
    if facts.card.task == "detection":
        return "how many boxes stay the same was not measured"
    return "how often the top class stays the same was not measured (`--images FOLDER` does it)"


def _classes(card: ModelCard, count: int | None) -> str:
    number = "classes" if count is None else f"{count} class{'es' * (count != 1)}"
    if not card.labels:
        return f"{number} without labels"
    named = ", ".join(_comment(label) for label in card.labels[:LISTED])
    return f"{number}: {named}" + (" and others" if len(card.labels) > LISTED else "")


def _comment(text: str) -> str:
    """Return a text of the model file so that it can neither end the comment that it is in nor begin one: Kotlin's nest."""
    return one_line(text).replace("/*", "/ *").replace("*/", "* /").replace("{{", "{ {")[:80]
