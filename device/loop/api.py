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
    from .motion_gate import MotionGate


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

    Returns:
        Counts, latencies and why the loop ended (``stopped_by``).

    Raises:
        BadInput: An argument is out of range; the source and the sinks are closed then, too.
    """
    try:
        _check(limit, top, smooth, threshold)
        decider = filter_for(model.card, smooth=smooth, threshold=threshold, top=top)
        gate = _gate() if on_motion else None
    except BaseException:
        source.close()
        for sink in sinks:
            sink.close()
        raise
    # Single images have no time between them, in which a label could enter or leave.
    changes = not is_pictures(source)
    return loop.run(source, model, sinks, limit=limit, decider=decider, gate=gate, tell_changes=changes)


def _check(limit: int | None, top: int, smooth: int, threshold: float | None) -> None:
    """Raise BadInput for an argument that is out of range."""
    for name, value in (("limit", limit), ("top", top), ("smooth", smooth)):
        if value is not None and value < 1:
            raise BadInput(f"invalid {name} {value}: it must be 1 or more")
    if threshold is not None and not 0 <= threshold <= 1:
        raise BadInput(f"invalid threshold {threshold}: it must be 0 to 1")


def _gate() -> MotionGate:
    from .motion_gate import MotionGate

    return MotionGate()
