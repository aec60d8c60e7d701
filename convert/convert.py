"""The whole conversion: a Keras model and some photos in, one self-describing int8 .tflite and a report out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edgevision import files, modelfile, pictures, runs, selftest
from edgevision.card import ModelCard
from edgevision.errors import BadModel, EngineError, UsageError
from edgevision.interpreter import open_interpreter
from edgevision.model import open_model
from edgevision.preprocess import pixels

from . import backend
from .agreement import Comparison, compare
from .calibrate import COUNT, CalibrationSet, choose, find_folder
from .float_model import FloatModel, make_float_model
from .heldout import USED, HeldOut, labelled, remaining
from .infer_rule import InferredRule, RuleOptions, infer_rule
from .labels import labels_for
from .load import LoadedModel, load
from .progress import NoProgress, Progress, Stages
from .quantize import to_float, to_int8
from .report import ConvertReport, quantization_record
from .scan import Scan, scan
from .selftest import TRIALS, GeneratedSelfTest, make_selftest
from .task import infer_task
from .verify import verify

if TYPE_CHECKING:
    from edgevision.data import Pixels


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """What to convert, with what, to where."""

    model: Path
    calibration: Path | None = None
    """Folder of photos; None: what the model's card names, else ./calibration_images."""
    calibration_count: int = COUNT
    labels: Path | None = None
    name: str | None = None
    """None: the name of the model's file."""
    output: Path | None = None
    """None: a new run folder."""
    rule: RuleOptions = field(default_factory=RuleOptions)
    report_on: Path | None = None
    """Labelled pictures to score on: CSV, folder or zip. None: the calibration folder's other pictures."""
    runs: Path = Path("runs")
    overwrite: bool = False
    seed: int = 0
    warn_rendered: bool = True
    """False: drawn pictures are what this model is for (the demo)."""


@dataclass(frozen=True, slots=True, eq=False)
class _Network:
    """A loaded model with all that is known of its use."""

    loaded: LoadedModel
    inferred: InferredRule
    model: FloatModel
    card: ModelCard
    labels_from: str


@dataclass(frozen=True, slots=True, eq=False)
class _Quantized:
    """An int8 model and its proof."""

    flatbuffer: bytes
    float_bytes: int
    """Size of the same model as a float .tflite."""
    heldout: HeldOut
    comparison: Comparison
    selftest: GeneratedSelfTest


def convert(options: ConvertOptions, progress: Progress | None = None) -> ConvertReport:
    """Converts a model and measures what that cost. Raises EdgeVisionError of many kinds before anything is written.

    Writes NAME.tflite and NAME.report.json; what exists is refused before any work is done, unless ``overwrite``.
    """
    stages = Stages(progress or NoProgress())
    name = _name(options)
    if options.output is not None:
        _require_outputs_absent(options.output, options.overwrite)
    with stages.stage("scan", "Looking into the model"):
        found = scan(options.model)
        folder = find_folder(options.calibration, options.model, found.card)
    with stages.stage("pictures", "Choosing calibration pictures"):
        calibration = choose(folder, options.calibration_count, options.seed)
    run = None if options.output is not None else runs.new_run(options.runs, "convert")
    with run or nullcontext():
        output = options.output or (run.folder if run else Path()) / f"{name}.tflite"
        with stages.stage("load", "Loading the model"):
            network = _open(found, options, name)
        quantized = _quantize(network, calibration, options, stages)
        report = _write(network, quantized, calibration, output, options, stages)
        if run is not None:
            run.outputs += [report.path.name, report.report_path.name]
    return report


def _open(found: Scan, options: ConvertOptions, name: str) -> _Network:
    loaded = load(found)
    shape = (loaded.height, loaded.width, loaded.channels)
    try:
        answer = infer_task(found.config, loaded.outputs, found.training)
        inferred = infer_rule(found.config, shape, loaded.outputs, found.card, options.rule)
    except BadModel as error:
        raise BadModel(f"{found.path}: {error}") from None
    labels, labels_from = labels_for(options.labels, found.card, answer.classes)
    model = make_float_model(loaded, inferred)
    card = ModelCard(
        name=name,
        task=answer.task,
        rule=model.rule,
        labels=labels,
        activation=answer.activation,
        threshold=found.card.threshold if found.card else None,
        training=_portable(found.card.training) if found.card else None,
    )
    return _Network(loaded, inferred, model, card, labels_from)


def _quantize(network: _Network, calibration: CalibrationSet, options: ConvertOptions, stages: Stages) -> _Quantized:
    """Converts, checks, compares and finds the self-test."""
    model, card = network.model, network.card
    heldout = _heldout(network, calibration, options)
    with stages.stage("float", "Converting to float"):
        plain = to_float(model)
    with stages.stage("int8", "Quantizing to int8", len(calibration.chosen)):
        flatbuffer = to_int8(model, lambda: _prepared(calibration, model, stages))
    verify(flatbuffer, card.rule)
    with backend.quiet():
        float_model, int8_model = open_interpreter(plain), open_interpreter(flatbuffer)
    with closing(float_model), closing(int8_model):
        with stages.stage("compare", "Comparing float and int8", len(heldout.pictures)):
            comparison = compare(model, float_model, int8_model, card, heldout, stages.step)
        with stages.stage("selftest", "Making the self-test", TRIALS):
            test = make_selftest(int8_model, card.rule, card.activation, options.seed, stages.step)
    return _Quantized(flatbuffer, len(plain), heldout, comparison, test)


def _heldout(network: _Network, calibration: CalibrationSet, options: ConvertOptions) -> HeldOut:
    if options.report_on is not None:
        return labelled(options.report_on, network.card, network.loaded.outputs, calibration)
    return remaining(calibration, network.card.labels, options.seed)


def _prepared(calibration: CalibrationSet, model: FloatModel, stages: Stages) -> Iterator[Pixels]:
    for number, picture in enumerate(calibration.chosen):
        stages.step(number)
        yield pixels(pictures.read(picture.path), model.rule)


def _write(
    network: _Network,
    quantized: _Quantized,
    calibration: CalibrationSet,
    output: Path,
    options: ConvertOptions,
    stages: Stages,
) -> ConvertReport:
    with stages.stage("write", "Writing"):
        card = _finished_card(network, quantized, calibration)
        modelfile.write(output, quantized.flatbuffer, card, quantized.selftest.files)
        _check_selftest(output)
    written = modelfile.read(output)
    report = ConvertReport(
        path=output,
        report_path=report_path(output),
        card=card,
        source=network.loaded.scan,
        parameters=network.loaded.parameters,
        sha256=written.sha256,
        int8_bytes=written.file_bytes,
        float_bytes=quantized.float_bytes,
        rule_from=network.inferred.source,
        labels_from=network.labels_from,
        graph=verify(written.flatbuffer, card.rule),
        calibration=calibration,
        heldout=quantized.heldout,
        comparison=quantized.comparison,
        selftest=quantized.selftest,
        seconds=stages.finish(),
        notes=_notes(calibration, quantized, options),
    )
    files.write_text(report.report_path, runs.dump(report.to_json()) + "\n")
    return report


def _finished_card(network: _Network, quantized: _Quantized, calibration: CalibrationSet) -> ModelCard:
    return network.card.with_(
        source_sha256=files.sha256(network.loaded.scan.path),
        selftest=quantized.selftest.test,
        quantization=quantization_record(calibration, quantized.heldout, quantized.comparison),
        versions=runs.versions(),
        created=runs.utc_now(),
    )


def report_path(output: Path) -> Path:
    """NAME.report.json beside NAME.tflite."""
    return output.with_name(f"{output.stem}.report.json")


def _check_selftest(path: Path) -> None:
    """The file as it lies on disk must pass its own test here. Raises EngineError."""
    with backend.quiet(), open_model(path) as model:
        found = selftest.check(model)
    if not found.ok:
        raise EngineError(f"{path} fails its own self-test on this machine: {found.describe()}")


def _name(options: ConvertOptions) -> str:
    if options.output is not None and options.output.suffix != ".tflite":
        raise UsageError(f"-o takes the name of a .tflite, not {str(options.output)!r}")
    name = options.name or (options.output.stem if options.output else options.model.stem)
    if not name.strip() or "/" in name or "\\" in name or name.startswith("."):
        raise UsageError(f"--name must be a plain name, not {name!r}")
    return name


def _require_outputs_absent(output: Path, overwrite: bool) -> None:
    files.require_absent(output, overwrite)
    files.require_absent(report_path(output), overwrite)


def _portable(training: dict[str, object] | None) -> dict[str, object] | None:
    """The training record without the place of its pictures on this machine."""
    return None if training is None else {key: value for key, value in training.items() if key != "calibration"}


def _notes(calibration: CalibrationSet, quantized: _Quantized, options: ConvertOptions) -> tuple[str, ...]:
    found = []
    if calibration.rendered and options.warn_rendered:
        found.append(
            "calibrated with drawn pictures, which costs accuracy on photos; give --calibration FOLDER with about "
            "100 photos like those the camera will see"
        )
    every = (*calibration.skipped, *quantized.heldout.skipped, *quantized.comparison.skipped)
    skipped = [one for one in every if one.reason != USED]
    if len(every) > len(skipped):
        found.append(f"not scored on {len(every) - len(skipped)} pictures that calibrate the model, or are copies")
    found += [f"skipped {one.path}: {one.reason}" for one in skipped[:5]]
    if len(skipped) > 5:
        found.append(f"skipped {len(skipped) - 5} more; the report names them")
    if quantized.comparison.pictures == 0:
        found.append("no pictures were left to compare float and int8 on; give more pictures, or --report-on")
    return tuple(found)
