"""Where a collected image is from: JSON in the comment of its EXIF data, so that it stays with the file wherever it is moved."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from edgevision.errors import BadInput
from edgevision.files import strict_json
from edgevision.preprocessing.exif import MAX_TEXT, comment_of, with_exif

from ..system.clock import rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgevision.types import Label, Prediction

SCHEMA = "edgevision.collected/1"
MAX_LABELS = 5
MAX_NAME = 120
"""Longest name of a camera, a model or a label in the record (characters)."""


class CollectedBy(NamedTuple):
    """The camera and the model of a run."""

    camera: str
    """As it was given, without credentials."""
    model: str
    """Name of the model."""
    sha256: str
    """Of the model file."""


class Provenance(NamedTuple):
    """Where an image is from; None for what is not known."""

    camera: str | None = None
    model: str | None = None
    model_sha256: str | None = None
    time: str | None = None
    """RFC 3339 in UTC."""
    labels: tuple[tuple[str, float], ...] = ()
    """Best labels of the model with their scores, 0..1."""


def best_labels(prediction: Prediction) -> list[Label]:
    """Return labels or objects of a prediction, the best first, at most MAX_LABELS."""
    found: Sequence[Any] = prediction.labels or prediction.objects or prediction.points
    return sorted(found, key=lambda one: -float(one.score))[:MAX_LABELS]


def with_provenance(jpeg: bytes, by: CollectedBy, labels: Sequence[Label], wall_s: float) -> bytes:
    """Return a JPEG with the record; ``wall_s``: seconds since 1970."""
    text = ""
    for count in range(len(labels), -1, -1):  # long names: fewer labels
        record = {
            "schema": SCHEMA,
            "camera": by.camera[:MAX_NAME],
            "model": by.model[:MAX_NAME],
            "model_sha256": by.sha256,
            "time": rfc3339(wall_s),
            "labels": [{"name": one.name[:MAX_NAME], "score": round(float(one.score), 4)} for one in labels[:count]],
        }
        text = json.dumps(record, ensure_ascii=False)
        if len(text) <= MAX_TEXT:
            break
    best = f"{labels[0].name} {labels[0].score:.2f}" if labels else "collected"
    return with_exif(jpeg, best, text, wall_s)


def provenance_of(jpeg: bytes) -> Provenance:
    """Return the record of an image; empty for one without, or with a damaged one."""
    text = comment_of(jpeg)
    if text is None or SCHEMA not in text:
        return Provenance()
    try:
        record = strict_json.fields(strict_json.loads(text, "the record"), "the record")
        if record.get("schema") != SCHEMA:
            return Provenance()
        camera, model, sha256, time = (
            strict_json.text(record[key], key, MAX_NAME) for key in ("camera", "model", "model_sha256", "time")
        )
        labels = tuple(
            (
                strict_json.text(strict_json.fields(one, "label")["name"], "name", MAX_NAME),
                strict_json.real(one["score"], "score", 0.0, 1.0),
            )
            for one in strict_json.items(record["labels"], "labels", MAX_LABELS)
        )
    except (BadInput, ValueError, KeyError):
        return Provenance()
    return Provenance(camera, model, sha256, time, labels)
