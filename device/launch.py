"""Everything around the loop of ``edgevision run``: opens what was named, chooses the output, says how it ended."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgevision import ready
from edgevision.files import require_absent, require_file
from edgevision.model import Model, open_model

from .cameras.table import open_camera, open_source
from .pipeline import run
from .stop import Stop, ended_by_signals

if TYPE_CHECKING:
    from edgevision.protocols import Sink

    from .protocols import Source

MAX_DISPLAY_ROWS = 10


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line said."""

    model: Path | None
    """None: the newest converted one."""
    camera: str | None
    source: str | None
    """At most one of camera and source; neither: camera 0."""
    top: int
    threshold: float | None
    limit: int | None
    threads: int | None
    as_json: bool
    events: bool
    """Events go to stdout, among the results."""
    quiet: bool
    summary: Path | None
    overwrite: bool
    runs: Path


def launch(options: Options, started: float | None = None) -> int:
    """Runs the loop as the options say; the exit status. Raises EdgeVisionError for whatever went wrong."""
    if options.summary is not None:
        require_absent(options.summary, options.overwrite)
    _tame_opencv()
    path = _model_path(options)
    # The camera last: what it captures while a model is loaded would be old when the loop begins.
    with open_model(path, threads=options.threads) as model, closing(_open(options)) as camera:
        note = _quiet if options.quiet else _note
        _say_what_runs(model, camera, note)
        if options.model is None and path == ready.path():
            note(f"note: {ready.describe(model.card)}; for your own things: edgevision train PHOTOS/")
        stop = Stop()
        with ended_by_signals(stop):
            summary = run(
                camera,
                model,
                [_sink(options, model, camera, stop)],
                limit=options.limit,
                top=options.top,
                threshold=options.threshold,
                stop=stop,
                started=started,
            )
        from .ending import report  # late, as all that the first prediction need not wait for

        return report(options, model, summary, stop, note)


def _model_path(options: Options) -> Path:
    """What was asked for, else the newest converted one, else the one that comes along."""
    if options.model is not None:
        return require_file(options.model, "model")
    from edgevision.runs import newest

    return newest(options.runs, "convert-*/*.tflite") or require_file(ready.path(), "model that comes along")


def _open(options: Options) -> Source:
    if options.source is not None:
        return open_source(options.source)
    return open_camera(options.camera or "0")


def _say_what_runs(model: Model, camera: Source, note: Callable[[str], None]) -> None:
    runtime = getattr(model.engine, "runtime", "an engine")
    threads = getattr(model.engine, "threads", None)
    labels = f"{len(model.card.labels)} labels"
    note(f"model: {model.path} ({model.card.name}, {labels}), {runtime} on the CPU, {threads} threads")
    if not model.carded:
        size = f"{model.rule.width}x{model.rule.height}"
        note(f"note: {model.path} has no card; as MediaPipe does, the whole picture is stretched to {size}")
    note(f"source: {camera.spec} ({getattr(camera, 'description', 'camera')})")


def _sink(options: Options, model: Model, camera: Source, stop: Stop) -> Sink:
    """JSON lines when asked, a display on a terminal; plain lines elsewhere, and for pictures: those must stay."""
    from .sinks.lines import LineWriter

    if _can_paint() and not options.as_json and not options.quiet and not _is_pictures(camera):
        from .sinks.live import LiveDisplay

        title = f"{model.card.name} · {camera.spec} · {getattr(camera, 'description', '')}"
        return LiveDisplay(title, min(options.top, MAX_DISPLAY_ROWS), lambda: camera.dropped)
    lines = LineWriter(sys.stdout.fileno(), lossless=not camera.live, stopping=stop)
    event_lines = lines if options.events else _note
    if options.as_json:
        from .sinks.jsonl import JsonLines

        return JsonLines(lines, event_lines, lambda: camera.dropped)
    from .sinks.plain import PlainLines

    return PlainLines(lines, _note, event_lines)


def _can_paint() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _is_pictures(camera: Source) -> bool:
    from edgevision.pictures import SUFFIXES

    return not camera.live and (Path(camera.spec).is_dir() or Path(camera.spec).suffix.lower() in SUFFIXES)


def _tame_opencv() -> None:
    """OpenCV and FFMPEG would write warnings of their own to stderr; here each fault is said once, in one line."""
    if os.environ.get("EDGEVISION_DEBUG") == "1":
        return
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET
    from edgevision.opencv_log import silence

    silence()


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _quiet(_: str) -> None:
    """Says nothing."""
