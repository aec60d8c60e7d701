"""Everything around the loop of ``edgevision run``: opens what was named, chooses the output, says how it ended."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgevision import ready
from edgevision.engines.choice import Choice
from edgevision.files import require_absent, require_file
from edgevision.model import Model, open_model

from .cameras.opening import Opening
from .cameras.table import open_camera, open_source
from .clock import SYSTEM
from .measures import Measures
from .open_sinks import is_pictures, open_sinks
from .pipeline import run
from .service import from_environment
from .status import told_on_request
from .stop import Stop, ended_by_signals

if TYPE_CHECKING:
    from .decider import Decider
    from .motion import MotionGate
    from .options import Options
    from .protocols import Source
    from .service import Service
    from .summary import RunSummary


def launch(options: Options, started: float | None = None) -> int:
    """Runs the loop as the options say; the exit status. Raises EdgeVisionError for whatever went wrong."""
    for option, output in (("--summary", options.summary), ("--contact-sheet", options.contact_sheet)):
        if output is not None:
            require_absent(output, options.overwrite, option)
    _tame_opencv()
    note = _quiet if options.quiet else _note
    stop = Stop()
    with (
        ended_by_signals(stop),
        open_model(_model_path(options), engine=options.engine, threads=options.threads) as model,
    ):
        # The camera last: what it captures while a model is loaded would be old when the loop begins.
        camera = _open(options, model, stop)
        if camera is None:
            note("stopped before the first frame")
            return _leave(stop, stop.exit_code)
        summary = _run(options, model, camera, stop, note, Measures(SYSTEM, started))
        from .ending import report  # late, as all that the first prediction need not wait for

        return _leave(stop, report(options, model, summary, stop, note))


def _run(
    options: Options, model: Model, camera: Source, stop: Stop, note: Callable[[str], None], measures: Measures
) -> RunSummary:
    """The loop with all that goes along with it; closes the camera, whatever happens."""
    try:
        taught = _know_taught(options, model)
        _say_what_runs(options, model, camera, note)
        if taught:
            note(f"taught: {', '.join(taught)}")
        service = from_environment()
        sinks = open_sinks(options, model, camera, stop, measures, _note)
        decider, gate = _decider(options, model), _gate(options, service)
    except BaseException:
        camera.close()
        raise
    gc.freeze()  # what is there now stays: the loop's own garbage is found without looking through it
    gc.enable()
    with told_on_request(measures, options.as_json):
        return run(
            camera,
            model,
            sinks,
            limit=options.limit,
            stop=stop,
            measures=measures,
            decider=decider,
            gate=gate,
            service=service,
            # Pictures have no time between them; and who wants quiet hears of faults alone.
            tell_changes=options.events or not (options.quiet or is_pictures(camera)),
        )


def _know_taught(options: Options, model: Model) -> tuple[str, ...]:
    """The names of what was taught to this model on this device; from now on it knows them."""
    from .state import state_folder, taught_file

    folder = state_folder(options.state)
    if not taught_file(model.sha256, folder).exists():
        return ()
    from .teach.known import know_taught

    return know_taught(model, folder)


def _model_path(options: Options) -> Path:
    """What was asked for, else the newest converted one, else the one that comes along."""
    if options.model is not None:
        return require_file(options.model, "model")
    from edgevision.runs import newest

    return newest(options.runs, "convert-*/*.tflite") or require_file(ready.path(), "model that comes along")


def _open(options: Options, model: Model, stop: Stop) -> Source | None:
    """The camera or source; None where somebody asked for the end before it was open: a driver may hang for ever."""
    # Collected photos are for training, perhaps of a larger network: then no camera may decode fewer pixels.
    wanted = replace(options.wanted, rule=model.rule if options.collect is None else None)

    def attempt() -> Source:
        if options.source is not None:
            return open_source(options.source, wanted=wanted)
        return open_camera(options.camera or "0", wanted=wanted)

    opening = Opening(attempt, options.source or options.camera or "0")
    stop.on_request(opening.abandon)
    if stop():
        return None
    return opening.wait()


def _leave(stop: Stop, code: int) -> int:
    """The exit status; at once where a camera hangs in its driver: Python would wait for it, or crash in it."""
    if not stop.wait(0.0):
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    return code


def _decider(options: Options, model: Model) -> Decider:
    from .decider import Decider

    return Decider(
        model.card.task,
        smooth=options.smooth,
        threshold=options.threshold,
        own=model.card.threshold,
        top=options.top,
    )


def _gate(options: Options, service: Service | None) -> MotionGate | None:
    """The watchdog is fed after real inference alone, so that must happen often enough."""
    if not options.on_motion:
        return None
    from .motion import LOOK_AGAIN_S, MotionGate

    watchdog_s = None if service is None else service.watchdog_s
    return MotionGate(LOOK_AGAIN_S if watchdog_s is None else min(LOOK_AGAIN_S, watchdog_s / 4))


def _say_what_runs(options: Options, model: Model, camera: Source, note: Callable[[str], None]) -> None:
    runtime = getattr(model.engine, "runtime", "an engine")
    threads = getattr(model.engine, "threads", None)
    labels = f"{len(model.card.labels)} labels"
    choice = model.choice or Choice()
    where = f"{runtime} on the CPU" if choice.used == "cpu" else f"{choice.used} under {runtime}"
    note(f"model: {model.path} ({model.card.name}, {labels}), {where}, {threads} threads")
    if choice.fallback_reason:
        note(f"note: on the CPU, because {choice.fallback_reason}")
    if not model.carded:
        size = f"{model.rule.width}x{model.rule.height}"
        note(f"note: {model.path} has no card; as MediaPipe does, the whole picture is stretched to {size}")
    note(f"source: {camera.spec} ({getattr(camera, 'description', 'camera')})")
    if options.model is None and model.path == ready.path():
        note(f"note: {ready.describe(model.card)}; for your own things: edgevision train PHOTOS/")


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
