"""A display for people on a terminal: what is seen now, how sure, how fast."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from edgevision.decisions import evidence

from ..clock import SYSTEM, Clock
from ..stages import STAGES
from .plain import UNKNOWN, printable

if TYPE_CHECKING:
    from edgevision.data import Frame, Prediction

    from ..items import Event, Unreadable

REPAINTS_PER_S = 10
_BAR = 24
_NAME = 32
_SMOOTH = 0.1
"""Share of the newest frame in the times shown."""


class LiveDisplay:
    """Remembers the newest result; another thread paints it, so a slow terminal never holds up the loop."""

    spec = "display"

    def __init__(
        self,
        title: str,
        rows: int,
        camera_dropped: Callable[[], int],
        stream: TextIO | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        """``rows``: labels shown at most."""
        self._title = printable(title)
        self._rows = rows
        self._camera_dropped = camera_dropped
        self._clock = clock
        self._newest: tuple[Frame, Prediction, float] | None = None
        self._stages: dict[str, float] = {}
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
        """Takes note of one frame."""
        now = self._clock.monotonic()
        if self._newest is not None:
            self._period_s = _mix(self._period_s, now - self._newest[2])
        self._stages = {name: _mix(self._stages.get(name), value) for name, value in prediction.stages_ms.items()}
        self._newest = (frame, prediction, now)

    def error(self, error: Unreadable) -> None:
        """Printed above the display."""
        self._console.print(f"error: {printable(error.message)}", style="red", markup=False, soft_wrap=True)

    def event(self, event: Event) -> None:
        """Printed above the display."""
        self._console.print(
            f"{event.time} {event.kind}: {printable(event.detail)}", style="yellow", markup=False, soft_wrap=True
        )

    def close(self) -> None:
        """Paints the last state and leaves it on the screen."""
        self._live.stop()

    def render(self) -> Group:
        """The display as it is now."""
        head = Text(self._title, style="bold", no_wrap=True, overflow="ellipsis")
        if self._newest is None:
            return Group(head, Text("waiting for the first frame ..."))
        frame, prediction, _ = self._newest
        return Group(head, *self._bars(prediction), self._status(frame), self._times())

    def _bars(self, prediction: Prediction) -> list[Text]:
        """Always as many rows, so that the display does not jump; objects and regions by their best score or share."""
        found = sorted(evidence(prediction).values(), key=lambda label: -label.score)
        rows = [_bar(printable(label.name), label.score, first=place == 0) for place, label in enumerate(found)]
        if not rows:
            rows = [Text(f"  {UNKNOWN}", style="dim")]
        return (rows + [Text("")] * self._rows)[: self._rows]

    def _status(self, frame: Frame) -> Text:
        parts = [f"{frame.width}x{frame.height}"]
        if self._period_s:
            parts.append(f"{1 / self._period_s:.1f} frames/s")
        parts.append(f"frame {frame.index}")
        if frame.captured_at is not None:
            parts.append(f"{self._camera_dropped()} dropped")
        if frame.position_s is not None:
            parts.append(f"at {frame.position_s:.1f} s")
        return Text("  " + " · ".join(parts), no_wrap=True, overflow="ellipsis")

    def _times(self) -> Text:
        parts = [f"{name} {self._stages[name]:.1f}" for name in STAGES if name in self._stages]
        return Text(f"  ms: {' · '.join(parts)} · Ctrl-C ends", style="dim", no_wrap=True, overflow="ellipsis")


def _bar(name: str, score: float, first: bool) -> Text:
    eighths = round(score * _BAR * 8)
    bar = "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]
    name = name if len(name) <= _NAME else name[: _NAME - 1] + "…"
    text = Text(f"  {name:<{_NAME}} ", style="bold" if first else "", no_wrap=True, overflow="ellipsis")
    text.append(f"{bar:<{_BAR}}", style="green" if first else "cyan")
    return text.append(f" {score:.2f}")


def _mix(before: float | None, value: float) -> float:
    return value if before is None else before + _SMOOTH * (value - before)
