"""Which output of a detector holds what, and how its boxes are written: two orders of the outputs are common.

The operator that makes the results knows for certain. Without it the standard metadata is asked, then names and shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadModel
from ..metadata import Box, TensorMetadata
from ..tensors import TensorSpec

if TYPE_CHECKING:
    import numpy.typing as npt

    from .decoder import OutputFacts

OPERATOR_BOX = Box(index=(1, 0, 3, 2))
"""How TFLite_Detection_PostProcess writes a box: top, left, bottom, right, as proportions of the input."""
ROLES = ("boxes", "classes", "scores", "count")
NAMES = {
    "boxes": ("location", "box"),
    "classes": ("class", "categor", "label"),
    "scores": ("score", "probabilit", "confidence"),
    "count": ("number", "num_", "count"),
}
"""Parts of the names that exporters give."""
NUMBERED = {
    "TFLite_Detection_PostProcess": ("boxes", "classes", "scores", "count"),
    "StatefulPartitionedCall": ("count", "scores", "classes", "boxes"),
}
"""Exporters that only number the results, as in NAME:2; the first may lack its number."""


@dataclass(frozen=True, slots=True)
class DetectionOutputs:
    """Numbers of the outputs."""

    boxes: int
    classes: int
    scores: int
    count: int | None
    """None: every box counts."""
    box: Box = OPERATOR_BOX
    """How a box is written."""


def find_outputs(outputs: Sequence[TensorSpec], facts: OutputFacts) -> DetectionOutputs:
    """Which output holds what. Raises BadModel where nothing tells."""
    known = facts.operator_outputs
    if len(known) == len(ROLES) and all(n is not None and n < len(outputs) for n in known[:3]):
        boxes, classes, scores, count = known
        assert boxes is not None and classes is not None and scores is not None
        return DetectionOutputs(boxes, classes, scores, count)
    described = facts.metadata.outputs if facts.metadata else ()
    for roles in (roles_by_metadata(described) if len(described) == len(outputs) else {}, _by_names(outputs)):
        if {"boxes", "classes", "scores"} <= roles.keys():
            box = described[roles["boxes"]].box if len(described) == len(outputs) else None
            found = (roles["boxes"], roles["classes"], roles["scores"], roles.get("count"))
            return DetectionOutputs(*found, _checked(box or OPERATOR_BOX))
    shown = ", ".join(f"{spec.name} {list(spec.shape)}" for spec in outputs)
    raise BadModel(
        f"its outputs do not show which holds boxes, classes and scores ({shown}); "
        "detectors that end in TFLite_Detection_PostProcess can be run"
    )


def roles_by_metadata(described: Sequence[TensorMetadata]) -> dict[str, int]:
    """Which of the described tensors holds what, as far as contents, labels and names tell."""
    roles = _by_name([tensor.name for tensor in described])
    for number, tensor in enumerate(described):
        if tensor.content == "box":
            roles["boxes"] = number
        elif any(file.type == "value_labels" for file in tensor.files):
            roles["classes"] = number
    return roles if len(set(roles.values())) == len(roles) else {}


def corners(values: npt.NDArray[np.float32], box: Box, width: int, height: int) -> npt.NDArray[np.float32]:
    """Boxes as (n, 4): left, top, right, bottom in pixels of the model's input, of this width and height."""
    ordered = values[:, list(box.index)] if box.index else values
    if box.type == "upper_left":
        ordered = np.hstack([ordered[:, :2], ordered[:, :2] + ordered[:, 2:]])
    elif box.type == "center":
        ordered = np.hstack([ordered[:, :2] - ordered[:, 2:] / 2, ordered[:, :2] + ordered[:, 2:] / 2])
    return ordered if box.pixels else ordered * np.array([width, height, width, height], np.float32)


def _checked(box: Box) -> Box:
    if box.index and sorted(box.index) != [0, 1, 2, 3]:
        raise BadModel(f"its metadata numbers the four values of a box {list(box.index)}; they are 0, 1, 2 and 3")
    return box


def _by_names(outputs: Sequence[TensorSpec]) -> dict[str, int]:
    roles = _by_number(outputs) or _by_name([spec.name for spec in outputs])
    boxes = outputs[roles["boxes"]].shape if "boxes" in roles else ()
    return roles if not boxes or boxes[-1] == 4 else {}


def _by_number(outputs: Sequence[TensorSpec]) -> dict[str, int]:
    found: dict[str, int] = {}
    for number, spec in enumerate(outputs):
        stem, _, suffix = spec.name.partition(":")
        order = NUMBERED.get(stem, ())
        place = int(suffix or "0") if (suffix or "0").isdecimal() else len(ROLES)
        if place < len(order):
            found[order[place]] = number
    return found if len(found) == len(outputs) else {}


def _by_name(names: Sequence[str]) -> dict[str, int]:
    """Only where each name speaks of one thing, and each thing has one name."""
    found: dict[str, int] = {}
    for number, name in enumerate(names):
        roles = [role for role in ROLES if any(part in name.lower() for part in NAMES[role])]
        if "count" in roles:
            roles = ["count"]  # "number of detected boxes"
        if len(roles) != 1 or roles[0] in found:
            return {}
        found[roles[0]] = number
    return found
