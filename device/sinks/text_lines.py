"""One text line per frame: for pipes and logs, and for images on a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from edgevision.reporting.terminal import printable

from ..stream.protocols import Sink
from ..system.clock import SYSTEM, Clock, rfc3339
from .line_writer import LineWriter

if TYPE_CHECKING:
    from edgevision.types import Frame, Prediction

    from ..stream.events import Event, Unreadable

UNKNOWN = "unknown"
"""Shown if no label reaches the threshold."""


class PlainLines(Sink):
    """Writes ``TIME SOURCE: label score; ...``; TIME is UTC for cameras, the position in a video, absent for images."""

    spec = "text"

    def __init__(
        self,
        lines: LineWriter,
        notes: Callable[[str], None],
        event_lines: Callable[[str], None],
        clock: Clock = SYSTEM,
        label_events: bool = True,
    ) -> None:
        """``label_events``: whether to write what labels do, besides what happens to camera and outputs."""
        self._lines = lines
        self._notes = notes
        self._event_lines = event_lines
        self._clock = clock
        self._label_events = label_events

    @property
    def dropped(self) -> int:
        """Number of lines dropped because the reader was too slow."""
        return self._lines.dropped

    def write(self, frame: Frame, prediction: Prediction) -> None:
        """Write one frame."""
        self._lines(f"{self._when(frame)}{printable(frame.source)}: {describe(prediction)}")

    def error(self, error: Unreadable) -> None:
        """Write one error apart from the results."""
        self._notes(f"error: {printable(error.message)}")

    def event(self, event: Event) -> None:
        """Write one event."""
        if self._label_events or event.label is None:
            self._event_lines(event_line(event))

    def close(self) -> None:
        """Wait for queued output."""
        self._lines.close()

    def _when(self, frame: Frame) -> str:
        if frame.captured_at is not None:
            return rfc3339(self._clock.wall() - (self._clock.monotonic() - frame.captured_at)) + " "
        return "" if frame.position_s is None else f"{frame.position_s:.3f} s "


def event_line(event: Event) -> str:
    """Format ``2026-01-31T12:00:00.000Z entered: cat 0.81``; in a video with its position, as in result lines."""
    when = event.time if event.position_s is None else f"{event.position_s:.3f} s"
    return f"{when} {event.kind}: {printable(event.detail)}"


def describe(prediction: Prediction) -> str:
    """Format ``tabby, tabby cat 0.81; tiger cat 0.09``, or ``unknown``; separated by ";" because names contain commas.

    Scores that round to 0.00 are omitted. Objects are followed by their box, points by their place, regions by their
    share of the frame, and all by the counts of lines and zones:
    ``cat #7 0.81 at 10,20,110,220 | door: 3 forward, 1 backward | yard: 1``.
    """
    return " | ".join([_seen(prediction), *counts(prediction)])


def counts(prediction: Prediction) -> list[str]:
    """Format what crossed each line and is in each zone."""
    lines = [f"{printable(one.name)}: {one.forward} forward, {one.backward} backward" for one in prediction.counts]
    return lines + [f"{printable(zone.name)}: {zone.count}" for zone in prediction.zones]


def _seen(prediction: Prediction) -> str:
    if prediction.anomaly is not None:
        found = prediction.anomaly
        where = "" if found.box is None else f" at {','.join(f'{edge:.0f}' for edge in found.box)}"
        return f"anomaly {found.score:.2f}{where}" if found.is_anomalous else f"good ({found.score:.2f})"
    if prediction.objects:
        return "; ".join(
            f"{printable(o.title)} {o.score:.2f} at {','.join(f'{edge:.0f}' for edge in o.box)}"
            for o in prediction.objects
        )
    if prediction.points:
        return "; ".join(f"{printable(p.title)} {p.score:.2f} at {p.x:.0f},{p.y:.0f}" for p in prediction.points)
    if prediction.regions:
        return "; ".join(f"{printable(r.name)} {r.area:.0%}" for r in prediction.regions)
    if not prediction.labels:
        return UNKNOWN
    first, *others = prediction.labels
    shown = [first, *(label for label in others if label.score >= 0.005)]
    return "; ".join(f"{printable(label.name)} {label.score:.2f}" for label in shown)
