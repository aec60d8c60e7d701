"""Run statistics, collected live: shown by the display, SIGUSR1, the service manager and the summary."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..system.clock import SYSTEM, Clock
from ..system.process_stats import memory_mb, peak_memory_mb, temperature_c
from .percentiles import Percentiles

if TYPE_CHECKING:
    from edgevision.types import Frame, Prediction

    from ..system.throttling import Watch
    from .snapshot import SinkCount, Snapshot


class RunStats:
    """Written by the loop; readable from any thread."""

    def __init__(
        self,
        clock: Clock = SYSTEM,
        started: float | None = None,
        firmware: Callable[[], int | None] | None = None,
    ) -> None:
        """``started``: clock.monotonic() at the start of the command. ``firmware``: returns the bits of ``throttling``;
        None: those of this machine."""
        self._clock = clock
        self._firmware = firmware
        self._watch: Watch | None = None
        self.begun = clock.monotonic()
        self.started = self.begun if started is None else started
        self.frames = self.errors = self.still = 0
        self.first_ms: float | None = None
        self.stages = {name: Percentiles() for name in STAGES}
        self.ages = Percentiles()
        self.write_ms: float | None = None
        self.memory_start = memory_mb()
        self.dropped: Callable[[], int] = lambda: 0
        self.reconnects = 0
        self.sinks: Callable[[], tuple[SinkCount, ...]] = lambda: ()

    @property
    def items(self) -> int:
        """Number of frames and images taken from the source, whatever became of them."""
        return self.frames + self.errors + self.still

    def recognized(self, frame: Frame, prediction: Prediction, read_ms: float, done: float) -> None:
        """Record one frame; adds the loop's own stages to the prediction: read, and write of the frame before."""
        self.frames += 1
        if self.first_ms is None:
            self.first_ms = (done - self.started) * 1e3
        prediction.stages_ms["read"] = read_ms
        for name, value in prediction.stages_ms.items():
            self.stages.setdefault(name, Percentiles()).add(value)
        if self.write_ms is not None:
            prediction.stages_ms["write"] = self.write_ms
        if frame.captured_at is not None:
            self.ages.add((done - frame.captured_at) * 1e3)

    def written(self, took_ms: float) -> None:
        """Record that one result was passed to all outputs."""
        self.write_ms = took_ms
        self.stages["write"].add(took_ms)

    def looked_for_motion(self, took_ms: float) -> None:
        """Record one motion check of a frame."""
        self.stages.setdefault("motion", Percentiles()).add(took_ms)

    def look(self) -> tuple[str, ...]:
        """Return what has begun to slow the machine down; called by the loop only."""
        if self._watch is None:
            from ..system.throttling import Watch  # imported late: the first prediction does not wait for it

            self._watch = Watch(self._clock, self._firmware)
        return self._watch.look()

    @property
    def throttled_so_far(self) -> list[str] | None:
        """Everything that slowed the machine down during the run; None if not available."""
        return None if self._watch is None else self._watch.seen

    def snapshot(self) -> Snapshot:
        """Return all values as of now."""
        from .snapshot import Snapshot  # imported late, as above

        seconds = self._clock.monotonic() - self.begun
        return Snapshot(
            frames=self.frames,
            still=self.still,
            dropped=self.dropped(),
            errors=self.errors,
            reconnects=self.reconnects,
            seconds=round(seconds, 3),
            rate_fps=round(self.frames / seconds, 2) if seconds > 0 else None,
            first_prediction_ms=None if self.first_ms is None else round(self.first_ms, 1),
            stages_ms={name: stage.to_json() for name, stage in list(self.stages.items())},
            age_ms=self.ages.to_json(),
            memory_mb={"start": self.memory_start, "end": memory_mb(), "peak": peak_memory_mb()},
            temperature_c=temperature_c(),
            throttled=None if self._watch is None else self._watch.holding,
            sinks=self.sinks(),
        )


STAGES = ("read", "prepare", "infer", "decode", "write")
"""read: waiting for the frame; write: passing the result to all outputs."""
