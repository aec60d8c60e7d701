"""Sets up tracking for ``edgevision run``: checks its options, and opens what follows and counts objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgevision.errors import BadInput, nearest

from ..tracking.scene import TrackedScene
from ..tracking.shapes import Shapes, all_named

if TYPE_CHECKING:
    from edgevision.model_file.card import ModelCard

    from ..tracking.best_crops import BestCrops
    from .options import Options
    from .temporal_filter import TemporalFilter


TRACKED_TASKS = ("detection", "points")


def shapes_of(options: Options) -> Shapes:
    """Return the lines and zones of a run. Raises BadInput for names that are used twice."""
    return all_named(options.count_lines, options.zones)


def is_possible(options: Options, card: ModelCard) -> bool:
    """Return whether objects are tracked, or may be once the live page draws a line.

    Raises BadInput if tracking was requested and the model finds no objects, or not these labels.
    """
    requested = bool(options.track or options.track_labels or options.count_lines or options.zones or options.then)
    if requested:
        require_detector(card)
    if options.then and card.task != "detection":
        raise BadInput(f"--then needs the boxes of a detector, but the task of {card.name} is {card.task}")
    for label in options.track_labels:
        if label not in card.labels:
            hint = nearest(label, list(card.labels)) or "; edgevision inspect lists its labels"
            raise BadInput(f"cannot track {label!r:.60}: {card.name} has no such label{hint}")
    return requested or (options.page is not None and card.task in TRACKED_TASKS)


def require_detector(card: ModelCard) -> None:
    """Raise BadInput if a model finds no objects."""
    if card.task not in TRACKED_TASKS:
        raise BadInput(
            f"cannot track with {card.name}: its task is {card.task}; use a detector, or leave out tracking, lines and zones"
        )


def open_scene(options: Options, decider: TemporalFilter) -> TrackedScene:
    """Return what tracks objects."""
    shapes = shapes_of(options)
    return TrackedScene(
        decider.shown_threshold,
        shapes.lines,
        shapes.zones,
        options.track_labels,
        _crops(options),
        always=bool(options.track or options.track_labels or options.then),
    )


def _crops(options: Options) -> BestCrops | None:
    """Return what keeps images of objects, if anything shows them."""
    if not options.outputs and options.page is None:
        return None
    from ..tracking.best_crops import BestCrops

    return BestCrops()
