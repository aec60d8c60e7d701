"""The loop: camera -> model -> sinks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from edgevision.data import Frame
from edgevision.errors import BadInput, CameraLost, EngineError

from .clock import SYSTEM, Clock
from .items import Notice, Unreadable
from .machine import memory_mb, peak_memory_mb, temperature_c
from .outputs import OutputClosed, Outputs
from .percentiles import Percentiles
from .stages import STAGES
from .stop import Stop

if TYPE_CHECKING:
    from edgevision.data import Prediction
    from edgevision.protocols import Sink

    from .protocols import Predictor, Source
    from .summary import Ending, RunSummary

MAX_ENGINE_ERRORS = 10
"""So many frames in a row on which the engine fails: it will not come back by itself."""


def run(
    camera: Source,
    model: Predictor,
    sinks: Sequence[Sink],
    *,
    limit: int | None = None,
    top: int = 5,
    threshold: float | None = None,
    clock: Clock = SYSTEM,
    stop: Stop | None = None,
    started: float | None = None,
) -> RunSummary:
    """Shows each frame to the model and hands its answer to the sinks, until the end, ``limit`` or ``stop``.

    ``limit`` counts frames and unreadable pictures. ``started``: clock.monotonic() at the start of the command.
    Closes camera and sinks, not the model. A lost camera or a failing engine is told in the summary, not raised.
    """
    loop = _Loop(camera, model, Outputs(sinks, clock), clock, stop or Stop(), started)
    loop.stop.on_request(camera.close)
    try:
        ending, message = loop.spin(limit, top, threshold)
    finally:
        camera.close()
        loop.outputs.close()
    return loop.summary(ending, message)


class _Loop:
    """The state of one run: its counts and times."""

    def __init__(
        self, camera: Source, model: Predictor, outputs: Outputs, clock: Clock, stop: Stop, started: float | None
    ) -> None:
        self.camera, self.model, self.outputs, self.clock, self.stop = camera, model, outputs, clock, stop
        self.begun = clock.monotonic()
        self.started = self.begun if started is None else started
        self.frames = self.errors = self.engine_errors = 0
        self.last_error = ""
        self.first_ms: float | None = None
        self.stages = {name: Percentiles() for name in STAGES}
        self.ages = Percentiles()
        self.write_ms: float | None = None
        self.memory_start = memory_mb()

    def spin(self, limit: int | None, top: int, threshold: float | None) -> tuple[Ending, str | None]:
        """Why the loop ended, and what went wrong if something did."""
        try:
            for item, read_ms in self.items():
                if isinstance(item, Notice):
                    self.outputs.event(item.kind, item.detail)
                elif isinstance(item, Unreadable):
                    self.failed(item)
                else:
                    self.recognise(item, read_ms, top, threshold)
                if self.engine_errors >= MAX_ENGINE_ERRORS:
                    times = f"the engine failed on {self.engine_errors} frames in a row"
                    return "error", f"{times}; the last time: {self.last_error}"
                if self.stop():
                    break
                if limit is not None and self.frames + self.errors >= limit:
                    return "limit", None
        except CameraLost as error:
            if self.stop():
                return "signal", None
            with suppress(OutputClosed):
                self.outputs.event("camera_lost", str(error))
            return "error", str(error)
        except OutputClosed:
            return "end", None
        return ("signal" if self.stop() else "end"), None

    def items(self) -> Iterator[tuple[Frame | Unreadable | Notice, float]]:
        """Frames with the milliseconds the loop waited for each."""
        frames = iter(self.camera)
        while True:
            asked = self.clock.monotonic()
            item = next(frames, None)
            if item is None:
                return
            yield item, (self.clock.monotonic() - asked) * 1e3

    def recognise(self, frame: Frame, read_ms: float, top: int, threshold: float | None) -> None:
        """One frame: the model's answer to the sinks, or its failure."""
        try:
            prediction = self.model.predict(frame, top, threshold)
        except (EngineError, BadInput) as error:
            self.engine_errors += 1
            self.last_error = str(error)
            self.failed(Unreadable(frame.index, frame.source, self.last_error))
            return
        self.engine_errors = 0
        self.frames += 1
        done = self.clock.monotonic()
        if self.first_ms is None:
            self.first_ms = (done - self.started) * 1e3
        self.count(frame, prediction, read_ms, done)
        self.outputs.write(frame, prediction)
        self.write_ms = (self.clock.monotonic() - done) * 1e3
        self.stages["write"].add(self.write_ms)

    def count(self, frame: Frame, prediction: Prediction, read_ms: float, done: float) -> None:
        """Stage times and age; the prediction learns what the loop knows: read, and the write of the frame before."""
        prediction.stages_ms["read"] = read_ms
        for name, value in prediction.stages_ms.items():
            self.stages.setdefault(name, Percentiles()).add(value)
        if self.write_ms is not None:
            prediction.stages_ms["write"] = self.write_ms
        if frame.captured_at is not None:
            self.ages.add((done - frame.captured_at) * 1e3)

    def failed(self, error: Unreadable) -> None:
        """One item without a prediction."""
        self.errors += 1
        self.outputs.error(error)

    def summary(self, ending: Ending, message: str | None) -> RunSummary:
        """The whole run."""
        from .summary import RunSummary, engine_facts, model_facts  # late: the first prediction does not wait for it

        seconds = self.clock.monotonic() - self.begun
        return RunSummary(
            model=model_facts(self.model),
            source=self.camera.spec,
            engine=engine_facts(self.model),
            frames=self.frames,
            dropped=self.camera.dropped,
            errors=self.errors,
            reconnects=getattr(self.camera, "reconnects", 0),
            seconds=round(seconds, 3),
            rate_fps=round(self.frames / seconds, 2) if seconds > 0 else None,
            first_prediction_ms=None if self.first_ms is None else round(self.first_ms, 1),
            stages_ms={name: stage.to_json() for name, stage in self.stages.items()},
            age_ms=self.ages.to_json(),
            memory_mb={"start": self.memory_start, "end": memory_mb(), "peak": peak_memory_mb()},
            temperature_c=temperature_c(),
            throttled=None,
            sinks=self.outputs.counts(),
            stopped_by=ending,
            message=message,
        )
