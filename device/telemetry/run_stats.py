"""Run statistics, collected live: shown by the display, the service manager and the summary, and on SIGUSR1."""

from __future__ import annotations

import math
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

from edgevision.reporting.terminal import valid_json

from ..system.clock import SYSTEM, Clock
from ..system.process_stats import memory_mb, peak_memory_mb, temperature_c

if TYPE_CHECKING:
    from edgevision.types import Frame, Prediction

    from ..system.throttling import Watch
    from .drift_status import DriftStatus
    from .release_status import ReleaseStatus
    from .snapshot import SinkCount, Snapshot

STAGES = ("read", "prepare", "infer", "decode", "write")
"""read: waiting for the frame; write: passing the result to all outputs."""
THEN = "then"
"""The stage of a second model, where there is one: cropping and classifying the objects."""
_STEP = math.log(1.02)
"""Log width of a bucket: 2 %, so a percentile is at most 1 % off."""
_FLOOR_MS = 1e-4


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
        self.ended: float | None = None
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
        self.drift: Callable[[], DriftStatus | None] = lambda: None
        self.release: Callable[[], ReleaseStatus | None] = lambda: None

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

    def end(self) -> None:
        """Record the end of the loop: the time that closing the outputs takes says nothing about its rate."""
        self.ended = self._clock.monotonic()

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

        seconds = (self._clock.monotonic() if self.ended is None else self.ended) - self.begun
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
            drift=self.drift(),
            release=self.release(),
        )


class Percentiles:
    """A histogram with logarithmic buckets: about 1,200 cover a ten-thousandth of a millisecond to an hour."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._low_ms = math.inf
        self.count = 0
        self.max_ms = 0.0
        self.total_ms = 0.0

    def add(self, value_ms: float) -> None:
        """Add one duration; negative values count as 0."""
        value_ms = max(0.0, value_ms)
        self._counts[round(math.log(max(value_ms, _FLOOR_MS)) / _STEP)] += 1
        self.count += 1
        self.max_ms = max(self.max_ms, value_ms)
        self.total_ms += value_ms
        self._low_ms = min(self._low_ms, value_ms)

    def at(self, fraction: float) -> float | None:
        """Return the nearest-rank percentile in milliseconds, within 1 %; None if nothing was added."""
        rank = max(1, math.ceil(fraction * self.count))
        for bucket in sorted(self._counts):
            rank -= self._counts[bucket]
            if rank <= 0:
                return min(self.max_ms, max(self._low_ms, math.exp(bucket * _STEP)))
        return None

    def cumulative(self, bounds_ms: Sequence[float]) -> tuple[list[int], float]:
        """Return how many durations were at most each bound (within 1 %), then how many there were, and their sum."""
        total_ms, counts = self.total_ms, list(self._counts.items())
        limits = [math.log(bound) / _STEP for bound in bounds_ms]
        return [sum(n for bucket, n in counts if bucket <= limit) for limit in [*limits, math.inf]], total_ms

    def to_json(self) -> dict[str, float | None]:
        """Return ``{p50, p95, p99, max}`` in milliseconds."""
        found = {
            "p50": self.at(0.5),
            "p95": self.at(0.95),
            "p99": self.at(0.99),
            "max": self.max_ms if self.count else None,
        }
        return {key: None if value is None else round(value, 3) for key, value in found.items()}


@contextmanager
def dump_stats_on_sigusr1(measures: RunStats, as_json: bool, descriptor: int) -> Iterator[None]:
    """While active, each SIGUSR1 writes the status to a file descriptor, as one JSON line or a few lines of text."""

    def tell(_: int, __: FrameType | None) -> None:
        # Write directly to the descriptor: the signal may interrupt a write to Python's own stream.
        with suppress(OSError):
            os.write(descriptor, status_text(measures, as_json).encode())

    before = signal.signal(signal.SIGUSR1, tell)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


def status_text(measures: RunStats, as_json: bool) -> str:
    """Return counts and times so far; for programs as ``edgevision.status/1``."""
    snapshot = measures.snapshot()
    if not as_json:
        return "\n".join(f"status: {line}" for line in snapshot.describe()) + "\n"
    import json
    from dataclasses import asdict

    from ..system.clock import rfc3339

    record = {"type": "status", "schema": "edgevision.status/1", "time": rfc3339(time.time()), **asdict(snapshot)}
    return valid_json(json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))) + "\n"
