"""Opens the outputs of a run according to its options."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..sinks.line_writer import LineWriter
from ..stream.events import OutputClosed

if TYPE_CHECKING:
    from edgevision.model import Model

    from ..stream.protocols import Sink, Source
    from ..telemetry.run_stats import RunStats
    from .options import Options
    from .stop import Stop

MAX_DISPLAY_ROWS = 10


def open_sinks(
    options: Options, model: Model, camera: Source, stop: Stop, measures: RunStats, note: Callable[[str], None]
) -> list[Sink]:
    """Open all requested outputs, the one for results first. ``note``: receives messages apart from the results."""
    sinks = [_main_sink(options, model, camera, stop, measures, note)]
    if options.contact_sheet is not None:
        from ..sinks.contact_sheet import ContactSheet

        sinks.append(ContactSheet(options.contact_sheet))
    if options.collect is not None:
        from ..collection.collector import Collector
        from ..collection.quota_store import Store

        threshold = model.card.threshold if options.threshold is None else options.threshold
        sinks.append(Collector(Store(options.collect, options.collect_quota), threshold))
    return sinks


def _main_sink(
    options: Options, model: Model, camera: Source, stop: Stop, measures: RunStats, note: Callable[[str], None]
) -> Sink:
    """Return JSON lines on request, else a display on a terminal, else text lines; images always get lasting lines."""
    if _can_paint() and not options.as_json and not options.quiet and not is_pictures(camera):
        from ..sinks.live_display import LiveDisplay

        title = f"{model.card.name} · {camera.spec} · {camera.description}"
        return LiveDisplay(title, min(options.top, MAX_DISPLAY_ROWS), measures.snapshot)
    lines = LineWriter(sys.stdout.fileno(), lossless=not camera.live, stopping=stop)
    event_lines = lines if options.events else _beside(stop)
    if options.as_json:
        from ..sinks.jsonl import JsonLines

        still = (lambda: measures.still) if options.on_motion else None
        return JsonLines(lines, event_lines, lambda: camera.dropped, masks=options.masks, still=still)
    from ..sinks.text_lines import PlainLines

    return PlainLines(lines, note, event_lines)


def _beside(stop: Stop) -> Callable[[str], None]:
    """Return a writer to stderr that drops lines nobody reads: the loop waits only for results."""
    lines = LineWriter(sys.stderr.fileno(), lossless=False, stopping=stop)

    def tell(line: str) -> None:
        with suppress(OutputClosed, OSError):
            lines(line)

    return tell


def _can_paint() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def is_pictures(camera: Source) -> bool:
    """Return whether a source is single images, without time between them."""
    from edgevision.preprocessing.decode import SUFFIXES

    return not camera.live and (Path(camera.spec).is_dir() or Path(camera.spec).suffix.lower() in SUFFIXES)
