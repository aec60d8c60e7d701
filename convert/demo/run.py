"""The demo from end to end, stage by stage."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from time import perf_counter

from edgevision import model
from edgevision.errors import GateNotMet
from edgevision.files import atomic, run_folder
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing import decode

from .. import backend
from ..keras_files.embedded_card import save_keras
from ..progress import NoProgress, Progress
from ..report.record import ConvertReport
from ..synthetic import draw_set
from .contact_sheet import TilePrediction, write_contact_sheet
from .conversion import convert_drawn
from .options import CLASSES, DemoOptions
from .report import DemoFiles, DemoReport
from .run_loop import LoopResult, run_loop
from .teller import EpochBar, Teller, counter, cpu_seconds
from .training import NAME, RULE, Trained, read_folders, train
from .video import Clip, write_clip

SPLITS = ("train", "val", "test", "clip")
"""Image sets; each is drawn from its own random stream."""


def run_demo(
    options: DemoOptions,
    bar: Callable[[], AbstractContextManager[Progress]] = lambda: nullcontext(NoProgress()),
    tell: Callable[[str], None] = lambda text: None,
) -> DemoReport:
    """Run the demo and write everything to ``runs/demo-N``. Raises CannotWrite, LoopFailed and the errors of ``convert``.

    ``bar``: shows the progress of one stage. ``tell``: receives one line for each finished stage.
    ``ok`` of the report and the exit code in run.json tell whether the accuracy goal was met.
    """
    started, teller = perf_counter(), Teller(bar, tell)
    with teller.stage("load", "Loading TensorFlow"):
        backend.tensorflow()  # first: if TensorFlow is missing, fail before writing anything
    run = run_folder.new_run(options.runs, "demo")
    with run:
        place = DemoFiles(run.folder)
        _draw(place, options, teller)
        trained = _train(place, options, teller)
        _save(place, trained, options)
        conversion = convert_drawn(place.keras, place, options.seed, teller)
        assert isinstance(conversion, ConvertReport), "the demo trains a classifier"
        _sheet(place, teller)
        clip = _film(place, options, teller)
        loop = _loop(place, clip, teller)
        seconds = {**teller.seconds, "total": round(perf_counter() - started, 2)}
        report = DemoReport(options, place, trained.history, conversion, loop, seconds, cpu_seconds())
        atomic.write_text(place.report, run_folder.dump(report.to_json()) + "\n")
        run.outputs += place.names()
    if not report.ok:
        run.finish(GateNotMet.exit_code)  # all files are written, but the goal was missed
    return report


def _draw(place: DemoFiles, options: DemoOptions, teller: Teller) -> None:
    plan, total = options.plan, options.plan.pictures * len(CLASSES)
    with teller.stage("draw", "Drawing images", total) as progress:
        step = counter(progress)
        for split, number in (("train", plan.train), ("val", plan.val), ("test", plan.test)):
            draw_set(place.pictures / split, CLASSES, number, _seed(options, split), plan.size, step)
    teller.tell("draw", f"Drew {total:,} images of {len(CLASSES)} classes: {', '.join(CLASSES)}")


def _train(place: DemoFiles, options: DemoOptions, teller: Teller) -> Trained:
    with teller.stage("read", "Reading the images"):
        learn, validate = (read_folders(place.pictures / split, CLASSES) for split in ("train", "val"))
    with teller.stage("train", "Preparing the network") as progress:
        trained = train(learn, validate, CLASSES, options.plan.epochs, options.seed, EpochBar(progress))
    accuracy = 100 * trained.val_accuracy
    teller.tell("train", f"Trained {NAME} from the starter weights: {accuracy:.1f} % accuracy on the validation images")
    return trained


def _save(place: DemoFiles, trained: Trained, options: DemoOptions) -> None:
    plan, classes = options.plan, len(CLASSES)
    record = {
        "backbone": f"{NAME}, from the starter weights",
        "data": {"drawn": True, "seed": options.seed, "train": plan.train * classes, "val": plan.val * classes},
        "epochs": len(trained.history),
        "val_accuracy": round(trained.val_accuracy, 6),
        # Relative to the model file, so that `edgevision convert model.keras` finds the calibration images.
        "calibration": (place.pictures / "train").relative_to(place.folder).as_posix(),
    }
    card = ModelCard(
        name="demo",
        task="classification",
        preprocessing=RULE,
        labels=CLASSES,
        training=record,
        versions=run_folder.versions(),
        created=run_folder.utc_now(),
    )
    save_keras(trained.keras, card, place.keras)


def _sheet(place: DemoFiles, teller: Teller) -> None:
    test = place.pictures / "test"
    found = [(name, path) for name in CLASSES for path in decode.find(test / name)]
    with teller.stage("contact_sheet", "Making the contact sheet", len(found)) as progress:
        answers, step = [], counter(progress)
        with model.open_model(place.tflite) as opened:
            for name, path in found:
                answers.append(
                    TilePrediction(path, name, opened.predict(decode.read(path), top=1, threshold=0.0).labels[0])
                )
                step()
        right = sum(answer.right for answer in answers)
        title = f"{place.folder.name}, int8: {right} of {len(answers)} held-out images correct"
        write_contact_sheet(place.contact_sheet, answers, title)


def _film(place: DemoFiles, options: DemoOptions, teller: Teller) -> Clip:
    plan = options.plan
    with teller.stage("film", "Rendering the video", plan.clip_frames) as progress:
        clip = write_clip(place.clip, CLASSES, _seed(options, "clip"), plan.rounds, plan.frames, counter(progress))
    teller.tell("film", f"Rendered a video of {len(clip.labels)} frames")
    return clip


def _loop(place: DemoFiles, clip: Clip, teller: Teller) -> LoopResult:
    with teller.stage("loop", "Running the loop on the video"):
        result = run_loop(place.tflite, clip, place.folder)
    teller.tell("loop", f"Ran the loop on the video: {result.accuracy.count} of {result.accuracy.total} frames correct")
    return result


def _seed(options: DemoOptions, split: str) -> tuple[int, int]:
    return options.seed, SPLITS.index(split)
