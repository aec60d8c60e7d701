"""The whole conversion: from a Keras model or a float .tflite and photos to one self-describing .tflite and a report."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgevision import selftest
from edgevision.datasets.split import FILE as SPLIT_FILE
from edgevision.datasets.training_images import TrainingImages, training_images
from edgevision.errors import EngineError, UsageError, missing_dependencies
from edgevision.files import atomic, run_folder
from edgevision.inspection import compatibility
from edgevision.model import open_model
from edgevision.model_file import model_file
from edgevision.model_file.card import ModelCard
from edgevision.preprocessing.pixel_limit import set_max_pixels
from edgevision.settings import validated

from . import backend
from .build_classifier import ConvertedModel
from .build_detector import ConvertedDetector, refuse_classifier_options
from .edgetpu.compilation import compile_into
from .edgetpu.compiler import find_compiler
from .images.calibration import CalibrationSet, choose, find_folder, set_aside
from .keras_files.find_model import find_model
from .keras_files.scan import scan
from .modes import MODES
from .options import ConvertOptions, check_mode
from .progress import NoProgress, Progress, Stages
from .quantization.drift_reference import drift_reference
from .quantization.embedding_output import give_embedding
from .quantization.make_detector_selftest import GeneratedDetectorSelfTest
from .quantization.make_selftest import GeneratedSelfTest
from .report.detector_record import DetectorConvertReport
from .report.html import page_path, write_page
from .report.record import ConvertReport
from .source_model.model_name import GENERIC, model_name
from .source_model.source_model import Network, open_network
from .task_kinds import CLASSIFIER, DETECTOR, Images, Made, Report, TaskKind
from .tflite_source.open_tflite import is_tflite, open_tflite, scan_tflite

__all__ = ["ConvertOptions", "convert", "report_path"]


@missing_dependencies()
def convert(options: ConvertOptions, progress: Progress | None = None) -> ConvertReport | DetectorConvertReport:
    """Convert a classifier or detector to a self-describing .tflite, repair it, and measure what it lost.

    Writes NAME.tflite, NAME.report.json and NAME.report.html.

    Args:
        options: The model, the photos and the settings.
        progress: An object with ``stage(name, total)`` and ``step(done)`` that receives the progress, or None.

    Returns:
        The paths of the written files and all measurements. The model is written even if it lost more than
        ``options.max_drop``; ``gate.met`` tells. A DetectorConvertReport for a detector.

    Raises:
        MissingFile: The model or the photos do not exist.
        BadModel: The model is damaged, unsafe or not supported.
        BadInput: An option or the photos cannot be used; raised before anything is written.
        UsageError: Options contradict each other.
        OutputExists: An output file exists, and ``options.overwrite`` is False.
        CannotWrite: An output cannot be written.
        EngineError: The written model fails its own self-test on this machine.
        MissingDependency: TensorFlow, or edgetpu_compiler for ``options.edgetpu``, is not installed.
    """
    options = _validated(options)
    set_max_pixels(options.max_pixels)
    _check_names(options)
    check_mode(options)
    _require_compiler(options)
    stages = Stages(progress or NoProgress())
    if options.output is not None:
        _require_outputs_absent(options.output, options.overwrite)
    with stages.stage("scan", "Scanning the model"):
        options = replace(options, model=find_model(options.model))
        from_tflite = is_tflite(options.model)
        found = (scan_tflite if from_tflite else scan)(options.model, options.load)
        name = _name(options, found.card)
        folder = find_folder(options.calibration, options.model, found.card)
        training = training_images(found.card, options.model.parent / SPLIT_FILE)
    with stages.stage("pictures", "Selecting calibration images"):
        calibration = _calibration(folder, options, training)
    run = None if options.output is not None else run_folder.new_run(options.runs, "convert")
    with run or nullcontext():
        output = options.output or (run.folder if run else Path()) / f"{name}.tflite"
        with stages.stage("load", "Loading the model"):
            open_source = open_tflite if from_tflite else open_network
            network = open_source(found, name, options.preprocessing, options.labels)
        given = network, calibration, training, output, options, stages
        report: ConvertReport | DetectorConvertReport
        if network.card.task in ("detection", "points"):
            refuse_classifier_options(options)
            report = _converted(DETECTOR, *given)
        else:
            report = _converted(CLASSIFIER, *given)
        if run is not None:
            run.outputs += [path.name for path in (report.path, report.report_path, report.page_path) if path]
            failure = report.failure()
            run.exit_code = 0 if failure is None else failure.exit_code
    return report


def _validated(options: ConvertOptions) -> ConvertOptions:
    """Return checked options. Raises BadInput."""
    checked = validated(replace(options, model=Path(options.model)))
    return replace(checked, preprocessing=validated(options.preprocessing), load=validated(options.load))


def _calibration(folder: Path, options: ConvertOptions, training: TrainingImages) -> CalibrationSet:
    found = choose(folder, options.calibration_count, options.seed, training)
    repaired = MODES[options.mode].int8 and options.effort != "none"
    return set_aside(found, options.seed) if repaired else found


def _require_compiler(options: ConvertOptions) -> None:
    """Check what ``--edgetpu`` needs before the work begins. Raises UsageError, MissingDependency."""
    if options.min_mapped is not None and not options.edgetpu:
        raise UsageError("--min-mapped limits what --edgetpu does; add --edgetpu, or leave --min-mapped out")
    if options.edgetpu:
        find_compiler()


def _converted(
    kind: TaskKind[Images, Made, Report],
    network: Network,
    calibration: CalibrationSet,
    training: TrainingImages,
    output: Path,
    options: ConvertOptions,
    stages: Stages,
) -> Report:
    """Make the model, and write it and its reports."""
    heldout = kind.held_out(network, calibration, options, training)
    made = kind.make(network, calibration, heldout, options, stages)
    limit = kind.limit(made, network, calibration, options, stages)
    with stages.stage("write", "Writing the files"):
        card = _finished_card(network, kind.quantization(options.mode, calibration, made), made.selftest)
        flatbuffer, card, extra = _contents(made, card, calibration, options)
        model_file.write(output, flatbuffer, card, extra)
        if made.selftest is not None:
            _check_selftest(output)
    written = model_file.read(output)
    report = kind.report(
        path=output,
        report_path=report_path(output),
        page_path=page_path(output),
        mode=options.mode,
        card=card,
        source=network.scan,
        parameters=network.parameters,
        sha256=written.sha256,
        file_bytes=written.file_bytes,
        float_bytes=made.float_bytes,
        normalization=network.inferred.preprocessing,
        preprocessing_from=network.inferred.source,
        labels_from=network.labels_from,
        graph=kind.graph(written.flatbuffer, card.preprocessing, options.mode),
        compatibility=compatibility.judge(written),
        calibration=calibration,
        heldout=made.heldout,
        comparison=made.comparison,
        repair=made.repair,
        selftest=made.selftest,
        seconds=stages.finish(),
        gate=limit,
        notes=(*kind.notes(calibration, made, options), *network.remarks),
    )
    return _finished(report, kind.page, options, stages)


def _finished(report: Report, page: Callable[[Report], str], options: ConvertOptions, stages: Stages) -> Report:
    """Put the part for the Edge TPU into the file if it is asked for, and write the reports."""
    if options.edgetpu:
        with stages.stage("edgetpu", "Compiling for the Edge TPU"):
            made = compile_into(report.path, find_compiler(), options.min_mapped)
        written = model_file.read(report.path)
        report = replace(
            report, edgetpu=made, sha256=written.sha256, file_bytes=written.file_bytes, seconds=stages.finish()
        )
    atomic.write_text(report.report_path, run_folder.dump(report.to_json()) + "\n")
    return write_page(report, page)


def _contents(
    made: ConvertedModel | ConvertedDetector, card: ModelCard, calibration: CalibrationSet, options: ConvertOptions
) -> tuple[bytes, ModelCard, dict[str, bytes]]:
    """Return the flatbuffer, its model card, and the other entries of the file."""
    flatbuffer, files = made.flatbuffer, made.selftest.files if made.selftest else {}
    if options.with_embedding:
        flatbuffer, card, vectors = give_embedding(flatbuffer, card, calibration)
        files = {**files, **vectors}
    return flatbuffer, card.with_(drift=drift_reference(flatbuffer, card, calibration)), files


def _finished_card(
    network: Network, quantization: dict[str, Any], made: GeneratedSelfTest | GeneratedDetectorSelfTest | None
) -> ModelCard:
    return network.card.with_(
        source_sha256=network.scan.sha256(),
        selftest=made.test if made else None,
        quantization=quantization,
        versions=run_folder.versions(),
        created=run_folder.utc_now(),
    )


def report_path(output: Path) -> Path:
    """Return the path NAME.report.json next to NAME.tflite."""
    return output.with_name(f"{output.stem}.report.json")


def _check_selftest(path: Path) -> None:
    """Run the self-test of the written file on this machine. Raises EngineError if it fails."""
    with backend.quiet(), open_model(path) as model:
        found = selftest.check(model)
    if not found.ok:
        raise EngineError(f"{path} fails its own self-test on this machine: {found.describe()}")


def _name(options: ConvertOptions, card: ModelCard | None) -> str:
    """Return the given name, else that of a telling output file, else one from the model."""
    if options.name is not None:
        return options.name
    if options.output is not None and options.output.stem.lower() not in GENERIC:
        return options.output.stem
    return model_name(options.model, card.labels if card else ())


def _check_names(options: ConvertOptions) -> None:
    """Check the names that the user gives. Raises UsageError."""
    if options.output is not None and options.output.suffix != ".tflite":
        raise UsageError(f"invalid --output {str(options.output)!r}: the file name must end in .tflite")
    name = options.name
    if name is not None and (not name.strip() or "/" in name or "\\" in name or name.startswith(".")):
        raise UsageError(f"invalid --name {name!r}: use a plain name without slashes or a leading dot")


def _require_outputs_absent(output: Path, overwrite: bool) -> None:
    atomic.require_absent(output, overwrite)
    atomic.require_absent(report_path(output), overwrite)
    atomic.require_absent(page_path(output), overwrite)
