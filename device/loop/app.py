"""Sets up and runs the loop of ``edgevision run``: opens model, camera and outputs, and reports the end."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgevision.engines.protocol import EngineChoice
from edgevision.errors import BadInput
from edgevision.files.atomic import require_absent, require_file
from edgevision.log import Log
from edgevision.model import Model, open_model
from edgevision.types import DEFAULT_MAX_PIXELS

from ..cameras.registry import open_camera, open_source
from ..cameras.wrappers.cancellable_open import Opening
from ..system.clock import SYSTEM
from ..telemetry.run_stats import RunStats, dump_stats_on_sigusr1
from .loop import run
from .options import DEFAULT_CAMERA
from .outputs import is_pictures, open_sinks
from .stop import Stop, ended_by_signals

if TYPE_CHECKING:
    from ..cascade.second_model import SecondModel
    from ..drift.watch import DriftWatch
    from ..stream.control import LoopControl
    from ..stream.protocols import Predictor, Source
    from ..telemetry.summary import RunSummary
    from ..tracking.scene import TrackedScene
    from .motion_gate import MotionGate
    from .options import Options, Terminal
    from .release_watch import ReleaseWatch
    from .sd_notify import Service
    from .temporal_filter import TemporalFilter

log = Log("edgevision.loop")


def launch(options: Options, terminal: Terminal, started: float | None = None, config: Path | None = None) -> int:
    """Run the loop and return the exit status. Raises EdgeVisionError on any failure.

    ``started``: when the command started, in seconds of the monotonic clock. ``config``: the configuration file, in which
    the live page may save settings.
    """
    _check_outputs(options)
    _check_tracking(options)
    for option, output in (("--summary", options.summary), ("--contact-sheet", options.contact_sheet)):
        if output is not None:
            # A service starts again and again, and nobody is there to remove what an earlier run left.
            require_absent(output, options.overwrite or "NOTIFY_SOCKET" in os.environ, option)
    _silence_opencv()
    if options.max_pixels != DEFAULT_MAX_PIXELS:
        from edgevision.preprocessing.pixel_limit import set_max_pixels  # cameras and videos do without

        set_max_pixels(options.max_pixels)
    note = _quiet if options.quiet else terminal.note
    stop = Stop()
    with (
        ended_by_signals(stop),
        open_model(_model_path(options), engine=options.engine, threads=options.threads) as model,
        _second(options, model) as second,
    ):
        tracking = _is_tracking(options, model)
        # Open the camera last: frames captured while a model loads would be stale when the loop starts.
        service = _service()
        if service is not None:
            service.waiting_for("camera")
        camera = _open(options, model, stop)
        if service is not None:
            service.waiting_for(None)
        if camera is None:
            note("stopped before the first frame")
            return _leave(stop, terminal, stop.exit_code)
        summary = _run(
            options, terminal, model, camera, stop, RunStats(SYSTEM, started), config, tracking, second, service
        )
        from .end_report import report  # imported late: the first prediction does not wait for it

        return _leave(stop, terminal, report(options, model, summary, stop, note))


def _run(
    options: Options,
    terminal: Terminal,
    model: Model,
    camera: Source,
    stop: Stop,
    measures: RunStats,
    config: Path | None,
    tracking: bool,
    second: SecondModel | None,
    service: Service | None,
) -> RunSummary:
    """Run the loop with everything around it; always closes the camera."""
    note = _quiet if options.quiet else terminal.note
    runs: Predictor = model
    try:
        taught = _know_taught(options, model)
        _say_what_runs(options, model, camera, note)
        if taught:
            note(f"taught: {', '.join(taught)}")
        control = _control(options)
        watch = _drift(options, model, camera, measures, control)
        releases = _releases(options, service, measures)
        sinks = open_sinks(options, terminal, model, camera, stop, measures, control, tracking)
        if options.page is not None and control is not None:
            from .page import open_live_page

            camera, runs, live = open_live_page(options, model, camera, measures, control, config, terminal, sinks)
            sinks.append(live)
        decider, gate = _decider(options, model, tracking), _gate(options, service)
        scene = _scene(options, decider) if tracking else None
    except BaseException:
        camera.close()
        raise
    gc.freeze()  # exempt existing objects: collections then only scan the loop's own garbage
    gc.enable()
    with dump_stats_on_sigusr1(measures, options.as_json, terminal.err.fileno()):
        return run(
            camera,
            runs,
            sinks,
            limit=options.limit,
            stop=stop,
            measures=measures,
            decider=decider,
            gate=gate,
            service=service,
            control=control,
            scene=scene,
            second=second,
            watch=watch,
            releases=releases,
            tell_changes=_tells_changes(options, camera),
        )


def _control(options: Options) -> LoopControl | None:
    """Return what outputs may change while the loop runs; None without any."""
    if not options.outputs and options.page is None:
        return None
    from ..stream.control import LoopControl
    from .tracking import shapes_of

    return LoopControl(options.threshold, options.smooth, options.roi, shapes_of(options))


def _drift(
    options: Options, model: Model, camera: Source, measures: RunStats, control: LoopControl | None
) -> DriftWatch | None:
    if not options.drift:
        return None
    from .drift import open_watch

    return open_watch(options, model, camera, measures, control)


def _releases(options: Options, service: Service | None, measures: RunStats) -> ReleaseWatch | None:
    """Return what notices another release of this device; None unless this is the service of a release."""
    if service is None:
        return None
    from .release_file import ReleaseFile, state_file

    state = state_file()
    if not state.exists():
        return None
    from edgevision.files.state_folder import state_folder

    from .release_watch import ReleaseWatch

    measures.release = ReleaseFile(state).status
    return ReleaseWatch(state_folder(options.state), state)


def _tells_changes(options: Options, camera: Source) -> bool:
    """Return whether labels that come and go are reported. Single images have no time between them."""
    # With --quiet, only errors are printed, but what takes events still needs them.
    taken = bool(options.outputs) or options.page is not None or options.collect is not None
    wanted = not options.quiet or taken
    return options.events or (wanted and not is_pictures(camera))


def _check_outputs(options: Options) -> None:
    """Raise MissingDependency or BadInput before anything is opened if an output cannot work here."""
    if options.page is not None:
        from ..page.opened import require_libraries as require_page

        require_page()
    if options.outputs:
        from ..outputs.registry import require_distinct, require_libraries

        require_distinct(options.outputs)
        for one in options.outputs:
            require_libraries(one)


def _know_taught(options: Options, model: Model) -> tuple[str, ...]:
    """Load the classes taught to this model on this device, and return their names."""
    from edgevision.files.state_folder import state_folder, taught_file

    folder = state_folder(options.state)
    if not taught_file(model.sha256, folder).exists():
        return ()
    from ..teach.apply import load_taught_classes

    return load_taught_classes(model, folder)


def _model_path(options: Options) -> Path:
    """Return the requested model, else the newest converted one, else the bundled default model."""
    if options.model is not None:
        return require_file(options.model, "model")
    from edgevision import default_model
    from edgevision.files.run_folder import newest

    found = newest(options.runs, "convert-*/*.tflite")
    log.info("no model given; newest in %s: %s", options.runs, found or "none, so the bundled default model")
    return found or require_file(default_model.path(), "bundled default model")


def _open(options: Options, model: Model, stop: Stop) -> Source | None:
    """Open the camera or source; return None if a stop was requested first: a driver may hang forever."""
    # Collected photos are for training, perhaps of a larger network: cameras must then decode all pixels.
    request = options.capture_request
    # So are the files of clips and snapshots for people, who see more than the model needs.
    whole = (
        _keeps_images(options)
        or options.collect is not None
        or options.then is not None  # crops need every pixel
        or (options.page is not None and options.roi is not None)
    )
    wanted = replace(request, preprocessing=None if whole else model.preprocessing)
    if options.page is not None:
        wanted = replace(wanted, roi=None)  # the page changes it while the loop runs

    camera = options.camera or DEFAULT_CAMERA

    def attempt() -> Source:
        if options.source is not None:
            return open_source(options.source, wanted=wanted)
        return open_camera(camera, wanted=wanted)

    opening = Opening(attempt, options.source or camera)
    stop.on_request(opening.abandon)
    if stop():
        return None
    return opening.wait()


def _keeps_images(options: Options) -> bool:
    """Return whether an output stores images for people."""
    if not options.outputs:
        return False
    from ..outputs.registry import find

    return any(find(one.kind).whole_images for one in options.outputs)


def _leave(stop: Stop, terminal: Terminal, code: int) -> int:
    """Return the exit status; exit at once if a camera hangs in its driver: Python would wait for it, or crash in it."""
    if not stop.wait(0.0):
        with suppress(OSError):
            terminal.flush()
        os._exit(code)
    return code


def _service() -> Service | None:
    """Return the service manager or container that started this process; None if there is none, as on a terminal."""
    if os.environ.keys().isdisjoint(("NOTIFY_SOCKET", "RUNTIME_DIRECTORY")):
        return None
    from .sd_notify import from_environment

    return from_environment()


def _check_tracking(options: Options) -> None:
    """Raise BadInput for names of lines and zones that are used twice, and for options that lack another one."""
    if options.of and options.then is None:
        raise BadInput("--of needs a second model: --then CLASSIFIER.tflite")
    if options.count_lines or options.zones:
        from .tracking import shapes_of

        shapes_of(options)


def _is_tracking(options: Options, model: Model) -> bool:
    """Return whether objects are tracked, or may be later. Raises BadInput if the model cannot do what was requested."""
    wanted = options.track or options.track_labels or options.count_lines or options.zones or options.then
    if not wanted and options.page is None:
        return False  # without imports
    from .tracking import is_possible

    return is_possible(options, model.card)


def _scene(options: Options, decider: TemporalFilter) -> TrackedScene:
    from .tracking import open_scene

    return open_scene(options, decider)


@contextmanager
def _second(options: Options, model: Model) -> Iterator[SecondModel | None]:
    """Open the second model, and close it at the end; None without one. Raises BadInput if it does not fit."""
    if options.then is None:
        yield None
        return
    from ..cascade.second_model import SecondModel, check

    engine = "cpu" if options.engine == "cpu" else "auto"  # an Edge TPU runs what is compiled for it, the CPU the rest
    with open_model(require_file(options.then, "second model"), engine=engine, threads=options.threads) as classifier:
        check(classifier, model.card, options.of)
        yield SecondModel(classifier, options.of)


def _decider(options: Options, model: Model, tracking: bool) -> TemporalFilter:
    from .temporal_filter import filter_for

    floor: float | None = None
    if tracking:
        from ..tracking.tracker import WEAKEST

        floor = WEAKEST
    return filter_for(model.card, smooth=options.smooth, threshold=options.threshold, top=options.top, floor=floor)


def _gate(options: Options, service: Service | None) -> MotionGate | None:
    """The watchdog is fed only after real inference, so that must happen often enough."""
    if not options.on_motion:
        return None
    from .motion_gate import LOOK_AGAIN_S, MotionGate

    watchdog_s = None if service is None else service.watchdog_s
    look_again_s = LOOK_AGAIN_S if watchdog_s is None else min(LOOK_AGAIN_S, watchdog_s / 4)
    log.info("the model runs when the image changes, and at least every %g s", look_again_s)
    return MotionGate(look_again_s)


def _say_what_runs(options: Options, model: Model, camera: Source, note: Callable[[str], None]) -> None:
    engine = model.engine
    labels = f"{len(model.card.labels)} labels"
    choice = model.choice or EngineChoice()
    where = f"{engine.runtime} on the CPU" if choice.used == "cpu" else f"{choice.used} under {engine.runtime}"
    threads = "" if engine.threads is None else f", {engine.threads} threads"
    note(f"model: {model.path} ({model.card.name}, {labels}), {where}{threads}")
    if choice.fallback_reason:
        note(f"note: running on the CPU because {choice.fallback_reason}")
    if not model.has_card:
        note(
            f"note: {model.path} has no model card; used instead: {model.recognized}; "
            f"to keep or change it: edgevision card {model.path} ... -o OUT.tflite"
        )
    note(f"source: {camera.spec} ({camera.description})")
    if options.model is None:
        from edgevision import default_model

        if model.path == default_model.path():
            note(f"note: {default_model.describe(model.card)}; for your own things: edgevision train PHOTOS/")


def _silence_opencv() -> None:
    """Silence OpenCV and FFMPEG, whose warnings go to stderr: here each error is reported once, in one line."""
    if os.environ.get("EDGEVISION_DEBUG") == "1":
        return
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET
    from edgevision.preprocessing.native_log import silence

    silence()


def _quiet(_: str) -> None:
    """Write nothing."""
