"""The output layout of a detector, from a model file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..output_layouts.layout import NamesClasses, OutputView
from ..output_layouts.registry import open_layout, readable, recognize
from ..preprocessing.image_input import image_input
from ..tflite.detection_op import class_count, result_outputs
from ..tflite.outputs import OutputFacts

if TYPE_CHECKING:
    from ..output_layouts.layout import Layout
    from .model_file import ModelFile


def output_view(file: ModelFile, labels: int = 0) -> OutputView | None:
    """Return what recognition may look at; None if the model has no single image input. ``labels``: number of labels."""
    found = image_input(file.inputs[0]) if len(file.inputs) == 1 else None
    if found is None:
        return None
    facts = OutputFacts(file.metadata, file.files, result_outputs(file.flatbuffer))
    return OutputView(file.outputs, found.width, found.height, labels, facts)


def detector_layouts(file: ModelFile, labels: int = 0) -> list[Layout]:
    """Return the layouts that a model's outputs can have: none, the only one, or several that its shapes allow.

    Raises BadModel for outputs whose quantization makes them useless.
    """
    view = output_view(file, labels)
    return [] if view is None else recognize(view)


def readable_layouts(file: ModelFile) -> list[str]:
    """Return the names of the layouts in which a model's outputs can be read if the user says so."""
    view = output_view(file)
    return [] if view is None else readable(view)


def detector_classes(file: ModelFile, layout: str | None = None) -> int | None:
    """Return a detector's number of classes; None if its outputs do not show it, or allow several. Raises BadModel.

    ``layout``: name of the layout, if it is known.
    """
    count = class_count(file.flatbuffer)
    view = output_view(file)
    if count is not None or view is None:
        return count
    found = [open_layout(view, layout)] if layout else recognize(view)
    counts = {one.classes for one in found}
    return counts.pop() if len(counts) == 1 else None


def detector_labels(file: ModelFile, layout: str | None = None) -> tuple[str, ...]:
    """Return the names of a detector's classes if its layout is that of networks that find known things; else none.

    ``layout``: name of the layout, if it is known. Raises BadModel.
    """
    view = output_view(file)
    if view is None:
        return ()
    found = [open_layout(view, layout)] if layout else recognize(view)
    return found[0].labels if len(found) == 1 and isinstance(found[0], NamesClasses) else ()
