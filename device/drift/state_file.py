"""The file in the state folder that holds what was learned about a scene: the hours of the first days, and the sums."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from edgevision.errors import BadInput, CannotWrite
from edgevision.files import strict_json
from edgevision.input_file import read_file
from edgevision.postprocessing.drift_vector import MEASURES, SIZE

from ..telemetry.drift_status import Distance
from .detector import HOUR_S, LEARN_HOURS, Detector
from .measure import ALARM

if TYPE_CHECKING:
    from edgevision.model_file.card import DriftReference
    from edgevision.postprocessing.drift_vector import Vector

    from .measure import Measure

SCHEMA = "edgevision.drift_state/1"
STATUS_SCHEMA = "edgevision.drift/1"
"""What ``edgevision drift --json`` prints."""
MAX_BYTES = 4_000_000
MAX_HOURS = 10**7
MAX_NUMBER = 1e9
MAX_TEXT = 4000
"""Longest description of a camera (characters)."""
_STORED = np.dtype("<f4")


class Subject(NamedTuple):
    """What a baseline is valid for; another one begins again."""

    model_sha256: str
    """SHA-256 of the model file."""
    mount: str
    """The camera and the part of its image that the model sees."""


def drift_file(folder: Path, camera: str) -> Path:
    """Return the file in a state folder for a camera."""
    return folder / "drift" / f"{camera}.json"


def dumps(detector: Detector, subject: Subject) -> str:
    """Return the text of the file."""
    status = detector.status()
    value = {
        "schema": SCHEMA,
        "model_sha256": subject.model_sha256,
        "mount": subject.mount,
        "state": status.state,
        "reference": status.reference,
        "hours": detector.number,
        "this_hour": {
            "seconds": round(detector.seconds, 3),
            "samples": detector.samples,
            "sums": {name: _encoded(vector) for name, vector in detector.sums.items()},
        },
        "alarm_at_hour": detector.alarmed_at,
        "measures": {name: _measure(one) for name, one in detector.measures.items()},
    }
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _measure(one: Measure) -> dict[str, Any]:
    return {
        "distance": None if one.distance is None else asdict(one.distance),
        "excess": round(one.excess, 6),
        "baseline": [{"hour": number, "vector": _encoded(vector)} for number, vector in one.hours],
    }


def read(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file. Raises MissingFile, BadInput."""
    value = strict_json.loads(read_file(path, "file of drift", MAX_BYTES), str(path), MAX_BYTES)
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        raise BadInput(f"{path} is not a file of drift: expected the schema {SCHEMA!r}; delete it to learn again")
    return value


def subject_of(value: dict[str, Any]) -> Subject:
    """Return what a file is valid for. Raises ValueError, KeyError, TypeError."""
    sha256 = strict_json.text(value["model_sha256"], "model_sha256", 64)
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise ValueError("model_sha256: expected 64 hexadecimal digits")
    return Subject(sha256, strict_json.text(value["mount"], "mount", MAX_TEXT))


def restored(value: dict[str, Any], measures: tuple[str, ...], reference: DriftReference | None) -> Detector:
    """Return the detector that a file describes. Raises ValueError, KeyError, TypeError if it is damaged."""
    detector = Detector(measures, reference)
    detector.number = strict_json.whole(value["hours"], "hours", 0, MAX_HOURS)
    hour = strict_json.fields(value["this_hour"], "this_hour")
    detector.seconds = strict_json.real(hour["seconds"], "seconds", 0, HOUR_S)
    detector.samples = strict_json.whole(hour["samples"], "samples", 0, MAX_HOURS)
    sums = strict_json.fields(hour["sums"], "sums")
    detector.sums = {name: _decoded(sums[name]) for name in measures} if detector.samples else {}
    alarm = value["alarm_at_hour"]
    detector.alarmed_at = None if alarm is None else strict_json.whole(alarm, "alarm_at_hour", 0, MAX_HOURS)
    detector.drifted = value["state"] == "drifted"
    known = strict_json.fields(value["measures"], "measures")
    for name in measures:
        _restore(detector.measures[name], strict_json.fields(known[name], name), detector.number)
    _require_equal_sizes(detector)
    return detector


def _restore(one: Measure, value: dict[str, Any], hours: int) -> None:
    one.excess = strict_json.real(value["excess"], "excess", 0, ALARM)
    for hour in strict_json.items(value["baseline"], "baseline", LEARN_HOURS):
        known = strict_json.fields(hour, "baseline")
        one.learn(strict_json.whole(known["hour"], "hour", 0, hours), _decoded(known["vector"]))
    if value["distance"] is not None:
        found = strict_json.fields(value["distance"], "distance")
        one.distance = Distance(
            strict_json.real(found["value"], "value", 0, MAX_NUMBER),
            strict_json.real(found["expected"], "expected", 1e-9, MAX_NUMBER),
        )


def _require_equal_sizes(detector: Detector) -> None:
    for name, one in detector.measures.items():
        sizes = {vector.size for _, vector in one.hours} | ({detector.sums[name].size} if detector.sums else set())
        if len(sizes) > 1 or len({number for number, _ in one.hours}) != len(one.hours):
            raise ValueError(f"{name}: vectors of different sizes, or two of one hour")


def status_of_file(path: Path) -> dict[str, Any]:
    """Return what a person or a program wants to know of a file: all but the vectors. Raises MissingFile, BadInput."""
    value = read(path)
    try:
        known = strict_json.fields(value["measures"], "measures")
        detector = restored(value, tuple(name for name in MEASURES if name in known), None)
        subject = subject_of(value)
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path} is damaged: {error}; forget it with edgevision drift --reset") from None
    status = detector.status()
    return {
        "schema": STATUS_SCHEMA,
        "model_sha256": subject.model_sha256,
        "mount": subject.mount,
        "state": status.state,
        "reference": status.reference,
        "hours": status.hours,
        "measures": {name: asdict(one) for name, one in status.measures.items()},
    }


def delete(path: Path) -> None:
    """Delete a file; a loop that watches this camera learns again. Raises CannotWrite."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise CannotWrite(f"cannot delete {path}: {error.strerror}; check its permissions") from None


def _encoded(vector: Vector) -> str:
    return base64.b64encode(vector.astype(_STORED).tobytes()).decode()


def _decoded(text: Any) -> Vector:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise ValueError("a vector is not base64 text") from None
    if not 0 < len(data) <= SIZE * _STORED.itemsize or len(data) % _STORED.itemsize:
        raise ValueError(f"expected vectors of 1 to {SIZE} values")
    vector = np.frombuffer(data, _STORED).astype(np.float32)
    if not np.isfinite(vector).all():
        raise ValueError("a vector is not finite")
    return vector
