"""The public function that runs the loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgevision.errors import BadInput

from . import loop
from .outputs import is_pictures
from .temporal_filter import filter_for

if TYPE_CHECKING:
    from edgevision.model import Model

    from ..stream.protocols import Sink, Source
    from ..telemetry.summary import RunSummary
    from ..tracking.scene import TrackedScene
    from .motion_gate import MotionGate
    from .temporal_filter import TemporalFilter


def run(
    source: Source,
    model: Model,
    sinks: Sequence[Sink] = (),
    *,
    limit: int | None = None,
    top: int = 5,
    threshold: float | None = None,
    smooth: int = 1,
    on_motion: bool = False,
    track: bool = False,
    count_lines: Sequence[str] = (),
    zones: Sequence[str] = (),
) -> RunSummary:
    """Run a model on each frame of a source and pass its predictions to the sinks, until the source or the limit ends.

    Closes the source and the sinks at the end, but not the model. To end the loop earlier, close the source from another
    thread. A camera that is lost for good, a failing engine and a failing sink are reported in the summary and not raised.

    Args:
        source: What to read, from ``open_camera`` or ``open_source``, or an object of your own (see ``Source``).
        model: The open model.
        sinks: The outputs, each of which receives every result (see ``Sink``).
        limit: Largest number of frames, 1 or more; frames without motion and unreadable images count; None for no limit.
        top: Largest number of labels per frame, 1 or more.
        threshold: Lowest score of a label or object, 0..1; None for the model's own.
        smooth: Number of frames to average scores over, 1 or more, for labels and for events.
        on_motion: Whether to run the model only when the image changes, and every 10 s.
        track: Whether to number the objects of a detector from frame to frame (``Detection.track``).
        count_lines: Lines ``x0,y0,x1,y1,name``, as fractions of the image, on which objects are counted
            (``Prediction.counts``). Forward is from the left side to the right, seen from x0,y0.
        zones: Areas ``x,y,x,y,x,y,name`` in which objects are counted and timed (``Prediction.zones``).

    Returns:
        Counts, latencies and why the loop ended (``stopped_by``).

    Raises:
        BadInput: An argument is out of range, or tracking needs a detector; the source and the sinks are closed then, too.
    """
    try:
        _check(limit, top, smooth, threshold)
        tracking = track or bool(count_lines) or bool(zones)
        floor = _weakest() if tracking else None
        decider = filter_for(model.card, smooth=smooth, threshold=threshold, top=top, floor=floor)
        scene = _scene(model, decider, count_lines, zones) if tracking else None
        gate = _gate() if on_motion else None
    except BaseException:
        source.close()
        for sink in sinks:
            sink.close()
        raise
    # Single images have no time between them, in which a label could enter or leave.
    changes = not is_pictures(source)
    return loop.run(source, model, sinks, limit=limit, decider=decider, gate=gate, scene=scene, tell_changes=changes)


def _check(limit: int | None, top: int, smooth: int, threshold: float | None) -> None:
    """Raise BadInput for an argument that is out of range."""
    for name, value in (("limit", limit), ("top", top), ("smooth", smooth)):
        if value is not None and value < 1:
            raise BadInput(f"invalid {name} {value}: it must be 1 or more")
    if threshold is not None and not 0 <= threshold <= 1:
        raise BadInput(f"invalid threshold {threshold}: it must be 0 to 1")


def _weakest() -> float:
    from ..tracking.tracker import WEAKEST

    return WEAKEST


def _scene(model: Model, decider: TemporalFilter, count_lines: Sequence[str], zones: Sequence[str]) -> TrackedScene:
    """Return what tracks objects. Raises BadInput."""
    from ..tracking.scene import TrackedScene
    from ..tracking.shapes import all_named, parse_line, parse_zone
    from .tracking import require_detector

    require_detector(model.card)
    shapes = all_named([parse_line(line) for line in count_lines], [parse_zone(zone) for zone in zones])
    return TrackedScene(decider.shown_threshold, shapes.lines, shapes.zones)


def _gate() -> MotionGate:
    from .motion_gate import MotionGate

    return MotionGate()
