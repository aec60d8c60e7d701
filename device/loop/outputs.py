"""The outputs of a run: which ones its options request, and all of them as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgevision.log import Log

from ..sinks.line_writer import LineWriter
from ..stream.events import Event, OutputClosed
from ..system.clock import Clock, rfc3339

if TYPE_CHECKING:
    from edgevision.model import Model
    from edgevision.postprocessing.temporal import Change
    from edgevision.types import Frame, Prediction

    from ..cascade.recognition import Recognition
    from ..drift.detector import Alarm
    from ..outputs.counts import Counts
    from ..stream.control import LoopControl
    from ..stream.events import ReleaseChange, Unreadable
    from ..stream.protocols import Sink, Source
    from ..telemetry.run_stats import RunStats
    from ..telemetry.snapshot import SinkCount
    from ..tracking.scene import TrackEvent
    from .options import Options, Terminal
    from .stop import Stop

log = Log("edgevision.outputs")
MAX_DISPLAY_ROWS = 10


def open_sinks(
    options: Options,
    terminal: Terminal,
    model: Model,
    camera: Source,
    stop: Stop,
    measures: RunStats,
    control: LoopControl | None,
    tracking: bool,
) -> list[Sink]:
    """Open all requested outputs, the one for results first; ``tracking``: whether lines and zones are possible."""
    sinks = [_main_sink(options, terminal, model, camera, stop, measures)]
    if options.contact_sheet is not None:
        from ..sinks.contact_sheet import ContactSheet

        sinks.append(ContactSheet(options.contact_sheet))
    if options.collect is not None:
        from edgevision.files.url_secrets import masked

        from ..collection.collector import Collector
        from ..collection.provenance import CollectedBy
        from ..collection.quota_store import Store

        threshold = model.card.threshold if options.threshold is None else options.threshold
        by = CollectedBy(options.camera_name or masked(camera.spec), model.card.name, model.sha256)
        sinks.append(
            Collector(Store(options.collect, options.collect_quota), threshold, by=by, lossless=not camera.live)
        )
    counts = _counts(options, camera, control) if tracking and control is not None else None
    sinks += [] if counts is None else [counts]
    if options.outputs and control is not None:
        from ..outputs.open import open_outputs

        sinks += open_outputs(
            options.outputs, options.camera_name, model.card, camera, measures, control, counts=counts
        )
    log.info("outputs: %s", ", ".join(sink.spec for sink in sinks))
    return sinks


def _counts(options: Options, camera: Source, control: LoopControl) -> Counts:
    """Return what outputs know of lines and zones. Only totals of a live camera are kept."""
    from edgevision.files.state_folder import state_folder

    from ..outputs.counts import Counts, totals_file
    from ..outputs.open import host_slug

    path = totals_file(state_folder(options.state), options.camera_name or host_slug()) if camera.live else None
    return Counts(path, lambda: control.shapes)


def _main_sink(
    options: Options, terminal: Terminal, model: Model, camera: Source, stop: Stop, measures: RunStats
) -> Sink:
    """Return JSON lines on request, else a display on a terminal, else text lines; images always get lasting lines."""
    if terminal.may_paint and not options.as_json and not options.quiet and not is_pictures(camera):
        from ..sinks.live_display import LiveDisplay

        title = f"{model.card.name} · {camera.spec} · {camera.description}"
        return LiveDisplay(title, min(options.top, MAX_DISPLAY_ROWS), measures.snapshot, terminal.out)
    lines = LineWriter(terminal.out.fileno(), lossless=not camera.live, stopping=stop)
    event_lines = lines if options.events else _beside(terminal, stop)
    label_events = options.events or not options.quiet
    if options.as_json:
        from ..sinks.jsonl import JsonLines

        still = (lambda: measures.still) if options.on_motion else None
        return JsonLines(
            lines, event_lines, lambda: camera.dropped, masks=options.masks, still=still, label_events=label_events
        )
    from ..sinks.text_lines import PlainLines

    return PlainLines(lines, terminal.note, event_lines, label_events=label_events)


def _beside(terminal: Terminal, stop: Stop) -> Callable[[str], None]:
    """Return a writer to stderr that drops lines nobody reads: the loop waits only for results."""
    lines = LineWriter(terminal.err.fileno(), lossless=False, stopping=stop)

    def tell(line: str) -> None:
        with suppress(OutputClosed, OSError):
            lines(line)

    return tell


def is_pictures(camera: Source) -> bool:
    """Return whether a source is single images, without time between them."""
    from edgevision.preprocessing import SUFFIX_KIND

    return not camera.live and (Path(camera.spec).is_dir() or Path(camera.spec).suffix.lower() in SUFFIX_KIND)


class _Guarded:
    """A sink with its counts."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.spec = sink.spec or type(sink).__name__
        self.written = 0
        self.errors = 0
        self.down = False
        self.message: str | None = None

    def count(self) -> SinkCount:
        from ..telemetry.snapshot import SinkCount

        written = self.written if self.sink.written is None else self.sink.written
        message = self.sink.problem or self.sink.last_problem or self.message
        errors = self.errors + self.sink.failures
        # A sink on a thread of its own may have recovered since the last frame, where ``down`` was set.
        down = self.sink.problem is not None or (self.down and self.errors > 0)
        sink = self.sink
        return SinkCount(
            spec=self.spec,
            written=written,
            dropped=sink.dropped,
            errors=errors,
            message=message,
            waiting=sink.waiting,
            down=down,
            memory_bytes=sink.memory_bytes,
            retried=sink.failures,
        )


class Outputs:
    """Passes every result to every sink. A failing sink is counted and reported, and never stops the others."""

    def __init__(self, sinks: Sequence[Sink], clock: Clock) -> None:
        self._guarded = [_Guarded(sink) for sink in sinks]
        self._clock = clock
        self._index: int | None = None
        self.newest: Event | None = None
        """Event that was reported last."""

    def write(self, frame: Frame, prediction: Prediction) -> None:
        """Write one frame's result to all sinks. Raises OutputClosed."""
        self._index = frame.index
        for one in self._guarded:
            if self._try(one, one.sink.write, frame, prediction):
                one.written += 1
                self._look(one)

    def error(self, error: Unreadable) -> None:
        """Report an item that takes a frame's place. Raises OutputClosed."""
        self._index = error.index
        for one in self._guarded:
            self._try(one, one.sink.error, error)

    def event(self, kind: str, detail: str) -> None:
        """Report something that happened in the loop. Raises OutputClosed."""
        self._tell(Event(kind, rfc3339(self._clock.wall()), self._index, detail))

    def change(self, change: Change, live: bool) -> None:
        """Report a label that came or went; ``live``: its time is the capture time. Raises OutputClosed."""
        age_s = self._clock.monotonic() - change.at if live and change.at is not None else 0.0
        self._tell(
            Event(
                change.kind,
                rfc3339(self._clock.wall() - age_s),
                change.index,
                _detail(change),
                change.label,
                change.before,
                change.duration_s,
                None if live else change.at,
            )
        )

    def track_event(self, event: TrackEvent, live: bool) -> None:
        """Report a track that crossed a line or changed a zone; ``live``: its time is a capture time. Raises OutputClosed."""
        from .track_events import event_of

        self._tell(event_of(event, self._clock, live))

    def recognized(self, found: Recognition, crop: Frame | None, live: bool) -> None:
        """Report what the second model recognized, with the best image of it. Raises OutputClosed."""
        from .track_events import recognized

        self._tell(recognized(found, crop, self._clock, live))

    def drift(self, alarm: Alarm) -> None:
        """Report that what the camera sees has moved. Raises OutputClosed."""
        detail = (
            f"the {alarm.measure} of the last hour are {alarm.value:.2f} from those of the first days, usual is at most "
            f"{alarm.expected:.2f}; check lens, mount and light, or accept what is new: edgevision drift --reset"
        )
        now = rfc3339(self._clock.wall())
        self._tell(Event("drift", now, self._index, detail, **alarm._asdict()))

    def release(self, change: ReleaseChange) -> None:
        """Report that the release of this device changed. Raises OutputClosed."""
        now = rfc3339(self._clock.wall())
        self._tell(Event("release", now, self._index, change.describe(), release=change))

    def _tell(self, event: Event) -> None:
        self.newest = event
        for one in self._guarded:
            self._try(one, one.sink.event, event)

    def close(self) -> None:
        """Close all sinks, the last first; failures are counted as for ``write``."""
        for one in reversed(self._guarded):
            with suppress(OutputClosed):
                self._try(one, one.sink.close)

    def counts(self) -> tuple[SinkCount, ...]:
        """Return the counts of each sink."""
        return tuple(one.count() for one in self._guarded)

    def _try(self, one: _Guarded, call: Callable[..., None], *args: Any) -> bool:
        try:
            call(*args)
        except OutputClosed:
            raise
        except Exception as error:  # no failure of a sink may stop the loop
            self._failed(one, error)
            return False
        return True

    def _look(self, one: _Guarded) -> None:
        """Report the state of a sink that raised nothing: it may work on a thread of its own."""
        if one.sink.problem is not None:
            self._down(one, one.sink.problem)
        elif one.down:
            one.down = False
            log.info("%s works again after %d errors", one.spec, one.errors + one.sink.failures)
            self.event("output_up", f"{one.spec} works again")

    def _failed(self, one: _Guarded, error: Exception) -> None:
        one.errors += 1
        log.debug("%s failed: %s", one.spec, type(error).__name__)
        self._down(one, str(error) or type(error).__name__)

    def _down(self, one: _Guarded, message: str) -> None:
        one.message = message
        if not one.down:
            one.down = True
            log.info("%s failed: %s", one.spec, message)
            self.event("output_down", f"{one.spec}: {message}")


def _detail(change: Change) -> str:
    """Format ``cat 0.81`` or ``cat -> dog 0.77 after 3.2 s``; a label that left has no score."""
    score = "" if change.kind == "left" else f" {change.label.score:.2f}"
    duration = "" if change.duration_s is None else f" after {change.duration_s:.1f} s"
    return f"{change.describe()}{score}{duration}"
