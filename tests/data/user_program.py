"""A program as a user would write it, with every public name. tests/project/test_typing.py checks its types."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, assert_type

import numpy as np
import numpy.typing as npt
from edgevision.convert import (
    AnomalyResult,
    ConvertOptions,
    ConvertReport,
    DetectorConvertReport,
    DetectorResult,
    LoadOptions,
    PreprocessingOptions,
    TrainResult,
    TrainSettings,
    convert,
    train,
)
from edgevision.device import (
    Event,
    LabelCheck,
    LabelMistake,
    RunSummary,
    Sink,
    Source,
    Unreadable,
    check_labels,
    near_duplicates,
    open_camera,
    open_source,
    run,
)

import edgevision
from edgevision import (
    Anomaly,
    AnomalyEvaluation,
    BadImage,
    BadInput,
    BadModel,
    CameraError,
    CameraGone,
    CameraLost,
    Cancelled,
    CannotWrite,
    Detection,
    DetectorEvaluation,
    EdgeVisionError,
    EngineError,
    Evaluation,
    FlashRefused,
    Frame,
    GateNotMet,
    Keypoint,
    Label,
    LineCount,
    MissingDependency,
    MissingFile,
    Model,
    ModelCard,
    ModelFile,
    OutputExists,
    Point,
    PointEvaluation,
    Prediction,
    Preprocessing,
    Region,
    RemoteUnreachable,
    RolledBack,
    UnknownName,
    UsageError,
    VerifyFailed,
    WriteFailed,
    ZoneOccupancy,
    evaluate,
    inspect,
    open_model,
    read_model,
)

FAULTS: tuple[type[EdgeVisionError], ...] = (
    BadImage,
    BadInput,
    BadModel,
    CameraError,
    CameraGone,
    CameraLost,
    Cancelled,
    CannotWrite,
    EngineError,
    FlashRefused,
    GateNotMet,
    MissingDependency,
    MissingFile,
    OutputExists,
    RemoteUnreachable,
    RolledBack,
    UnknownName,
    UsageError,
    VerifyFailed,
    WriteFailed,
)


class Ramp(Source):
    """Delivers gray images that grow brighter."""

    spec = "ramp:"
    live = False

    def __iter__(self) -> Iterator[Frame]:
        for index in range(5):
            yield Frame(np.full((48, 64, 3), 50 * index, np.uint8), "BGR", index, source=self.spec)


class Collect(Sink):
    """Keeps the best label of each frame, and what happened."""

    spec = "collect"

    def __init__(self) -> None:
        self.best: list[str] = []
        self.happened: list[str] = []

    def write(self, frame: Frame, prediction: Prediction) -> None:
        assert_type(prediction.top, Label | None)
        self.best.append(f"{frame.index} {prediction.top.name if prediction.top else 'unknown'}")

    def event(self, event: Event) -> None:
        self.happened.append(f"{event.kind} {event.detail}")

    def error(self, error: Unreadable) -> None:
        self.happened.append(f"{error.index} {error.message}")


def describe(prediction: Prediction) -> Iterator[str]:
    label: Label
    for label in prediction.labels:
        yield f"{label.score:.2f} {label.name}"
    found: Detection
    for found in prediction.objects:
        x0, y0, x1, y1 = found.box
        yield f"{found.score:.2f} {found.name} {x1 - x0:.0f}x{y1 - y0:.0f}"
        keypoint: Keypoint
        for keypoint in found.keypoints:
            yield f"{keypoint.name} {keypoint.x:.0f},{keypoint.y:.0f}"
    point: Point
    for point in prediction.points:
        yield f"{point.score:.2f} {point.name} at {point.x:.0f},{point.y:.0f}"
    line: LineCount
    for line in prediction.counts:
        yield f"{line.name}: {line.forward - line.backward}"
    zone: ZoneOccupancy
    for zone in prediction.zones:
        yield f"{zone.name}: {zone.count} {zone.tracks}"
    region: Region
    for region in prediction.regions:
        yield f"{100 * region.area:.0f} % {region.name}"
    yield f"{prediction.stages_ms['infer']:.1f} ms"


def predict(model: Model, image: npt.NDArray[np.uint8] | Path) -> Prediction:
    card: ModelCard = model.card
    preprocessing: Preprocessing = card.preprocessing
    gray = Frame(np.full((preprocessing.height, preprocessing.width), 128, np.uint8), "GRAY")
    assert_type(model.scores(gray), npt.NDArray[np.float32])
    return model.predict(image, top=3, threshold=0.0)


def loop(model: Model, video: str | None = None) -> RunSummary:
    source: Source = Ramp() if video is None else open_source(video, model=model, rotate=90)
    collect = Collect()
    summary = run(source, model, [collect], limit=100, threshold=0.0, smooth=3)
    print(*collect.best, *collect.happened, sep="\n")
    return summary


def look(model: Model) -> RunSummary:
    camera = open_camera("test:@fast", model=model, size=(320, 240), fps=30.0, flip="horizontal")
    return run(camera, model, limit=5, on_motion=True)


def file_facts(path: Path) -> dict[str, Any]:
    file: ModelFile = read_model(path)
    print(path, edgevision.__version__, file.card.task if file.card else "no card", file.labels[:3])
    return inspect(path)


def make(photos: Path, folder: Path) -> tuple[ConvertReport | DetectorConvertReport, float | None]:
    settings = TrainSettings(backbone="mobilenet_v2", epochs=5, augment="strong", seed=1)
    trained: TrainResult | DetectorResult | AnomalyResult = train(photos, settings, runs=folder)
    options = ConvertOptions(
        model=trained.model,
        calibration=photos,
        output=folder / "model.tflite",
        max_drop=2.0,
        preprocessing=PreprocessingOptions(resize="crop", mean=(127.5,), std=(127.5,)),
        load=LoadOptions(image_size=224),
    )
    report = convert(options)
    done = evaluate(report.path, photos, compare=trained.model, split="test")
    return report, measured(done)


def suspects(photos: Path, features: Model) -> Iterator[str]:
    found: LabelCheck = check_labels(photos, features)
    worst: LabelMistake
    for worst in found.mistakes[: found.estimated_mistakes]:
        yield f"{worst.path}: {worst.label}, likely {worst.likely} ({worst.score:.2f})"
    for group in near_duplicates(photos):
        yield " = ".join(group)


def unusual(found: Anomaly) -> tuple[float, float, float, float] | None:
    print(found.score, found.threshold)
    return found.box if found.is_anomalous else None


def measured(done: Evaluation | DetectorEvaluation | PointEvaluation | AnomalyEvaluation) -> float | None:
    if isinstance(done, AnomalyEvaluation):
        print(done.auc.low, done.auc.high, done.false_alarms.count, done.found.count)
        return done.auc.value
    if isinstance(done, DetectorEvaluation):
        print(done.measures.map50.low, done.measures.map50.high)
        return done.measures.map50.value
    if isinstance(done, PointEvaluation):
        print(done.measures.f1.low, done.measures.f1.high, done.measures.count_error.value)
        return done.measures.f1.value
    accuracy = done.metrics.accuracy
    print(f"{accuracy.value:.3f} ({accuracy.low:.3f} to {accuracy.high:.3f})")
    return accuracy.value


def main() -> int:
    try:
        with open_model(threads=1) as model:
            print(*describe(predict(model, np.zeros((240, 320, 3), np.uint8))), sep="\n")
            for summary in (loop(model), look(model)):
                print(summary.frames, summary.stopped_by)
            print(file_facts(model.path)["schema"])
    except MissingFile as error:
        print(error.filename, error, file=sys.stderr)
        return error.exit_code
    except FAULTS as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
