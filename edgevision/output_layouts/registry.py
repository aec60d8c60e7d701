"""All layouts by name, and the one that the outputs of a model have."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from ..errors import BadModel
from ..tflite.detector_options import detector_options

if TYPE_CHECKING:
    from .layout import Layout, LayoutModule, OutputView

OPERATOR_LAYOUT = "detection-operator"
"""The layout that other tools read, too."""
LAYOUTS = {
    OPERATOR_LAYOUT: "detection_operator",
    "centernet": "centernet",
    "end-to-end": "end_to_end",
    "heat-maps": "heat_maps",
    "mediapipe": "mediapipe",
    "nanodet": "nanodet",
    "movenet": "movenet",
    "posenet": "posenet",
    "ssd": "ssd",
    "yolo": "yolo",
    "yolo-distribution": "yolo_distribution",
    "yolo-obb": "yolo_obb",
    "yolo-objectness": "yolo_objectness",
    "yolo-pose": "yolo_pose",
    "yolo-segmentation": "yolo_segmentation",
    "yolo-split": "yolo_split",
    "yolox": "yolox",
}
"""Module of this package by name of the layout."""
SHOWN = 6
"""Largest number of outputs in a message."""


def recognize(view: OutputView) -> list[Layout]:
    """Return the layouts that a model's outputs can have: none, the only one, or several. Raises BadModel."""
    if (found := _module(OPERATOR_LAYOUT).recognize(view)) is not None:
        return [found]  # the outputs' names or the operator itself say so
    if detector_options(view.facts.metadata) is not None and (found := _module("ssd").recognize(view)) is not None:
        return [found]  # the metadata list its anchors
    others = (_module(name).recognize(view) for name in LAYOUTS if name != OPERATOR_LAYOUT)
    possible = [layout for layout in others if layout is not None]
    if len(possible) < 2 or not view.labels:
        return possible
    return [layout for layout in possible if layout.classes in (None, view.labels)] or possible


def open_layout(view: OutputView, name: str | None = None) -> Layout:
    """Return the layout of a model's outputs. Raises BadModel if there is none, or if several are possible.

    ``name``: name of the layout, from the model card; None to recognize it.
    """
    if name is not None:
        if name not in LAYOUTS:
            raise BadModel(f"unknown output layout {name!r}; known: {', '.join(LAYOUTS)}; update edgevision?")
        layout = _module(name).recognize(view, forced=True)
        if layout is None:
            raise BadModel(f"the outputs ({shapes(view)}) do not have the layout {name!r}: {title(name)}")
        return layout
    found = recognize(view)
    if len(found) == 1:
        return found[0]
    if not found:
        said = f"the outputs ({shapes(view)}) do not have the form of a detector; known: {', '.join(LAYOUTS)}"
        fitting = readable(view)
        hint = f"; if it is one of these, set it with edgevision card --layout: {', '.join(fitting)}" if fitting else ""
        raise BadModel(said + hint)
    raise BadModel(
        f"{ambiguity(found, view)}; set the right one with edgevision card --layout, or give its labels with --labels"
    )


def readable(view: OutputView) -> list[str]:
    """Return the names of the layouts in which outputs can be read if the user says that they have it."""
    return [name for name in LAYOUTS if _fits(name, view)]


def _fits(name: str, view: OutputView) -> bool:
    try:
        return _module(name).recognize(view, forced=True) is not None
    except BadModel:
        return False


def ambiguity(found: list[Layout], view: OutputView) -> str:
    """Return what a message says about outputs that can be read in several ways."""
    readings = " or ".join(f"{layout.name} ({_counted(layout)})" for layout in found)
    return f"the outputs ({shapes(view)}) can be read as {readings}"


def title(name: str) -> str:
    """Return the description of a layout."""
    return _module(name).TITLE


def shapes(view: OutputView) -> str:
    """Return names and shapes of the outputs for a message."""
    said = ", ".join(f"{spec.name[:60]} {list(spec.shape)}" for spec in view.outputs[:SHOWN])
    return said + (f" and {len(view.outputs) - SHOWN} more" if len(view.outputs) > SHOWN else "")


def _counted(layout: Layout) -> str:
    count = layout.classes
    return "any classes" if count is None else f"{count} class{'es' if count != 1 else ''}"


def _module(name: str) -> LayoutModule:
    return cast("LayoutModule", import_module(f".{LAYOUTS[name]}", __package__))
