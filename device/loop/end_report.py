"""The end of ``edgevision run``: counts, the summary file, the exit status and the suggested next command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edgevision.errors import BadInput, EdgeVisionError
from edgevision.files.atomic import write_text
from edgevision.files.run_folder import dump
from edgevision.next_command import command, has_camera, run_command, shown_source

if TYPE_CHECKING:
    from edgevision.model import Model

    from ..telemetry.summary import RunSummary
    from .options import Options
    from .stop import Stop


def report(options: Options, model: Model, summary: RunSummary, stop: Stop, note: Callable[[str], None]) -> int:
    """Report how the run went, write the summary if requested, return the exit status. Raises EdgeVisionError on failure."""
    for line in summary.describe():
        note(line)
    if options.summary is not None:
        write_text(options.summary, dump(summary.to_json(), 1) + "\n")
        note(f"summary: {options.summary}")
    if options.contact_sheet is not None and options.contact_sheet.exists():
        note(f"contact sheet: {options.contact_sheet}")
    if summary.message is not None:
        raise EdgeVisionError(summary.message)
    if summary.stopped_by == "signal":
        return stop.exit_code
    _refuse_loss(summary)
    note(f"next: {_next_command(options, model)}")
    return 0


def _refuse_loss(summary: RunSummary) -> None:
    """Raise if a run ended by itself without results, or lost results."""
    if summary.frames == 0 and summary.errors:
        raise BadInput(f"no frame of {summary.source} could be processed: {summary.errors} errors, listed above")
    for sink in summary.sinks:
        recovered = sink.errors == sink.retried and not sink.dropped and not sink.down
        if sink.errors and not recovered:
            raise EdgeVisionError(f"writing to the {sink.spec} output failed {sink.errors} times: {sink.message}")


RECORD = Path("run.json")
"""File that the proposed command writes its summary to, unless it exists."""


def _next_command(options: Options, model: Model) -> str:
    state = ("--state", options.state) if options.state is not None else ()
    if options.source is not None and has_camera():
        return run_command(model.path, *state)
    record = () if RECORD.exists() else ("--summary", RECORD)
    used = ("--camera", options.camera or "0") if options.source is None else ("--source", options.source)
    return command("run", model.path, used[0], shown_source(used[1]), *state, "--json", *record)
