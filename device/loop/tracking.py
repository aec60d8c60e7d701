"""Sets up tracking for ``edgevision run``: checks its options, and opens what follows and counts objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgevision.errors import BadInput, nearest

from ..tracking.scene import TrackedScene
from ..tracking.shapes import named

if TYPE_CHECKING:
    from edgevision.model_file.card import ModelCard

    from ..tracking.best_crops import BestCrops
    from .options import Options
    from .temporal_filter import TemporalFilter


def check(options: Options) -> None:
    """Check what lines and zones are called. Raises BadInput."""
    named(options.count_lines, "line")
    named(options.zones, "zone")


def open_scene(options: Options, card: ModelCard, decider: TemporalFilter) -> TrackedScene:
    """Return what tracks objects for a model. Raises BadInput if the model finds no objects, or not these labels."""
    if card.task != "detection":
        raise BadInput(
            f"cannot track with {card.name}: its task is {card.task}; use a detector, or leave out --track, --count-line and --zone"
        )
    for label in options.track_labels:
        if label not in card.labels:
            hint = nearest(label, list(card.labels)) or "; edgevision inspect lists its labels"
            raise BadInput(f"cannot track {label!r:.60}: {card.name} has no such label{hint}")
    return TrackedScene(
        decider.shown_threshold,
        named(options.count_lines, "line"),
        named(options.zones, "zone"),
        options.track_labels,
        _crops(options),
    )


def _crops(options: Options) -> BestCrops | None:
    """Return what keeps images of objects, if anything shows them."""
    if not options.outputs and options.page is None:
        return None
    from ..tracking.best_crops import BestCrops

    return BestCrops()
