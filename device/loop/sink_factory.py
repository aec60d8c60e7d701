"""Opens the outputs of a run according to its options."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from edgevision.log import Log

from ..sinks.line_writer import LineWriter
from ..stream.events import OutputClosed

if TYPE_CHECKING:
    from edgevision.model import Model

    from ..stream.protocols import Sink, Source
    from ..telemetry.run_stats import RunStats
    from .options import Options, Terminal
    from .stop import Stop

log = Log("edgevision.outputs")
MAX_DISPLAY_ROWS = 10


def open_sinks(
    options: Options, terminal: Terminal, model: Model, camera: Source, stop: Stop, measures: RunStats
) -> list[Sink]:
    """Open all requested outputs, the one for results first."""
    sinks = [_main_sink(options, terminal, model, camera, stop, measures)]
    if options.contact_sheet is not None:
        from ..sinks.contact_sheet import ContactSheet

        sinks.append(ContactSheet(options.contact_sheet))
    if options.collect is not None:
        from ..collection.collector import Collector
        from ..collection.quota_store import Store

        threshold = model.card.threshold if options.threshold is None else options.threshold
        sinks.append(Collector(Store(options.collect, options.collect_quota), threshold))
    log.info("outputs: %s", ", ".join(sink.spec for sink in sinks))
    return sinks


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
    if options.as_json:
        from ..sinks.jsonl import JsonLines

        still = (lambda: measures.still) if options.on_motion else None
        return JsonLines(lines, event_lines, lambda: camera.dropped, masks=options.masks, still=still)
    from ..sinks.text_lines import PlainLines

    return PlainLines(lines, terminal.note, event_lines)


def _beside(terminal: Terminal, stop: Stop) -> Callable[[str], None]:
    """Return a writer to stderr that drops lines nobody reads: the loop waits only for results."""
    lines = LineWriter(terminal.err.fileno(), lossless=False, stopping=stop)

    def tell(line: str) -> None:
        with suppress(OutputClosed, OSError):
            lines(line)

    return tell


def is_pictures(camera: Source) -> bool:
    """Return whether a source is single images, without time between them."""
    from edgevision.preprocessing.decode import SUFFIXES

    return not camera.live and (Path(camera.spec).is_dir() or Path(camera.spec).suffix.lower() in SUFFIXES)
