"""State of a run at one moment, for programs and as a few lines for display."""

from __future__ import annotations

from dataclasses import dataclass

from .drift_status import DriftStatus
from .release_status import ReleaseStatus

Spread = dict[str, float | None]
"""p50, p95, p99 and max in milliseconds."""


@dataclass(frozen=True, slots=True)
class SinkCount:
    """Counts of one output."""

    spec: str
    written: int
    dropped: int
    errors: int
    message: str | None = None
    """The last error."""
    waiting: int = 0
    """Number of items that wait for it."""
    down: bool = False
    """Whether it does not work now."""
    memory_bytes: int | None = None
    """Memory in use for what it holds, such as recorded frames; None: not worth mentioning."""
    retried: int = 0
    """Number of errors after which the output tried again by itself; what it lost in the end is in ``dropped``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Counts and times so far. Unknown values are None."""

    frames: int
    """Frames with a prediction."""
    still: int
    """Frames not passed to the model for lack of motion (``--on-motion``)."""
    dropped: int
    """Frames captured but replaced by a newer one."""
    errors: int
    """Unreadable images, and frames on which the engine failed."""
    reconnects: int
    """Times that a lost camera came back."""
    seconds: float
    """Seconds since the start of the loop; after its end, how long it ran, without closing the outputs."""
    rate_fps: float | None
    """Mean predictions per second."""
    first_prediction_ms: float | None
    """Milliseconds from the start of the command."""
    stages_ms: dict[str, Spread]
    """read (waiting for the frame), prepare, infer, decode, write (passing the result to all outputs), and with
    ``--on-motion`` motion (the motion check)."""
    age_ms: Spread
    """Milliseconds from the capture of a frame to its prediction; live sources only."""
    memory_mb: dict[str, float | None]
    """start, end (now, during the run), peak."""
    temperature_c: float | None
    """Temperature of the processor in °C."""
    throttled: list[str] | None
    """What slows the machine down now; in a summary, what did at any time."""
    sinks: tuple[SinkCount, ...]
    """spec, written, dropped, errors and the last error (message) of each sink."""
    drift: DriftStatus | None = None
    """Comparison with what the camera saw at first; None without ``--drift``."""
    release: ReleaseStatus | None = None
    """Release of the device that runs; None unless this is the service of an installed bundle."""

    def describe(self) -> list[str]:
        """Return lines for display: counts, stages, machine, failing outputs."""
        lines = [self._counts()]
        stages = [f"{name} {_three(spread)}" for name, spread in self.stages_ms.items() if spread["p50"] is not None]
        if stages:
            lines.append(f"ms per frame, p50/p95/p99: {', '.join(stages)}" + self._age())
        troubled = [sink for sink in self.sinks if sink.errors or sink.dropped]
        outputs = [f"output {sink.spec}: {count(sink.errors, 'error')}, {sink.dropped} dropped" for sink in troubled]
        drift = [] if self.drift is None else [self.drift.describe()]
        release = [] if self.release is None else [self.release.describe()]
        return [*lines, *self._machine(), *drift, *release, *outputs]

    def _counts(self) -> str:
        rate = f", {self.rate_fps:.1f} frames/s" if self.rate_fps else ""
        parts = [f"{count(self.frames, 'frame')} in {self.seconds:.2f} s{rate}"]
        parts += [f"{self.still} without motion"] if self.still else []
        parts += [f"{self.dropped} dropped", count(self.errors, "error")]
        parts += [count(self.reconnects, "reconnect")] if self.reconnects else []
        return ", ".join(parts)

    def _age(self) -> str:
        return "" if self.age_ms["p50"] is None else f"; age {_three(self.age_ms)}"

    def _machine(self) -> list[str]:
        start, end, peak = (self.memory_mb[key] for key in ("start", "end", "peak"))
        parts = []
        if end is not None:
            parts.append(f"memory {start or 0:.0f} MB at start, {end:.0f} now, {peak or end:.0f} peak")
        if self.temperature_c is not None:
            parts.append(f"{self.temperature_c:.0f} °C")
        if self.throttled is not None:
            parts.append(f"throttled: {', '.join(self.throttled) or 'no'}")
        return ["; ".join(parts)] if parts else []


def count(number: int, noun: str) -> str:
    """Format ``1 error`` or ``2 errors``."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def ms(value: float | None) -> str:
    """Format milliseconds with as many digits as matter."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 99.5 else f"{value:.1f}" if value >= 0.095 else f"{value:.2f}"


def _three(spread: Spread) -> str:
    return "/".join(ms(spread[key]) for key in ("p50", "p95", "p99"))
