"""The self-test of a detector as the model card holds it: generated images, and the objects that are found in them."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..files import strict_json

KEY = "detector_selftest"
"""Its key in the model card. Versions that do not know it ignore it, and open the file."""
MAX_CASES = 1000
"""Largest number of images, and of objects in one."""
MAX_INDEX = 100_000
MAX_PIXEL = 1e6
"""Largest coordinate of a box."""
MAX_TEXT = 1000


class ExpectedObject(NamedTuple):
    """An object that every machine has to find."""

    class_index: int
    """Index of its class."""
    score: float
    """Its score, 0..1."""
    box: tuple[float, float, float, float]
    """Corners x0, y0, x1, y1 in pixels of the image."""


class DetectorCase(NamedTuple):
    """One generated image with the objects in it."""

    picture: str
    """Name of a PNG entry in the model file."""
    tensor_sha256: str
    """SHA-256 of the prepared input tensor, which must be equal on every machine."""
    objects: tuple[ExpectedObject, ...]
    """All objects with a score of at least ``min_score`` of the test, best first."""


class DetectorSelfTest(NamedTuple):
    """Expected objects that show whether a machine computes what the converter measured."""

    cases: tuple[DetectorCase, ...]
    tolerance: float
    """Largest allowed difference of a score, 0..1; above 0 because kernels differ between CPUs."""
    min_iou: float
    """Smallest overlap (intersection over union) of a box with the expected one, 0..1."""
    min_score: float
    """Score from which objects are listed, 0..1."""

    def to_json(self) -> dict[str, Any]:
        """Return the test as JSON values."""
        return {
            "tolerance": self.tolerance,
            "min_iou": self.min_iou,
            "min_score": self.min_score,
            "cases": [
                {
                    "picture": case.picture,
                    "tensor_sha256": case.tensor_sha256,
                    "objects": [
                        {"index": one.class_index, "score": one.score, "box": list(one.box)} for one in case.objects
                    ],
                }
                for case in self.cases
            ],
        }


def from_json(value: object) -> DetectorSelfTest:
    """Parse what ``to_json`` returned; unknown keys are ignored. Raises ValueError, KeyError."""
    found = strict_json.fields(value, KEY)
    return DetectorSelfTest(
        tuple(_case(one) for one in strict_json.items(found["cases"], f"{KEY}.cases", MAX_CASES)),
        strict_json.real(found["tolerance"], f"{KEY}.tolerance", 0, 1),
        strict_json.real(found["min_iou"], f"{KEY}.min_iou", 0, 1),
        strict_json.real(found["min_score"], f"{KEY}.min_score", 0, 1),
    )


def _case(value: object) -> DetectorCase:
    case = strict_json.fields(value, f"{KEY}.cases")
    return DetectorCase(
        strict_json.text(case["picture"], f"{KEY}.picture", MAX_TEXT),
        strict_json.text(case["tensor_sha256"], f"{KEY}.tensor_sha256", MAX_TEXT),
        tuple(_object(one) for one in strict_json.items(case["objects"], f"{KEY}.objects", MAX_CASES)),
    )


def _object(value: object) -> ExpectedObject:
    found = strict_json.fields(value, f"{KEY}.objects")
    box = strict_json.items(found["box"], f"{KEY}.box", 4)
    if len(box) != 4:
        raise ValueError(f"{KEY}.box: expected 4 numbers, got {len(box)}")
    x0, y0, x1, y1 = (strict_json.real(one, f"{KEY}.box", 0, MAX_PIXEL) for one in box)
    return ExpectedObject(
        strict_json.whole(found["index"], f"{KEY}.index", 0, MAX_INDEX),
        strict_json.real(found["score"], f"{KEY}.score", 0, 1),
        (x0, y0, x1, y1),
    )
