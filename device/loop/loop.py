"""The loop: camera -> model -> sinks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from edgevision.errors import BadInput, CameraLost, EngineError
from edgevision.log import Log
from edgevision.types import Frame

from ..stream.events import OutputClosed, SourceEvent, Unreadable
from ..system.clock import SYSTEM, Clock
from ..telemetry.run_stats import RunStats
from .outputs import Outputs
from .stop import Stop

if TYPE_CHECKING:
    from edgevision.postprocessing.temporal import Change
    from edgevision.types import Prediction

    from ..cascade.recognition import Recognition
    from ..cascade.second_model import SecondModel
    from ..drift.watch import DriftWatch
    from ..stream.control import LoopControl
    from ..stream.protocols import Predictor, Sink, Source
    from ..telemetry.summary import Ending, RunSummary
    from ..tracking.scene import TrackedScene, TrackEvent
    from .motion_gate import MotionGate
    from .release_watch import ReleaseWatch
    from .sd_notify import Service
    from .temporal_filter import TemporalFilter

log = Log("edgevision.loop")
MAX_ENGINE_ERRORS = 10
"""Consecutive engine failures after which the loop gives up: the engine will not recover by itself."""
CLOSE_S = 0.5
"""Seconds to wait for a camera to close after a stop request."""


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
    measures: RunStats | None = None,
    decider: TemporalFilter | None = None,
    gate: MotionGate | None = None,
    service: Service | None = None,
    control: LoopControl | None = None,
    scene: TrackedScene | None = None,
    second: SecondModel | None = None,
    watch: DriftWatch | None = None,
    releases: ReleaseWatch | None = None,
    tell_changes: bool = True,
) -> RunSummary:
    """Run the model on each frame and pass its predictions to the sinks, until the end, ``limit`` or ``stop``.

    Closes the camera and the sinks, but not the model. A lost camera or a failing engine is reported in the summary and
    not raised.

    Args:
        camera: The source of frames.
        model: The open model.
        sinks: The outputs, each of which receives every result.
        limit: Maximum number of items, counting frames without motion and unreadable images; None: no limit.
        top: Maximum number of labels per frame, unless there is a ``decider``.
        threshold: Minimum score, 0..1, unless there is a ``decider``; None: the model's own.
        clock: Clock for all timing.
        stop: Ends the loop when requested.
        measures: Run statistics to fill.
        decider: Temporal filter: averages predictions and reports what came and went.
        gate: Motion gate: frames without motion are not passed to the model.
        service: Service manager to notify.
        control: Pauses the loop and changes its threshold from outside.
        scene: Tracks objects and counts them, with a ``decider`` whose ``floor`` is what the tracker needs.
        second: Classifies the tracked objects.
        watch: Notices that what the camera sees has moved; it is shown what the model computes.
        releases: Notices that this device got another release.
        tell_changes: Whether to report labels that come and go as events.

    Returns:
        The summary of the run.
    """
    loop = _Loop(camera, model, Outputs(sinks, clock), clock, stop or Stop(), measures or RunStats(clock))
    loop.decider, loop.gate, loop.service, loop.tell_changes = decider, gate, service, tell_changes
    loop.control, loop.scene, loop.second, loop.watch, loop.releases = control, scene, second, watch, releases
    loop.top, loop.threshold = (top, threshold) if decider is None else (decider.ask_top, decider.ask_threshold)
    loop.stop.on_request(camera.close)
    try:
        ending, message = loop.run(limit)
    finally:
        loop.end()
    log.info("stopped: %s%s", ending, f", {message}" if message else "")
    return loop.summary(ending, message)


class _Loop:
    """State of one run besides its statistics: the last frame, and consecutive failures."""

    decider: TemporalFilter | None = None
    gate: MotionGate | None = None
    service: Service | None = None
    control: LoopControl | None = None
    scene: TrackedScene | None = None
    second: SecondModel | None = None
    watch: DriftWatch | None = None
    releases: ReleaseWatch | None = None
    tell_changes = True
    top: int = 5
    threshold: float | None = None

    def __init__(
        self, camera: Source, model: Predictor, outputs: Outputs, clock: Clock, stop: Stop, measures: RunStats
    ) -> None:
        self.camera, self.model, self.outputs = camera, model, outputs
        self.clock, self.stop, self.measures = clock, stop, measures
        self.last: tuple[int, float | None] | None = None
        """Index and time (seconds) of the last frame with a prediction."""
        self.engine_errors = 0
        self.last_error = ""
        measures.dropped = lambda: camera.dropped
        measures.sinks = outputs.counts

    def run(self, limit: int | None) -> tuple[Ending, str | None]:
        """Run the loop; return why it ended, and the error message if there was one."""
        try:
            for item, read_ms in self.items():
                if isinstance(item, SourceEvent):
                    self.noticed(item)
                elif isinstance(item, Unreadable):
                    self.failed(item)
                elif not self.is_paused(item) and not self.is_still(item):
                    self.recognise(item, read_ms)
                if self.engine_errors >= MAX_ENGINE_ERRORS:
                    times = f"the engine failed on {self.engine_errors} frames in a row"
                    return "error", f"{times}; last error: {self.last_error}"
                if self.stop():
                    break
                if limit is not None and self.measures.items >= limit:
                    return "limit", None
        except CameraLost as error:
            if self.stop():
                return "signal", None
            with suppress(OutputClosed):
                self.noticed(SourceEvent("camera_lost", str(error)))
            return "error", str(error)
        except OutputClosed:
            return "end", None
        return ("signal" if self.stop() else "end"), None

    def items(self) -> Iterator[tuple[Frame | Unreadable | SourceEvent, float]]:
        """Yield items with the milliseconds that the loop waited for each."""
        frames = iter(self.camera)
        while True:
            asked = self.clock.monotonic()
            item = next(frames, None)
            if item is None:
                return
            yield item, (self.clock.monotonic() - asked) * 1e3

    def is_paused(self, frame: Frame) -> bool:
        """Return whether the loop is paused from outside; also apply a threshold and smoothing set from outside."""
        if self.control is None:
            return False
        changed, threshold = self.control.take_threshold()
        if changed and self.decider is not None:
            self.decider.set_threshold(threshold)
            self.threshold = self.decider.ask_threshold
            if self.scene is not None:
                self.scene.set_threshold(self.decider.shown_threshold)
        smooth = self.control.smooth
        if self.decider is not None and smooth is not None and smooth != self.decider.smooth:
            self.all_left()
            self.decider.set_smooth(smooth)
            self.top, self.threshold = self.decider.ask_top, self.decider.ask_threshold
        if self.scene is not None and self.control.shapes != self.scene.shapes:
            self.emit_tracks(self.scene.set_shapes(self.control.shapes, frame.index))
        if self.control.paused:
            self.measures.still += 1
            self.answered(frame)
            self.all_left()
            if self.service is not None:
                self.service.recognized(lambda: "paused", self.measures.items)
        return self.control.paused

    def is_still(self, frame: Frame) -> bool:
        """Return whether a frame shows no motion; it then counts as having the previous prediction."""
        if self.gate is None:
            return False
        asked = self.clock.monotonic()
        moved = self.gate.moved(frame)
        self.measures.looked_for_motion((self.clock.monotonic() - asked) * 1e3)
        if not moved:
            self.measures.still += 1
            self.answered(frame)
            if self.scene is not None:
                self.scene.still(frame)
            self.emit(() if self.decider is None else self.decider.still(frame))
        return not moved

    def recognise(self, frame: Frame, read_ms: float) -> None:
        """Predict one frame and pass the result, or the failure, to the sinks."""
        try:
            self.stop.predictions += 1
            prediction = self.model.predict(frame, self.top, self.threshold)
        except (EngineError, BadInput) as error:
            self.engine_errors += 1
            self.last_error = str(error)
            log.debug("frame %d: no prediction: %s", frame.index, error)
            if self.gate is not None:
                self.gate.forget()
            self.failed(Unreadable(frame.index, frame.source, self.last_error))
            return
        finally:
            self.stop.predictions += 1
        self.engine_errors = 0
        self.answered(frame)
        happened: tuple[TrackEvent, ...] = ()
        if self.scene is not None:
            prediction, happened = self.scene.update(frame, prediction)
        named: tuple[Recognition, ...] = ()
        if self.second is not None:
            prediction, named = self.second.update(frame, prediction)
        done = self.clock.monotonic()
        shown = prediction if self.decider is None else self.decider.show(frame, prediction)
        self.measures.recognized(frame, shown, read_ms, done)
        self.write(frame, shown, done)
        self.emit(() if self.decider is None else self.decider.changes(frame, prediction))
        self.emit_tracks(happened)
        self.emit_recognitions(named)
        self.tell_first(shown)
        self.after_inference()

    def answered(self, frame: Frame) -> None:
        """Record the frame's time, not its pixels: a camera may reuse those."""
        self.last = (frame.index, frame.position_s if frame.captured_at is None else frame.captured_at)

    def write(self, frame: Frame, prediction: Prediction, since: float) -> None:
        """Write the result to all sinks."""
        self.outputs.write(frame, prediction)
        self.measures.written((self.clock.monotonic() - since) * 1e3)

    def tell_first(self, shown: Prediction) -> None:
        """Report a service's first prediction as an event, before systemd receives READY."""
        if self.service is not None and not self.service.ready:
            from ..sinks.text_lines import describe

            self.outputs.event("first_answer", describe(shown))

    def after_inference(self) -> None:
        """Check the machine and feed the watchdog after a real inference."""
        for name in self.measures.look():
            from ..system.throttling import ADVICE

            self.outputs.event("throttled", f"{name}: {ADVICE[name]}")
        if self.watch is not None and (alarm := self.watch.take_alarm()) is not None:
            self.outputs.drift(alarm)
        if self.releases is not None and (change := self.releases.look(self.clock.monotonic())) is not None:
            self.outputs.release(change)
        if self.service is not None:
            self.service.recognized(lambda: self.measures.snapshot().describe()[0], self.measures.items, self.health)

    def health(self) -> dict[str, Any]:
        """Return what health.json says beside frames and rate: temperature, drift, and the last event."""
        from .health_file import details

        return details(self.measures.snapshot(), self.outputs.newest)

    def noticed(self, notice: SourceEvent) -> None:
        """Report an event of the source; what was present may be gone when the source comes back."""
        if notice.kind == "camera_back":
            self.measures.reconnects += 1
        self.outputs.event(notice.kind, notice.detail)
        if self.service is not None:
            self.service.say(f"{notice.kind}: {notice.detail}")
        if self.gate is not None:
            self.gate.forget()
        self.all_left()

    def all_left(self) -> None:
        """Report everything present as left, as of the last frame."""
        if self.last is None:
            return
        if self.scene is not None:
            self.emit_tracks(self.scene.end(self.last[0]))
        if self.decider is not None:
            self.emit(self.decider.end(*self.last))

    def emit(self, changes: tuple[Change, ...]) -> None:
        """Report what came and went."""
        for change in changes if self.tell_changes else ():
            self.outputs.change(change, self.camera.live)

    def emit_tracks(self, happened: tuple[TrackEvent, ...]) -> None:
        """Report what crossed lines, and entered and left zones."""
        for event in happened:
            self.outputs.track_event(event, self.camera.live)

    def emit_recognitions(self, named: tuple[Recognition, ...]) -> None:
        """Report what the second model recognized."""
        for one in named:
            crop = None if self.scene is None else self.scene.crop(one.track)
            self.outputs.recognized(one, crop, self.camera.live)

    def failed(self, error: Unreadable) -> None:
        """Count and report an item without a prediction."""
        self.measures.errors += 1
        self.outputs.error(error)

    def end(self) -> None:
        """Finish all output before closing the camera, which may take a while or forever."""
        self.measures.end()
        if self.service is not None:
            self.service.stopping()
        with suppress(OutputClosed):
            self.all_left()
        self.outputs.close()
        if self.watch is not None:
            self.watch.close()
        if not self.stop():
            self.camera.close()
        self.stop.wait(CLOSE_S)

    def summary(self, ending: Ending, message: str | None) -> RunSummary:
        """Return the summary of the whole run."""
        from dataclasses import fields

        from ..telemetry.snapshot import Snapshot
        from ..telemetry.summary import (  # late: the first prediction does not wait for it
            RunSummary,
            engine_facts,
            model_facts,
        )

        snapshot = self.measures.snapshot()
        values = {field.name: getattr(snapshot, field.name) for field in fields(Snapshot)}
        values["throttled"] = self.measures.throttled_so_far
        return RunSummary(
            **values,
            model=model_facts(self.model),
            source=self.camera.spec,
            engine=engine_facts(self.model.engine, self.model.choice),
            stopped_by=ending,
            message=message,
            counts={
                one.name: {"forward": one.forward, "backward": one.backward}
                for one in (() if self.scene is None else self.scene.counts)
            },
        )
