"""The detection demo from end to end, stage by stage."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from time import perf_counter

from edgevision.errors import GateNotMet
from edgevision.files import atomic, run_folder

from .. import backend
from ..progress import NoProgress, Progress
from ..report.detector_record import DetectorConvertReport
from ..synthetic.box_sets import draw_box_set
from ..training.config.request import TrainRequest
from ..training.config.settings import TrainSettings
from ..training.detector.result import DetectorResult
from ..training.detector.run import train_detector
from ..training.monitor.history import DetectorEpoch
from ..training.network.initial_weights import STARTER
from .conversion import convert_drawn
from .count_loop import CountResult, count_loop
from .detection_options import CLASSES, DetectionDemoOptions
from .detection_report import DetectionDemoReport
from .report import DemoFiles
from .teller import EpochBar, Teller, counter, cpu_seconds
from .traffic import TrafficClip, write_traffic

SPLITS = ("train", "val", "test", "clip")
"""Image sets; each is drawn from its own random stream."""


def run_detection_demo(
    options: DetectionDemoOptions,
    bar: Callable[[], AbstractContextManager[Progress]] = lambda: nullcontext(NoProgress()),
    tell: Callable[[str], None] = lambda text: None,
) -> DetectionDemoReport:
    """Run the demo and write everything to ``runs/demo-N``. Raises CannotWrite, LoopFailed and the errors of ``convert``.

    ``bar``: shows the progress of one stage. ``tell``: receives one line for each finished stage.
    ``ok`` of the report and the exit code in run.json tell whether the goal was met and the count exact.
    """
    started, teller = perf_counter(), Teller(bar, tell)
    with teller.stage("load", "Loading TensorFlow"):
        backend.tensorflow()  # first: if TensorFlow is missing, fail before writing anything
    run = run_folder.new_run(options.runs, "demo")
    with run:
        place = DemoFiles(run.folder)
        _draw(place, options, teller)
        training = _train(place, options, teller)
        conversion = convert_drawn(training.model, place, options.seed, teller)
        assert isinstance(conversion, DetectorConvertReport), "a detector was trained"
        clip = _film(place, options, teller)
        loop = _loop(place, clip, teller)
        seconds = {**teller.seconds, "total": round(perf_counter() - started, 2)}
        report = DetectionDemoReport(options, place, training, conversion, loop, seconds, cpu_seconds())
        atomic.write_text(place.report, run_folder.dump(report.to_json()) + "\n")
        run.outputs += place.names()
    if not report.ok:
        run.finish(GateNotMet.exit_code)  # all files are written, but the goal was missed
    return report


def _draw(place: DemoFiles, options: DetectionDemoOptions, teller: Teller) -> None:
    plan = options.plan
    with teller.stage("draw", "Drawing images", plan.pictures) as progress:
        step = counter(progress)
        for split, number in (("train", plan.train), ("val", plan.val), ("test", plan.test)):
            draw_box_set(place.pictures / split, CLASSES, number, _seed(options, split), plan.width, step)
    teller.tell("draw", f"Drew {plan.pictures} images with boxes of {', '.join(CLASSES)}")


def _train(place: DemoFiles, options: DetectionDemoOptions, teller: Teller) -> DetectorResult:
    settings = TrainSettings(
        weights=STARTER, image_size=options.plan.image_size, epochs=options.plan.epochs, seed=options.seed
    )
    request = TrainRequest(place.pictures, settings, output=place.folder / "train")
    with teller.stage("train", "Preparing the network") as progress:
        result = train_detector(request, EpochBar(progress))
    shutil.copyfile(result.model, place.keras)
    kept = result.history[result.kept - 1]
    found = kept.val_map50 if isinstance(kept, DetectorEpoch) else None
    said = "" if found is None else f": mAP50 {100 * found:.1f} % on the validation images"
    teller.tell("train", f"Trained a detector from the starter weights{said}")
    return result


def _film(place: DemoFiles, options: DetectionDemoOptions, teller: Teller) -> TrafficClip:
    with teller.stage("film", "Rendering the video") as progress:
        clip = write_traffic(place.clip, CLASSES, _seed(options, "clip"), options.plan.per_lane, counter(progress))
    teller.tell("film", f"Rendered a video of {len(clip.frames)} frames")
    return clip


def _loop(place: DemoFiles, clip: TrafficClip, teller: Teller) -> CountResult:
    with teller.stage("loop", "Running the loop on the video"):
        result = count_loop(place.tflite, clip, place.folder, place.contact_sheet)
    teller.tell("loop", f"Followed and counted the objects of the video: {result.describe()}")
    return result


def _seed(options: DetectionDemoOptions, split: str) -> tuple[int, int]:
    return options.seed, SPLITS.index(split)
