"""Find which output of a detector holds what, and its box layout; two orders of the outputs are common.

The operator that makes the results tells for certain. Without it, the standard metadata is used, then names and shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadModel
from ..types import TensorSpec
from .metadata import Box, TensorMetadata

if TYPE_CHECKING:
    import numpy.typing as npt

    from .outputs import OutputFacts

OPERATOR_BOX = Box(index=(1, 0, 3, 2))
"""Box layout of TFLite_Detection_PostProcess: top, left, bottom, right, as proportions of the input."""
ROLES = ("boxes", "classes", "scores", "count")
NAMES = {
    "boxes": ("location", "box"),
    "classes": ("class", "categor", "label"),
    "scores": ("score", "probabilit", "confidence"),
    "count": ("number", "num_", "count"),
}
"""Parts of the output names that exporters use, by role."""
NUMBERED = {
    "TFLite_Detection_PostProcess": ("boxes", "classes", "scores", "count"),
    "StatefulPartitionedCall": ("count", "scores", "classes", "boxes"),
}
"""Roles by number for exporters that only number the outputs, as in NAME:2; the first may have no number."""


@dataclass(frozen=True, slots=True)
class DetectionOutputs:
    """Which output holds what, by number."""

    boxes: int
    classes: int
    scores: int
    count: int | None
    """Output with the number of valid boxes; None if all are valid."""
    box: Box = OPERATOR_BOX
    """Layout of a box."""


def find_outputs(outputs: Sequence[TensorSpec], facts: OutputFacts) -> DetectionOutputs:
    """Find which output holds what. Raises BadModel if they cannot be identified."""
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
        f"cannot tell which outputs hold boxes, classes and scores ({shown}); "
        "use a detector that ends in TFLite_Detection_PostProcess"
    )


def roles_by_metadata(described: Sequence[TensorMetadata]) -> dict[str, int]:
    """Return which tensor holds what, as far as its content type, labels and name tell."""
    roles = _by_name([tensor.name for tensor in described])
    for number, tensor in enumerate(described):
        if tensor.content == "box":
            roles["boxes"] = number
        elif any(file.type == "value_labels" for file in tensor.files):
            roles["classes"] = number
    return roles if len(set(roles.values())) == len(roles) else {}


def corners(values: npt.NDArray[np.float32], box: Box, width: int, height: int) -> npt.NDArray[np.float32]:
    """Convert boxes to (n, 4): left, top, right, bottom in pixels of the model's input of this width and height."""
    ordered = values[:, list(box.index)] if box.index else values
    if box.type == "upper_left":
        ordered = np.hstack([ordered[:, :2], ordered[:, :2] + ordered[:, 2:]])
    elif box.type == "center":
        ordered = np.hstack([ordered[:, :2] - ordered[:, 2:] / 2, ordered[:, :2] + ordered[:, 2:] / 2])
    return ordered if box.pixels else ordered * np.array([width, height, width, height], np.float32)


def _checked(box: Box) -> Box:
    if box.index and sorted(box.index) != [0, 1, 2, 3]:
        raise BadModel(f"expected an order of 0, 1, 2 and 3 for the box values in its metadata, got {list(box.index)}")
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
    """Return the roles by name, if every name fits exactly one role and no role twice; else nothing."""
    found: dict[str, int] = {}
    for number, name in enumerate(names):
        roles = [role for role in ROLES if any(part in name.lower() for part in NAMES[role])]
        if "count" in roles:
            roles = ["count"]  # "number of detected boxes"
        if len(roles) != 1 or roles[0] in found:
            return {}
        found[roles[0]] = number
    return found
