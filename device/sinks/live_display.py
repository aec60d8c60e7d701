"""A terminal display: what is seen now, with scores and speed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from edgevision.postprocessing.temporal import evidence
from edgevision.reporting.terminal import printable

from ..stream.protocols import Sink
from ..system.clock import SYSTEM, Clock
from ..telemetry.snapshot import count, ms
from .text_lines import UNKNOWN, counts, event_line

if TYPE_CHECKING:
    from edgevision.types import Detection, Frame, Point, Prediction

    from ..stream.events import Event, Unreadable
    from ..telemetry.snapshot import Snapshot

REPAINTS_PER_S = 10
COUNT_S = 1.0
"""Seconds between updates of times and counts: sorting them costs more than painting."""
LOSSES = ("camera_lost", "camera_frozen")
_BAR = 24
_NAME = 32
_COLUMN = 9
_SMOOTH = 0.1
"""Weight of the newest frame in the displayed rate."""


class LiveDisplay(Sink):
    """Stores the newest result; another thread paints it, so a slow terminal never blocks the loop."""

    spec = "display"

    def __init__(
        self,
        title: str,
        rows: int,
        snapshot: Callable[[], Snapshot],
        stream: TextIO,
        clock: Clock = SYSTEM,
    ) -> None:
        """``rows``: maximum labels shown. ``snapshot``: returns counts and times so far. ``stream``: the terminal."""
        self._title = printable(title)
        self._rows = rows
        self._snapshot = snapshot
        self._clock = clock
        self._newest: tuple[Frame, Prediction, float] | None = None
        self._counted: tuple[Snapshot, float] | None = None
        self._lost: str | None = None
        """Why there is no new image."""
        self._period_s: float | None = None
        self._console = Console(file=stream, highlight=False)
        self._live = Live(
            console=self._console,
            get_renderable=self.render,
            refresh_per_second=REPAINTS_PER_S,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def write(self, frame: Frame, prediction: Prediction) -> None:
        """Store one frame."""
        now = self._clock.monotonic()
        if self._newest is not None:
            self._period_s = _mix(self._period_s, now - self._newest[2])
        self._newest = (frame, prediction, now)
        self._lost = None

    def error(self, error: Unreadable) -> None:
        """Print an error above the display."""
        self._console.print(f"error: {printable(error.message)}", style="red", markup=False, soft_wrap=True)

    def event(self, event: Event) -> None:
        """Print an event above the display; after a camera loss the previous labels are hidden."""
        if event.kind in LOSSES:
            self._lost = f"{event.kind}: {event.detail}"
        self._console.print(event_line(event), style="yellow", markup=False, soft_wrap=True)

    def close(self) -> None:
        """Paint the last state and leave it on the screen."""
        self._live.stop()

    def render(self) -> Group:
        """Return the current display."""
        head = Text(self._title, style="bold", no_wrap=True, overflow="ellipsis")
        if self._newest is None:
            return Group(head, Text("waiting for the first frame ..."))
        frame, prediction, _ = self._newest
        counted = self._count()
        found = [*self._bars(prediction), *_counts(prediction)]
        return Group(head, *found, self._status(frame, counted), *_times(counted), _machine(counted))

    def _count(self) -> Snapshot:
        """Return counts and times, at most COUNT_S old."""
        now = self._clock.monotonic()
        if self._counted is None or now - self._counted[1] >= COUNT_S:
            self._counted = (self._snapshot(), now)
        return self._counted[0]

    def _bars(self, prediction: Prediction) -> list[Text]:
        """Return a fixed number of rows, so that the display does not jump; objects and regions by best score or area."""
        if self._lost is not None:
            lost = Text(f"  no new image: {printable(self._lost)}", "bold red", no_wrap=True, overflow="ellipsis")
            return [lost] + [Text("")] * (self._rows - 1)
        rows = [
            _bar(printable(name), score, first=place == 0) for place, (name, score) in enumerate(_found(prediction))
        ]
        if not rows:
            rows = [Text(f"  {UNKNOWN}", style="dim")]
        return (rows + [Text("")] * self._rows)[: self._rows]

    def _status(self, frame: Frame, counted: Snapshot) -> Text:
        parts = [f"{frame.width}x{frame.height}"]
        if self._period_s:
            parts.append(f"{1 / self._period_s:.1f} frames/s")
        parts.append(f"frame {frame.index}")
        if frame.captured_at is not None:
            parts.append(f"{counted.dropped} dropped")
        if counted.still:
            parts.append(f"{counted.still} without motion")
        if counted.errors:
            parts.append(count(counted.errors, "error"))
        if counted.reconnects:
            parts.append(count(counted.reconnects, "reconnect"))
        if frame.position_s is not None:
            parts.append(f"at {frame.position_s:.1f} s")
        return Text("  " + " · ".join(parts), no_wrap=True, overflow="ellipsis")


def _found(prediction: Prediction) -> list[tuple[str, float]]:
    """Return name and score of each tracked object, best first; without tracks, of each class."""
    things: tuple[Detection | Point, ...] = (*prediction.objects, *prediction.points)
    tracked = [(one.title, one.score) for one in things if one.track is not None]
    labels = [(label.name, label.score) for label in evidence(prediction).values()]
    return sorted(tracked or labels, key=lambda pair: -pair[1])


def _counts(prediction: Prediction) -> list[Text]:
    """Return a row with what crossed lines and is in zones; none without them."""
    shown = counts(prediction)
    return [Text("  " + " · ".join(shown), style="bold", no_wrap=True, overflow="ellipsis")] if shown else []


def _times(counted: Snapshot) -> list[Text]:
    """Return rows with p50, p95 and p99 latency of each stage."""
    spreads = {**counted.stages_ms, "age": counted.age_ms}
    columns = {name: spread for name, spread in spreads.items() if spread["p50"] is not None}
    rows = [f"  {'ms':<4}" + "".join(f"{name:>{_COLUMN}}" for name in columns)]
    for key in ("p50", "p95", "p99"):
        rows.append(f"  {key:<4}" + "".join(f"{ms(spread[key]):>{_COLUMN}}" for spread in columns.values()))
    return [Text(row, style="dim", no_wrap=True, overflow="ellipsis") for row in rows]


def _machine(counted: Snapshot) -> Text:
    memory = counted.memory_mb["end"]
    text = Text("  ", style="dim", no_wrap=True, overflow="ellipsis")
    if memory is not None:
        text.append(f"{memory:.0f} MB · ")
    if counted.temperature_c is not None:
        text.append(f"{counted.temperature_c:.0f} °C · ")
    if counted.throttled:
        text.append(f"throttled: {', '.join(counted.throttled)}", style="bold red not dim")
        text.append(" · ")
    for sink in counted.sinks:
        if sink.errors or sink.dropped:
            text.append(f"{sink.spec}: {count(sink.errors, 'error')}, {sink.dropped} dropped", style="red not dim")
            text.append(" · ")
    return text.append("press Ctrl-C to stop")


def _bar(name: str, score: float, first: bool) -> Text:
    eighths = round(score * _BAR * 8)
    bar = "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]
    name = name if len(name) <= _NAME else name[: _NAME - 1] + "…"
    text = Text(f"  {name:<{_NAME}} ", style="bold" if first else "", no_wrap=True, overflow="ellipsis")
    text.append(f"{bar:<{_BAR}}", style="green" if first else "cyan")
    return text.append(f" {score:.2f}")


def _mix(before: float | None, value: float) -> float:
    return value if before is None else before + _SMOOTH * (value - before)
